"""The package of a sealed record, judged offline; every change to it is found and named."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import av
import bagit
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings.package_verdict import PackageVerdict
from recordings.package_words import readme
from recordings.verify import verify_package
from server.verify import in_words
from tests.node.recordings.conftest import SECONDS, Sealed
from tests.support import rtp_source
from tests.support.documents import PDF
from tests.unit.signing.samples import RECORD


def files_of(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {m.name.partition("/")[2]: archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def packed(files: dict[str, bytes]) -> bytes:
    """A tar whose checksums fit again, as somebody makes it who knows BagIt."""
    files = {name: data for name, data in files.items() if "manifest-sha256" not in name}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
    files["manifest-sha256.txt"] = "".join(line + "\n" for line in sums.splitlines() if "  data/" in line).encode()
    tags = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
    tag_sums = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in tags)
    files["tagmanifest-sha256.txt"] = tag_sums.encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{RECORD}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def judged(sealed: Sealed, tmp_path: Path, data: bytes) -> PackageVerdict:
    return verify_package(sealed.path(tmp_path, data), sealed.now, sealed.trust)


def recording(files: dict[str, bytes]) -> str:
    return next(name for name in files if name.endswith(".webm"))


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x40,)) + data[at + 1 :]


def test_an_untouched_package_passes_in_all_five_parts(sealed: Sealed, tmp_path: Path) -> None:
    verdict = judged(sealed, tmp_path, sealed.tar)
    assert [(part.part, part.state, part.findings) for part in verdict.parts] == [
        (name, "pass", ()) for name in ("recording", "photos", "report", "signatures", "time")
    ]
    assert verdict.record == RECORD and verdict.coverage_percent == 100.0
    assert verdict.sentence_zh == "录像、照片、勘验单、签名、时间证明都与封存时一致。"


def test_a_package_of_the_help_service_is_judged_in_the_services_own_words(sealed: Sealed, tmp_path: Path) -> None:
    files = files_of(sealed.tar) | {"data/README.txt": readme("help").encode()}
    verdict = judged(sealed, tmp_path, packed(files))
    assert verdict.state == "pass" and verdict.kind == "help"
    assert "记录单 / report sheet" in in_words(verdict)
    del files["data/report.pdf"]
    data = files[name := recording(files)]
    starts = [at for at in range(len(data)) if data.startswith(b"\x1f\x43\xb6\x75", at)]
    files[name] = changed(data, starts[3] + 2000)
    broken = judged(sealed, tmp_path, packed(files))
    assert broken.part("recording").findings[0].zh.startswith("办事人录像")
    assert broken.part("recording").findings[0].en.startswith("Citizen's recording")
    assert "记录单还没有签完、盖章。" in [each.zh for each in broken.part("signatures").findings]
    for said in (verdict, broken):
        assert "勘验单" not in in_words(said) + said.sentence_zh


def test_with_the_packages_own_certificates_it_passes_and_says_so(sealed: Sealed, tmp_path: Path) -> None:
    verdict = verify_package(sealed.path(tmp_path, sealed.tar), sealed.now)
    assert verdict.state == "pass"
    assert [each.code for each in verdict.part("time").findings] == ["B40"]


def test_it_is_a_bag_that_other_tools_accept_and_its_recording_has_every_frame(sealed: Sealed, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(sealed.tar)) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / RECORD
    bagit.Bag(str(folder)).validate()
    checked = subprocess.run(
        ["sha256sum", "-c", "--quiet", "manifest-sha256.txt"], cwd=folder, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    (file,) = (folder / "data/recordings").glob("*.webm")
    with av.open(str(file)) as media:
        assert sum(1 for _ in media.decode(video=0)) == SECONDS * rtp_source.FPS
    assert verify_package(tmp_path / RECORD, sealed.now, sealed.trust).state == "pass"
    assert verify_package(tmp_path, sealed.now, sealed.trust).state == "pass"


def test_a_changed_second_of_the_recording_is_named_even_if_the_checksums_were_made_again(
    sealed: Sealed, tmp_path: Path
) -> None:
    files = files_of(sealed.tar)
    name = recording(files)
    data = files[name]
    starts = [at for at in range(len(data)) if data.startswith(b"\x1f\x43\xb6\x75", at)]
    files[name] = changed(data, starts[3] + 2000)
    verdict = judged(sealed, tmp_path, packed(files))
    assert [part.part for part in verdict.parts if part.state == "fail"] == ["recording"]
    (found,) = verdict.part("recording").findings
    assert found.code == "B05" and found.object == name
    assert found.at_ms is not None and 2000 <= found.at_ms < 4000 and found.at is not None
    assert found.zh.startswith("申请人录像") and "起1秒与封存记录不一致" in found.zh
    assert verdict.sentence_zh.endswith("，其余一致。")


def test_a_changed_index_or_head_or_length_of_a_recording_is_named(sealed: Sealed, tmp_path: Path) -> None:
    for change, code in (
        (lambda data: changed(data, 60), "B06"),
        (lambda data: changed(data, len(data) - 3), "B06"),
        (lambda data: data[: len(data) // 2], "B07"),
    ):
        files = files_of(sealed.tar)
        files[recording(files)] = change(files[recording(files)])
        assert code in {each.code for each in judged(sealed, tmp_path, packed(files)).part("recording").findings}
    files = files_of(sealed.tar)
    index = recording(files).replace(".webm", ".json")
    files[index] = changed(files[index], len(files[index]) - 20)
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("recording").findings] == ["B08"]


def test_a_replaced_photo_a_stranger_photo_and_a_missing_photo_are_named(sealed: Sealed, tmp_path: Path) -> None:
    files = files_of(sealed.tar)
    files["data/photos/pho_1.jpg"] = changed(files["data/photos/pho_1.jpg"], 300)
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B13"]
    files = files_of(sealed.tar) | {"data/photos/pho_2.jpg": b"x"}
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B14"]
    files = files_of(sealed.tar)
    del files["data/photos/pho_1.jpg"]
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B02"]


def test_a_replaced_file_a_stranger_file_and_a_missing_file_are_named(sealed: Sealed, tmp_path: Path) -> None:
    name = "data/files/fil_1.pdf"
    files = files_of(sealed.tar)
    assert files[name] == PDF
    files[name] = changed(PDF, 20)
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B20"]
    files = files_of(sealed.tar) | {"data/files/fil_2.pdf": PDF}
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B21"]
    files = files_of(sealed.tar)
    del files[name]
    assert [each.code for each in judged(sealed, tmp_path, packed(files)).part("photos").findings] == ["B02"]


def test_a_changed_event_and_a_cut_off_chain_are_named(sealed: Sealed, tmp_path: Path) -> None:
    files = files_of(sealed.tar)
    lines = files["data/events.jsonl"].splitlines(keepends=True)
    files["data/events.jsonl"] = b"".join([lines[0].replace("张伟".encode(), "张三".encode()), *lines[1:]])
    found = judged(sealed, tmp_path, packed(files)).part("recording").findings
    assert [each.zh for each in found] == ["第1条事件与封存记录不一致。"]
    files["data/events.jsonl"] = b"".join(lines[:-2])
    assert "B10" in {each.code for each in judged(sealed, tmp_path, packed(files)).part("recording").findings}


def test_a_changed_sheet_fails_as_a_sheet_and_a_changed_stamp_as_time_proof(sealed: Sealed, tmp_path: Path) -> None:
    files = files_of(sealed.tar)
    files["data/report.pdf"] = changed(files["data/report.pdf"], len(files["data/report.pdf"]) // 3)
    verdict = judged(sealed, tmp_path, packed(files))
    assert verdict.part("report").state == "fail" and verdict.part("recording").state == "pass"
    files = files_of(sealed.tar)
    stamp = max(name for name in files if name.endswith(".tst"))
    files[stamp] = changed(files[stamp], len(files[stamp]) - 10)
    verdict = judged(sealed, tmp_path, packed(files))
    assert [part.part for part in verdict.parts if part.state == "fail"] == ["time"]
    assert [each.code for each in verdict.part("time").findings] == ["B17"]


def test_a_rewritten_history_without_stamps_cannot_pass(sealed: Sealed, tmp_path: Path) -> None:
    files = {name: data for name, data in files_of(sealed.tar).items() if not name.endswith(".tst")}
    verdict = judged(sealed, tmp_path, packed(files))
    assert verdict.part("time").state == "undecided" and verdict.state == "undecided"
    assert "无法判断" in verdict.sentence_zh


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(sealed: Sealed, tmp_path: Path, place: float, bit: int) -> None:
    at = int(place * len(sealed.tar))
    data = bytearray(sealed.tar)
    data[at] ^= 1 << bit
    verdict = judged(sealed, tmp_path, bytes(data))
    assert verdict.state == "fail", f"byte {at}"
    assert all(part.findings for part in verdict.parts if part.state == "fail")


@pytest.mark.parametrize("junk", [b"", b"not a tar", b"\0" * 4096, bytes(range(256)) * 64])
def test_what_is_no_package_is_refused_with_a_reason(sealed: Sealed, tmp_path: Path, junk: bytes) -> None:
    verdict = judged(sealed, tmp_path, junk)
    assert {part.state for part in verdict.parts} == {"fail"}

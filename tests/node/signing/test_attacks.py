"""What `verify` says of every attack, what others see of it, and the table of both in docs/evidence.md."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signing.verdict import NOTES, SENTENCES
from signing.verify import verify_pdf
from tests.node.signing.attacks import Attack
from tests.node.signing.finished import Finished
from tests.node.signing.insiders import ATTACKS
from tests.support import foreign

DOCS = Path(__file__).resolve().parents[3] / "docs" / "evidence.md"
TABLE = re.compile(r"(<!-- attacks:[^\n]*-->\n).*?(<!-- end of attacks -->)", re.DOTALL)
WHOLE = 6
"""Signatures in a good file, its archive time stamp among them."""


@pytest.fixture(scope="module")
def attacked(finished: Finished) -> dict[str, bytes]:
    async def all_of_them() -> dict[str, bytes]:
        return {one.key: await one.spoil(finished) for one in ATTACKS}

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.key)
def test_every_attack_is_refused_and_named(finished: Finished, attacked: dict[str, bytes], attack: Attack) -> None:
    verdict = verify_pdf(attacked[attack.key], finished.trust, datetime.now(UTC))
    assert verdict.state == "fail"
    assert verdict.codes() - NOTES == attack.named, verdict


def test_the_table_of_attacks_says_what_each_verifier_sees(
    finished: Finished, attacked: dict[str, bytes], tmp_path: Path
) -> None:
    """Writes the table: where it fails, the document now says what is true, and the change is to be looked at."""
    given = foreign.anchors(finished.trust, tmp_path / "anchors")
    paths = {key: tmp_path / f"{key}.pdf" for key in ("good", *attacked)}
    for key, path in paths.items():
        path.write_bytes(attacked.get(key, finished.pdf))
    boxes = foreign.pdfbox(list(paths.values()), given.root)
    known: dict[bytes, bool] = {}
    seen = {key: others(path, boxes[path], given, tmp_path, known) for key, path in paths.items()}
    assert seen["good"] == [NOT_SEEN] * 4, seen["good"]
    table = "".join(f"{line}\n" for line in rows(seen))
    before = DOCS.read_text("utf-8")
    after = TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", before)
    DOCS.write_text(after, "utf-8")
    assert table in before


SEEN, OPEN_END, NOT_SEEN = "yes", "end", "no"


def others(
    pdf: Path, box: list[foreign.BoxVerdict], given: foreign.Anchors, folder: Path, known: dict[bytes, bool]
) -> list[str]:
    """pdfsig, mutool, OpenSSL, PDFBox: whether one calls a signature bad, sees at least that none reaches the end of
    the file, or sees nothing. `known`: what OpenSSL said of the same bytes before."""
    said = foreign.pdfsig(pdf, given)
    people = WHOLE - 1
    valid = said.count("Signature is Valid.") == people == said.count("Certificate is Trusted.")
    poppler = _seen(
        valid and said.count("Signature #") == WHOLE, "Total document signed" in said.replace("Not total", "")
    )
    said = foreign.mutool(pdf)
    believed = said.count("The signature is valid") + said.count("The document is unchanged since signing")
    mupdf = _seen(believed == people, True)
    box_good = [one.verdict for one in box] == ["good"] * WHOLE
    return [
        poppler,
        mupdf,
        openssl(pdf.read_bytes(), given.root, folder, known),
        _seen(box_good, any(one.to_the_end for one in box)),
    ]


def openssl(pdf: bytes, root: Path, folder: Path, known: dict[bytes, bool]) -> str:
    parts = foreign.cut(pdf, folder)
    good = []
    for number, one in enumerate(parts):
        last = number == len(parts) - 1
        same = hashlib.sha256(one.signature.read_bytes() + one.content.read_bytes() + bytes([last])).digest()
        if same not in known:
            known[same] = _openssl_believes(one, root, stamp=last)
        good.append(known[same])
    return _seen(good == [True] * WHOLE, bool(parts) and parts[-1].to_the_end)


def _openssl_believes(one: foreign.Cut, root: Path, *, stamp: bool) -> bool:
    if stamp:
        return "Verification: OK" in foreign.openssl_stamp(one.signature, one.content, root)
    stamped = one.stamp is not None and "OK" in foreign.openssl_stamp(one.stamp, one.value, root)
    return stamped and "Verification successful" in foreign.openssl_signature(one, root)


def _seen(good: bool, to_the_end: bool) -> str:
    return SEEN if not good else NOT_SEEN if to_the_end else OPEN_END


def rows(seen: dict[str, list[str]]) -> Sequence[str]:
    head = "| What was done | What `verify` says | pdfsig | mutool | OpenSSL | PDFBox |"
    lines = [head, "|---|---|---|---|---|---|"]
    for attack in ATTACKS:
        says = " ".join(f"{code}" for code in sorted(attack.named))
        lines.append(f"| {attack.title} | {says} | {' | '.join(seen[attack.key])} |")
    codes = sorted(set().union(*(one.named for one in ATTACKS)))
    holes = re.compile(r" \(\{\w+\}[^)]*\)|\{\w+\}")
    said = [f"{code}: {holes.sub('…', SENTENCES[code][1]).rstrip('.')}" for code in codes]
    return [*lines, "", *[f"- {one}." for one in said]]

"""Every parser of foreign bytes, a minute each; and at once whatever it once failed on."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from tests.deep.fuzz.targets import TARGETS, seeds

SECONDS = int(os.environ.get("YUANKAN_FUZZ_SECONDS", "60"))
CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).resolve().parent.parent.parent.parent


@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("target", sorted(TARGETS))
async def test_no_bytes_break_the_promise(target: str, tmp_path: Path) -> None:
    found = tmp_path / "corpus"
    found.mkdir()
    for number, seed in enumerate(seeds()[target]):
        TARGETS[target](seed)
        (found / f"seed-{number}").write_bytes(seed)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.deep.fuzz", target, str(found), str(CORPUS / target)),
        *(f"-max_total_time={SECONDS}", "-max_len=8192", "-timeout=5", "-rss_limit_mb=1024"),
        f"-artifact_prefix={tmp_path}/",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    broken = [path.read_bytes() for path in tmp_path.glob("*-*") if path.is_file()]
    assert process.returncode == 0, f"{said[-3000:]}\n{broken}"
    runs = re.search(r"Done (\d+) runs", said)
    assert runs is not None and int(runs[1]) > 100, said[-1000:]
    print(f"{target}: {runs[1]} inputs in {SECONDS} s")


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_holds(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())

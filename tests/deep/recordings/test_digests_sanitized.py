"""The compiled hashing under the address and undefined-behaviour sanitizers."""

import asyncio
import hashlib
from pathlib import Path

import recordings.digests

FLAGS = (
    *("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-psabi"),
)
NATIVE = Path(recordings.digests.__file__).with_name("native")
# One way through the code instead of three: the system's choice of one is not for sanitizers.
ALONE = "-Dtarget_clones(...)=unused"


async def said(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode(errors="replace")
    assert process.returncode is not None
    return process.returncode, output


async def test_no_piece_is_read_beyond_its_end(tmp_path: Path) -> None:
    program = str(tmp_path / "driver")
    source = str(Path(__file__).with_name("digests_driver.c"))
    code, output = await said("cc", *FLAGS, ALONE, "-I", str(NATIVE), "-o", program, source)
    assert code == 0, output
    for seed in range(1, 6):
        code, output = await said(program, str(seed))
        assert code == 0, output[-3000:]
        lines = [line.split(" ") for line in output.splitlines()]
        assert len(lines) > 100
        for piece, sha256, sm3 in lines:
            data = bytes.fromhex(piece)
            assert (hashlib.sha256(data).hexdigest(), hashlib.new("sm3", data).hexdigest()) == (sha256, sm3)

"""The compiled fast path under the address and undefined-behaviour sanitizers, with random everything."""

import asyncio
from pathlib import Path

import pytest

from media.compiled import NATIVE

FLAGS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror")
# The driver contains fastpath.c, so that it can look inside.
OTHERS = sorted(path for path in NATIVE.glob("*.c") if path.name != "fastpath.c")
SOURCES = (Path(__file__).with_name("fastpath_driver.c"), *OTHERS)


async def said(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode(errors="replace")
    assert process.returncode is not None
    return process.returncode, output


@pytest.mark.timeout(300)
async def test_no_packet_reaches_beyond_its_place(tmp_path: Path) -> None:
    program = str(tmp_path / "driver")
    code, output = await said("cc", *FLAGS, "-o", program, *map(str, SOURCES))
    assert code == 0, output
    for seed in range(1, 9):
        code, output = await said(program, str(seed), "200000")
        assert code == 0, f"seed {seed}: {output[-3000:]}"
        print(f"seed {seed}: {output.strip()}")

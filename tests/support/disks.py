"""Real disks that fail for real: a small tmpfs that is full, and ext4 on a loop device that breaks, hangs, or turns
read-only. They need root and loop devices; `unable` says why a machine has none."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

MIB = 1 << 20


def unable() -> str | None:
    """Why no disk can be made here; None if it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    found = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return None if found.returncode == 0 else "there are no loop devices"


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {out.decode().strip()}")
    return out.decode().strip()


class Disk:
    """A mounted file system. `folder` is where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "something_else"

    async def fill(self) -> None:
        """Somebody else's file takes all that is left."""
        await asyncio.to_thread(self._fill)

    def _fill(self) -> None:
        piece = b"x" * 65536
        with self._ballast.open("wb", buffering=0) as file:
            while piece:
                try:
                    file.write(piece)
                except OSError:
                    piece = piece[: len(piece) // 2]

    async def make_room(self) -> None:
        await asyncio.to_thread(self._ballast.unlink)


class LoopDisk(Disk):
    """ext4 on a loop device."""

    def __init__(self, folder: Path, image: Path, device: str) -> None:
        super().__init__(folder)
        self.image = image
        self.device = device
        self._size = image.stat().st_size
        self._frozen = False

    async def shrink(self) -> None:
        """The device ends early: what is written behind it fails when it is synced, and only then (EIO)."""
        await self._resize(MIB)

    async def mend(self) -> None:
        await self._resize(self._size)

    async def _resize(self, size: int) -> None:
        await asyncio.to_thread(os.truncate, self.image, size)
        await run("losetup", "--set-capacity", self.device)

    async def turn_read_only(self) -> None:
        """As ext4 does when it meets an error, open files or not (errors=remount-ro)."""
        await run("mount", "-o", "remount,errors=remount-ro", str(self.folder))
        trigger = Path(f"/sys/fs/ext4/{Path(self.device).name}/trigger_fs_error")
        await asyncio.to_thread(trigger.write_text, "1")

    async def freeze(self) -> None:
        """Every write hangs until `thaw`."""
        await run("fsfreeze", "--freeze", str(self.folder))
        self._frozen = True

    async def thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            await run("fsfreeze", "--unfreeze", str(self.folder))


@asynccontextmanager
async def small_disk(folder: Path, mib: int = 16) -> AsyncIterator[Disk]:
    """A tmpfs of so many MiB."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        await run("umount", "--lazy", str(folder))


@asynccontextmanager
async def loop_disk(folder: Path, mib: int = 48, options: Sequence[str] = ()) -> AsyncIterator[LoopDisk]:
    """ext4 of so many MiB in a file beside `folder`; without a journal unless `options` of mkfs say otherwise."""
    image = folder.with_suffix(".img")
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(_make_image, image, mib)
    eager = ("-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")
    await run("mkfs.ext4", "-q", "-F", *eager, *(options or ("-O", "^has_journal")), str(image))
    device = await run("losetup", "--find", "--show", str(image))
    disk = LoopDisk(folder, image, device)
    try:
        await run("mount", "-o", "errors=continue", device, str(folder))
        try:
            yield disk
        finally:
            await disk.thaw()
            await run("umount", "--lazy", str(folder))
    finally:
        await run("losetup", "--detach", device)


def _make_image(image: Path, mib: int) -> None:
    with image.open("wb") as file:
        file.truncate(mib * MIB)

"""What a crash costs: media received but missing in the published file, and how long people wait for picture and sound.

The sender's pictures carry their numbers; what counts is which of them a foreign player finds in the published file.
"Received" is all that had been sent when the signal went out or the copy began, so what was still on its way counts
against us. Everything runs as the product runs it: processes of `server.cli`, SQLite and a folder.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from foundation.bus import Bus
from foundation.nats_child import NatsChild
from media import contract
from server.nanny import STEADY_S
from tests.bench.figures import Figure, figure
from tests.rehearsal.installation import Installation, free_port, installation
from tests.support.call_on import CallOn
from tests.support.crash import TRACKS, Host, Sender, film, host_settings, open_host
from tests.support.disks import LoopDisk, loop_disk, run, small_disk, unable
from tests.support.media_worker import Node, running_worker
from tests.support.rtp_client import RtpClient

RUNS = 3
KILLS = 5
FILM_S = 30
CALL_S = 4.0
COPIES = 4


def measure() -> list[Figure]:
    return asyncio.run(bench())


async def bench() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="yuankan-bench-") as name:
        folder = Path(name)
        nats = await NatsChild.start(folder / "nats")
        try:
            figures = await kills(folder / "kills", nats)
            figures += [await power_cut(folder / "power", nats)]
            figures += await disk_faults(folder / "disks", nats)
        finally:
            await nats.stop()
        (folder / "whole").mkdir()
        async with installation(folder / "whole") as whole:
            figures += [figure("durability", "media_again_after_worker_kill", [p95(await recoveries(whole))])]
        return figures


def p95(values: Sequence[float]) -> float:
    """Of a few runs the 95th percentile is the worst."""
    print("runs:", ", ".join(f"{value:.2f}" for value in values), file=sys.stderr)
    return max(values)


# --- killed processes -------------------------------------------------------------------------------------------------


async def kills(folder: Path, nats: NatsChild) -> list[Figure]:
    lost: dict[str, list[float]] = {"worker": [], "packager": [], "both": []}
    async with open_host(folder, nats, free_port()) as host:
        await host.start("media", "packager")
        for run_number in range(RUNS):
            for whom, found in lost.items():
                found.append(await killed(host, whom, f"call_{whom}_{run_number}", run_number))
    return [figure("durability", f"missing_after_{whom}_kill", [p95(found)]) for whom, found in lost.items()]


async def killed(host: Host, whom: str, session: str, run_number: int) -> float:
    """Seconds of media that were received and are not published; at another moment of the second in each run."""
    node, sender = await host.call(session, film(FILM_S))
    await asyncio.sleep(CALL_S + 0.37 * run_number)
    if whom == "packager":
        await host.kill("packager")
        await asyncio.sleep(1.0)
        await sender.stop()
        await asyncio.sleep(0.1)
        await node.close()
        sent = len(sender.pictures), len(sender.sounds)
        await host.start("packager")
    else:
        roles = ["media"] if whom == "worker" else ["media", "packager"]
        moment = await host.kill(*roles)
        await sender.stop()
        sent = sender.until(moment)
        await host.start(*roles)
    return (await host.published(session)).missing_s(*sent)


# --- power ------------------------------------------------------------------------------------------------------------


async def power_cut(folder: Path, nats: NatsChild) -> Figure:
    """Copies of the disk in a running call: what has reached it, without what only the system's memory holds."""
    reason = unable()
    if reason is not None:
        print(f"power cut not measured: {reason}", file=sys.stderr)
        return figure("durability", "missing_after_power_cut", [])
    lost: list[float] = []
    async with loop_disk(folder / "disk", 128, ("-O", "has_journal")) as disk:
        async with open_host(disk.folder / "data", nats, free_port()) as host:
            await host.start("media", "packager")
            await run("sync", "--file-system", str(disk.folder))
            _, sender = await host.call("call_power", film(FILM_S))
            copies: list[tuple[Path, tuple[int, int]]] = []
            for number in range(COPIES):
                await asyncio.sleep(2.63)
                sent = sender.until(asyncio.get_running_loop().time())
                image = folder / f"copy{number}.img"
                async with host.standing_still():  # a copy takes a while; what a disk holds at one moment does not move
                    await asyncio.to_thread(shutil.copyfile, disk.image, image)
                copies.append((image, sent))
            await sender.stop()
        for image, sent in copies:
            lost.append(await after_power(image, nats, sent))
    return figure("durability", "missing_after_power_cut", [p95(lost)])


async def after_power(image: Path, nats: NatsChild, sent: tuple[int, int]) -> float:
    """Mount the copy, start the packager on it, and see what it publishes without help."""
    folder = image.with_suffix("")
    folder.mkdir()
    await run("mount", "-o", "loop", str(image), str(folder))
    settings = host_settings(folder / "data", nats, free_port())
    bus = await Bus.connect(nats.url, nats.token, name="after the power cut")
    host = Host(settings, bus)
    try:
        await host.start("packager")
        return (await host.published("call_power")).missing_s(*sent)
    finally:
        await host.stop()
        await bus.close()
        await run("umount", "--lazy", str(folder))


# --- disks ------------------------------------------------------------------------------------------------------------


async def disk_faults(folder: Path, nats: NatsChild) -> list[Figure]:
    """From the fault to the moment the nodes hear of it; they tell the desk in milliseconds."""
    if unable() is not None:
        return [figure("durability", "disk_fault_told", [])]
    told: list[float] = []
    async with small_disk(folder / "full") as small:
        told.append(await until_told(nats, small.folder, small.fill))
    for fault in (LoopDisk.turn_read_only, LoopDisk.shrink, LoopDisk.freeze):
        async with loop_disk(folder / fault.__name__) as disk:
            told.append(await until_told(nats, disk.folder, partial(fault, disk)))
            await disk.thaw()
    return [figure("durability", "disk_fault_told", [p95(told)])]


async def until_told(nats: NatsChild, spool: Path, breaks: Callable[[], Awaitable[None]]) -> float:
    async with talking(nats, spool) as node:
        await asyncio.sleep(1.5)
        began = asyncio.get_running_loop().time()
        await breaks()
        await node.hears(contract.RecordingFault)
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def talking(nats: NatsChild, spool: Path) -> AsyncIterator[Node]:
    bus = await Bus.connect(nats.url, nats.token, name="bench")
    async with running_worker(bus, spool, worker_id="bench") as worker:
        node = Node(bus, worker.worker_id, "call_disk")
        await node.listen()
        await node.open_leg("leg_a")
        client = RtpClient()
        await client.connect(await node.publish("leg_a", client.offer(), TRACKS))
        sender = Sender(client, film(FILM_S))
        try:
            yield node
        finally:
            await sender.stop()
    await bus.close()


# --- how long people wait ---------------------------------------------------------------------------------------------


async def recoveries(whole: Installation) -> list[float]:
    """Seconds from the kill until sound and picture flow both ways again, in the product as `./run` starts it."""
    call = await CallOn.begin(whole)
    try:
        found: list[float] = []
        for number in range(KILLS):
            await asyncio.sleep(STEADY_S + 1.5 + 0.23 * number)  # each a crash of its own, not one of a row
            began = asyncio.get_running_loop().time()
            os.kill(await asyncio.to_thread(worker_of, whole.process.pid), signal.SIGKILL)
            await call.comes_back()
            found.append(asyncio.get_running_loop().time() - began)
        return found
    finally:
        await call.close()


def worker_of(supervisor: int) -> int:
    """The media worker itself: the child of the process that the supervisor started for this role."""
    return pid_of("media", pid_of("media", supervisor))


def pid_of(role: str, parent: int) -> int:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            above = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if above == parent and words[-2:-1] == [role.encode()]:
            return int(folder.name)
    raise RuntimeError(f"no {role} runs under {parent}")

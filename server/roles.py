"""The four kinds of process, each started by name with the same settings and stopped by SIGTERM.

Each loads what it needs and no more: on a small machine loading is most of a start.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from foundation import log
from foundation.settings import Settings
from server import memory, preflight
from server.supervise import CannotStart, announce_ready, die_with_parent

if TYPE_CHECKING:
    from foundation.bus import Bus
    from foundation.metrics import Metrics

HAND_OVER_S = 20.0
"""A stopped media worker's calls are moved within seconds; whoever waits longer has no browser that listens."""

MESSAGES_AT_ONCE = 8
SWITCH_S = 0.0005
"""A thread of Python gives way after so long where another waits for it."""


@asynccontextmanager
async def until_told(settings: Settings) -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    die_with_parent()
    log.setup(settings.log_level, json=settings.log_format == "json")
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    yield told


async def run_node(settings: Settings) -> None:
    """Pages, API and signaling."""
    from server.assembly import open_parts
    from server.node import build_node, start_node

    async with until_told(settings) as told, open_parts(settings, "node") as parts, AsyncExitStack() as stack:
        node = await build_node(parts)
        try:
            await start_node(node, parts, stack)
        except OSError as error:
            raise CannotStart(preflight.port_sentence(settings.host, settings.port, error, "YUANKAN_PORT")) from error
        # Ten thousand open pages have much that is young and changes hands: seldom looked at it would take a fifteenth
        # of a second, in which nobody is answered.
        _settle(200, 5_000)
        # Threads carry out what the database is asked: they give way after half a millisecond, not five.
        sys.setswitchinterval(SWITCH_S)
        announce_ready()
        await told.wait()


def load_media() -> None:
    """Import all that `run_media` needs, for whoever forks afterwards."""
    import uvloop

    import media.compiled
    import media.worker
    import server.bus
    import server.preflight

    assert media.worker and server.bus and server.preflight and uvloop
    media.compiled.load()


async def run_media(settings: Settings) -> None:
    """Sound and picture. No database: its death costs a reconnect, never a case."""
    from foundation.clock import SystemClock
    from foundation.metrics import Metrics
    from media.compiled import load
    from media.worker import MediaWorker
    from server.bus import open_bus

    async with until_told(settings) as told, open_bus(settings, "media") as bus:
        metrics = Metrics()
        worker = MediaWorker(
            # Journals are named after the worker, so a restarted one must find its own again.
            worker_id=f"{socket.gethostname()}-{settings.media_port}",
            bus=bus,
            host=settings.media_host,
            port=settings.media_port,
            public_addresses=settings.media_public_addresses,
            spool=settings.spools,
            clock=SystemClock(),
            metrics=metrics,
            watch_pictures=settings.media_watch_pictures,
            library=load() if settings.media_fast_path else None,
        )
        try:
            await worker.start()
        except OSError as error:
            host, port = settings.media_host, settings.media_port
            raise CannotStart(preflight.port_sentence(host, port, error, "YUANKAN_MEDIA_PORT")) from error
        try:
            _settle()
            # The thread that writes journals gives way as soon: packets wait for it.
            sys.setswitchinterval(SWITCH_S)
            announce_ready()
            async with memory.returned(), _told_to_nodes(worker.worker_id, metrics, bus):
                await told.wait()
                await worker.hand_over(HAND_OVER_S)
        finally:
            await worker.stop()


async def run_packager(settings: Settings) -> None:
    """From journals to stored recordings."""
    from recordings import digests
    from recordings.packager import Packager
    from server.assembly import open_parts

    async with until_told(settings) as told, open_parts(settings, "packager") as parts:
        await asyncio.to_thread(digests.load)
        packager = Packager(
            parts.db, parts.objects, parts.keyring, parts.clock, settings.spools, parts.bus, parts.metrics
        )
        _settle()
        async with memory.returned(), _told_to_nodes(f"{socket.gethostname()}-packager", parts.metrics, parts.bus):
            await _until(told, packager.run())


async def run_jobs(settings: Settings) -> None:
    """Reports, seals, packages, messages."""
    from foundation.job_runner import JobRunner
    from office.notices import SEND
    from server.assembly import open_parts
    from server.work import job_handlers

    async with until_told(settings) as told, open_parts(settings, "jobs") as parts:
        handlers = dict(await job_handlers(parts))
        # Somebody in the hall is called now: their message waits for no package and no report.
        messages = {SEND: handlers.pop(SEND)}
        runners = [
            JobRunner(parts.db, parts.clock, work, parts.bus, metrics=parts.metrics, at_once=at_once)
            for work, at_once in ((handlers, 2), (messages, MESSAGES_AT_ONCE))
        ]
        async with _told_to_nodes(f"{socket.gethostname()}-jobs-{os.getpid()}", parts.metrics, parts.bus):
            await _until(told, _together(*(runner.run() for runner in runners)))


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


@asynccontextmanager
async def _told_to_nodes(process: str, metrics: Metrics, bus: Bus) -> AsyncIterator[None]:
    """What this process counts can be read at every node meanwhile."""
    from foundation.telemetry import keep_telling

    telling = asyncio.create_task(keep_telling(process, metrics, bus))
    try:
        yield
    finally:
        telling.cancel()


def _settle(young: int = 20_000, looks: int = 20) -> None:
    """What exists now lives as long as the process: no collection looks at it again. Of what comes later the young are
    looked at when there are so many more, what outlives that at each so many-th look: packets and requests come and go
    by the thousand and leave few cycles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, looks, 50)


async def _until(told: asyncio.Event, work: object) -> None:
    """Run until told to stop, or until the work itself fails."""
    assert asyncio.iscoroutine(work)
    running = asyncio.create_task(work)
    stopping = asyncio.create_task(told.wait())
    announce_ready()
    await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        stopping.cancel()
        running.result()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

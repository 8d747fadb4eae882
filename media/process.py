"""A media worker as a process of its own."""

import asyncio
import gc
import signal

import uvloop

from foundation import log
from foundation.bus import Bus
from foundation.clock import SystemClock
from foundation.metrics import Metrics
from foundation.settings import Settings
from media.worker import MediaWorker


def run_worker(settings: Settings, *, worker_id: str, nats_url: str, nats_token: str | None = None) -> None:
    """Run until SIGTERM or SIGINT; then every session is ended and every journal closed. Blocks.

    ``worker_id`` must be the same at every start on the same spool folder: it names the worker's journals.
    Raises OSError when the port is taken and BusUnavailable when the bus cannot be reached.
    """
    log.setup(settings.log_level, json=settings.log_format == "json")
    uvloop.run(_serve(settings, worker_id, nats_url, nats_token))


async def _serve(settings: Settings, worker_id: str, nats_url: str, nats_token: str | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    bus = await Bus.connect(nats_url, nats_token)
    worker = MediaWorker(
        worker_id=worker_id,
        bus=bus,
        host=settings.media_host,
        port=settings.media_port,
        public_addresses=settings.media_public_addresses,
        spool=settings.spool,
        clock=SystemClock(),
        metrics=Metrics(),
    )
    try:
        await worker.start()
        # What exists now lives as long as the process: a full collection need not look at it while packets wait.
        gc.collect()
        gc.freeze()
        await stopping.wait()
    finally:
        await worker.stop()
        await bus.close()

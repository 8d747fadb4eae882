"""Worker and packager as real processes, killed with SIGKILL while every picture that is sent has a number."""

import asyncio
from pathlib import Path

from foundation.nats_child import NatsChild
from tests.rehearsal.installation import free_port
from tests.support.crash import film, open_host

BOUND_S = 0.5


async def test_what_was_received_is_published_although_worker_and_packager_were_killed(
    nats_server: NatsChild, tmp_path: Path
) -> None:
    async with open_host(tmp_path / "data", nats_server, free_port()) as host:
        await host.start("media", "packager")
        _, sender = await host.call("call_1", film(20))
        await asyncio.sleep(1.5)
        await host.kill("packager")
        await host.start("packager")
        await asyncio.sleep(1)
        killed = await host.kill("media", "packager")
        await sender.stop()
        await host.start("packager")
        published = await host.published("call_1")
        assert published.missing_s(*sender.until(killed)) <= BOUND_S
        assert published.reasons == ["worker_died"] and None not in published.numbers

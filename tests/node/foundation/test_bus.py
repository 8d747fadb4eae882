import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.bus import Bus, BusUnavailable, Msg
from foundation.db import Database
from foundation.nats_child import NatsChild
from tests.support.waiting import until


async def test_a_message_reaches_every_listener_and_one_of_each_queue(bus):
    heard = []

    def listener(name):
        async def handle(message):
            heard.append((name, message.subject, message.data))

        return handle

    await bus.subscribe("rooms.*", listener("a"))
    await bus.subscribe("rooms.*", listener("b"))
    await bus.subscribe("rooms.*", listener("queue"), queue="q")
    await bus.subscribe("rooms.*", listener("queue"), queue="q")
    await bus.publish("rooms.1", b"x")
    await until(lambda: None if len(heard) >= 3 else f"heard {heard}")
    await bus.flush()
    assert sorted(heard) == [("a", "rooms.1", b"x"), ("b", "rooms.1", b"x"), ("queue", "rooms.1", b"x")]


async def test_a_request_is_answered(bus):
    async def double(message):
        assert message.wants_reply
        await message.respond(message.data * 2)

    await bus.subscribe("double", double)
    assert await bus.request("double", b"ab", 5) == b"abab"


async def test_asking_where_nobody_listens_is_told_at_once(bus):
    with pytest.raises(BusUnavailable):
        await bus.request("nobody", b"", 30)


async def test_a_handler_that_fails_does_not_end_its_subscription(bus):
    heard = []

    async def handle(message):
        if message.data == b"bad":
            raise ValueError("bad")
        heard.append(message.data)

    await bus.subscribe("work", handle)
    for data in (b"bad", b"good"):
        await bus.publish("work", data)
    await until(lambda: None if heard == [b"good"] else f"heard {heard}")


async def test_a_closed_subscription_hears_nothing_more(bus):
    heard = []

    async def handle(message):
        heard.append(message.data)

    subscription = await bus.subscribe("work", handle)
    await subscription.close()
    await bus.publish("work", b"x")
    await bus.flush()
    assert heard == []


async def test_a_closed_bus_says_so(nats_server):
    bus = await Bus.connect(nats_server.url, nats_server.token)
    await bus.close()
    with pytest.raises(BusUnavailable):
        await bus.publish("x", b"")
    assert not bus.connected


@pytest.fixture
async def own_server(tmp_path):
    child = await NatsChild.start(tmp_path / "nats")
    yield child
    await child.stop()


async def test_the_token_is_in_a_file_of_the_owner_alone_and_on_no_command_line(own_server, tmp_path):
    config = tmp_path / "nats" / "nats.conf"
    assert config.stat().st_mode & 0o777 == 0o600
    assert own_server.token in config.read_text()
    assert own_server.token not in Path(f"/proc/{own_server.pid}/cmdline").read_text()


async def test_a_server_that_was_killed_is_back_and_its_clients_with_it(own_server):
    bus = await Bus.connect(own_server.url, own_server.token)
    again = asyncio.Event()

    async def note():
        again.set()

    async def echo(message):
        await message.respond(message.data)

    bus.on_reconnect(note)
    await bus.subscribe("echo", echo)
    url, pid = own_server.url, own_server.pid
    os.kill(pid, signal.SIGKILL)
    await again.wait()
    assert await bus.request("echo", b"still here", 5) == b"still here"
    assert own_server.url == url
    assert own_server.pid != pid
    await bus.close()


async def test_the_server_dies_with_its_parent(tmp_path):
    code = (
        "import asyncio,sys,pathlib\n"
        "from foundation.nats_child import NatsChild\n"
        "async def main():\n"
        "    child = await NatsChild.start(pathlib.Path(sys.argv[1]))\n"
        "    print(child.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    import sys

    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "nats"), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert _alive(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: f"nats-server {pid} still runs" if _alive(pid) else None)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _closed_in_the_middle(close: Callable[[], Awaitable[None]], started: asyncio.Event, ended: list[str]) -> None:
    await started.wait()
    await close()
    assert ended == ["to the end"]


@pytest.mark.parametrize("what", ["subscription", "connection"])
async def test_a_handler_in_progress_finishes_before_close_returns(
    nats_server: NatsChild, bus: Bus, sqlite_database: Database, what: str
) -> None:
    """Cancelled inside a transaction it would leave a broken connection in the pool."""
    listening = await Bus.connect(nats_server.url, nats_server.token)
    started, ended = asyncio.Event(), list[str]()

    async def handle(_message: Msg) -> None:
        async with sqlite_database.begin() as conn:
            started.set()
            await asyncio.sleep(0.1)
            await conn.execute(text("CREATE TABLE done (n INTEGER)"))
        ended.append("to the end")

    subscription = await listening.subscribe("closing.now", handle)
    await bus.publish("closing.now", b"1")
    await bus.publish("closing.now", b"2")
    await _closed_in_the_middle(subscription.close if what == "subscription" else listening.close, started, ended)
    async with sqlite_database.begin() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM done"))).scalar() == 0
    await listening.close()
    assert ended == ["to the end"], "the second message came too late"


async def test_a_handler_may_close_its_own_subscription(bus: Bus) -> None:
    ended = asyncio.Event()

    async def handle(_message: Msg) -> None:
        await subscription.close()
        ended.set()

    subscription = await bus.subscribe("once", handle)
    await bus.publish("once", b"")
    async with asyncio.timeout(5):
        await ended.wait()

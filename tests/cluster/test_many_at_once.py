"""Many who connect at one moment: a hall at nine, phones behind an access point that came back."""

import asyncio
import errno
import select
import socket
from pathlib import Path
from urllib.parse import urlsplit

from foundation.nats_child import NatsChild
from foundation.settings import Settings
from tests.support.house import house_settings, open_house

MANY = 400


async def test_who_connects_while_the_node_is_busy_is_not_sent_away_to_try_again_a_second_later(
    tmp_path: Path, sqlite_url: str, nats_server: NatsChild
) -> None:
    settings = house_settings(tmp_path / "data", sqlite_url, nats_server.url, nats_server.token or "", Settings())
    async with open_house(settings) as house:
        at = urlsplit(house.a.url)
        await asyncio.sleep(0.1)
        waiting, poll = {}, select.poll()
        for _ in range(MANY):  # the node runs here, so it accepts nobody meanwhile
            one = socket.socket()
            one.setblocking(False)
            assert one.connect_ex((at.hostname or "", at.port or 0)) in (0, errno.EINPROGRESS)
            poll.register(one, select.POLLOUT)
            waiting[one.fileno()] = one
        connected = {number for number, event in poll.poll(0) if not event & (select.POLLHUP | select.POLLERR)}
        for one in waiting.values():
            one.close()
        assert len(connected) == MANY

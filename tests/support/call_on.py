"""A call on a running installation: applicant and lead as their pages would hold it, over HTTP, WebSocket and RTP."""

from __future__ import annotations

import asyncio
from typing import Any, Self, cast

from signaling import messages as m
from tests.cluster.test_whole_house import Journey
from tests.rehearsal.installation import Installation
from tests.support.house import Dwelling, House, Person
from tests.support.signaling import Client


class Door(Dwelling):
    """A node that runs elsewhere."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: list[Client] = []


class Outside:
    """What a `Journey` needs of a house, of which only the door is known."""

    def __init__(self, whole: Installation) -> None:
        self.a = self.b = Door(whole.url)
        self._accounts = whole.accounts
        self.people: list[Person] = []

    async def person(self, name: str, account: str | None = None) -> Person:
        person = Person(name)
        self.people.append(person)
        if account is not None:
            login = {"account": account, "password": self._accounts[account].password}
            await person.post(self.b, "/api/login", login)
        return person


class CallOn:
    """The call, with both sending and receiving."""

    def __init__(self, journey: Journey, outside: Outside) -> None:
        self._journey = journey
        self._outside = outside

    @classmethod
    async def begin(cls, whole: Installation) -> Self:
        outside = Outside(whole)
        journey = Journey(cast(House, outside))
        await journey.log_in()
        await journey.come_in(await journey.open_case())
        await journey.take()
        await journey.start()
        return cls(journey, outside)

    async def comes_back(self) -> None:
        """Wait to be told that the media moved, connect again as pages do, and see and hear each other."""
        journey = self._journey
        seen = {client: len(client.of(m.MediaMoved)) for client in (journey.applicant, journey.lead)}

        async def again(client: Any) -> None:
            await client.wait(lambda: client.of(m.MediaMoved)[seen[client] :], "media.moved", within_s=30)

        await asyncio.gather(*(again(client) for client in seen))
        await journey.connect_media()

    async def close(self) -> None:
        await asyncio.gather(self._journey.phone.close(), self._journey.desk.close())
        for person in self._outside.people:
            await person.session.close()

"""Two lines of the demonstration's district hall in a database, agents at their windows, people who take numbers."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from foundation.clock import ManualClock
from foundation.db import Database
from foundation.ids import new_token
from helpdesk import calling, directory
from helpdesk.demo import add_demo_halls, read_guides, read_halls
from helpdesk.guide import Guide
from helpdesk.queue import Act, Priority
from helpdesk.store import Slip
from office import register
from office.commands import Command
from office.demo import read_offices
from office.session import Party, Refused

SOCIAL = "990101-S"
TAX = "990101-T"
PENSION = "pension-claim"


@dataclass
class Hall:
    """Every act in a transaction of its own, as the routes do it."""

    db: Database
    clock: ManualClock
    guides: dict[str, Guide]

    async def sit(self, window: str, agent: str) -> str:
        async with self.db.begin() as conn:
            assert await directory.sit_down(conn, window, agent, self.clock.now())
        return window

    async def ask(
        self,
        guide: str = PENSION,
        *,
        office: str = "990101",
        phone: str | None = None,
        holder: str = "",
        priority: Priority = "ordinary",
    ) -> calling.Taken | Refused:
        async with self.db.begin() as conn:
            line = await directory.line_for(conn, office, guide)
            assert line is not None
            return await calling.take(
                conn, line, self.guides[guide], priority=priority, name="刘桂兰", phone=phone, lang="zh",
                holder=holder or new_token(), now=self.clock.now(),
            )  # fmt: skip

    async def take(self, guide: str = PENSION, **more: str) -> Slip:
        given = await self.ask(guide, **more)  # type: ignore[arg-type]
        assert not isinstance(given, Refused), given
        return given.slip

    async def next(self, window: str) -> Slip | Refused:
        async with self.db.begin() as conn:
            return (await calling.call_next(conn, [calling.Press(window, f"agent of {window}")], self.clock.now()))[0]

    async def called(self, window: str) -> Slip:
        slip = await self.next(window)
        assert isinstance(slip, Slip), slip
        return slip

    async def act(self, slip: Slip, what: Act, *, window: str | None = None, to: str | None = None) -> Slip | Refused:
        async with self.db.begin() as conn:
            return await calling.act(conn, slip.ticket.id, what, "somebody", self.clock.now(), window=window, to=to)

    async def do(self, slip: Slip, *acts: Act, window: str | None = None, to: str | None = None) -> Slip:
        for what in acts:
            done = await self.act(slip, what, window=window, to=to)
            assert isinstance(done, Slip), (what, done)
            slip = done
        return slip


async def no_record(_conn: AsyncConnection, record: str, _command: Command, _party: Party) -> None:
    """For halls whose numbers have no help service: nothing is put to a record."""
    raise LookupError(record)


async def open_hall(db: Database, clock: ManualClock) -> Hall:
    guides = await read_guides()
    halls = await read_halls()
    offices = await read_offices()
    async with db.begin() as conn:
        for office in offices:
            await register.add_office(conn, office)
        await add_demo_halls(conn, guides, halls)
    return Hall(db, clock, {guide.slug: guide for guide in guides})

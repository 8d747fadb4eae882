"""docs/protocol.md says what the code says: messages, fields, order, limits, close codes, phases, commands, view."""

import re
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

import helpdesk.commands
import helpdesk.service
from helpdesk.service_view import ServiceView
from inspection.commands import ClientCommand
from inspection.procedure import RULES
from inspection.view import View
from office.commands import Command
from office.session import SHARED_RULES, TRANSITIONS, Rule
from office.view import SessionView
from signaling import messages as m
from signaling import presence, protocol, slots, websocket

DOC = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text("utf-8")
ROLES = {"applicant": "applicant", "lead": "lead", "assist": "assisting officer", "expert": "expert"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading or a line."""
    after = DOC.split(heading, 1)[1]
    lines = []
    for line in after.splitlines():
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            break
    return lines[2:]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def fields(struct: type[Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(struct)]


def tags(structs: Iterable[type[Struct]]) -> list[str]:
    return [str(struct.__struct_config__.tag) for struct in structs]


@pytest.mark.parametrize(
    ("heading", "messages"), [("## Page to node", m.CLIENT_MESSAGES), ("## Node to page", m.SERVER_MESSAGES)]
)
def test_every_message_is_listed_with_every_field(heading: str, messages: tuple[type[Struct], ...]) -> None:
    table = rows(heading)
    assert [names(row[0])[0] for row in table] == tags(messages)
    for row, message in zip(table, messages, strict=True):
        # The first name of each part is a field; values that a field takes come after it.
        listed = [name for part in row[1].split(";") for name in names(part) if name in fields(message)]
        assert listed == fields(message), row[0]


def test_the_parts_of_messages_are_listed() -> None:
    table = {names(row[0])[0]: row[1] for row in rows("Parts:")}
    parts = {"you": m.You, "ice_servers": m.IceServer, "slots": m.Slot, "tracks": m.TrackOffer}
    assert {name: names(cell) for name, cell in table.items()} == {n: fields(part) for n, part in parts.items()}


def test_the_order_is_that_of_the_tables() -> None:
    for row, state in zip(rows("## Order"), protocol.State, strict=True):
        assert row[0] == state.value
        assert set(names(row[1])) == set(tags(protocol.RECEIVE[state]))
        assert set(names(row[2])) == set(tags(protocol.SEND[state]))


def test_the_limits_are_those_in_force() -> None:
    table = {row[0]: row[1] + row[2] for row in rows("## Limits")}
    said = {
        "a message": [m.MESSAGE_LIMIT_BYTES],
        "a message with SDP (`publish`, `subscribe.answer`, `restart.ice`)": [m.SDP_MESSAGE_LIMIT_BYTES],
        "messages a second": [m.MESSAGES_PER_SECOND, protocol.BURST_MESSAGES, protocol.OVER_RATE_BEFORE_CUT],
        "bad messages within a minute": [protocol.FAULTS_BEFORE_CUT],
        "time to `hello`": [protocol.HELLO_WITHIN_S],
        "requests waiting for an answer": [websocket.LANE_REQUESTS],
        "messages waiting for a page that does not read": [
            websocket.QUEUE_MESSAGES,
            websocket.QUEUE_BYTES,
            websocket.SEND_WITHIN_S,
        ],
        "pause of a pong": [websocket.HEARTBEAT_S / 2, websocket.HEARTBEAT_S],
        "people in a record": [slots.MOST_PEOPLE],
    }
    assert set(table) == set(said)
    for limit, values in said.items():
        for value in values:
            assert re.search(rf"(?<!\d){int(value)}(?!\d)", table[limit]), (limit, value)
    assert protocol.FORGIVEN_AFTER_S == 60
    assert presence.GRACE_S == 3


def test_the_close_codes_are_those_in_use() -> None:
    code = {name: value for name, value in vars(m.CloseCode).items() if name.isupper()}
    assert {row[1]: int(row[0]) for row in rows("## Close codes")} == code


def test_the_phases_are_those_of_every_session() -> None:
    table = {tuple(names(row[0]) + names(row[1])): names(row[2])[0] for row in rows("## Phases")}
    assert table == dict(TRANSITIONS)


@pytest.mark.parametrize(
    ("heading", "commands", "own"),
    [
        ("## Commands of an inspection", ClientCommand, RULES),
        ("## Commands of a help service", helpdesk.commands.OwnCommand, helpdesk.service.RULES),
    ],
)
def test_the_commands_are_those_of_each_kind(
    heading: str, commands: typing.Any, own: Mapping[type[Command], Rule]
) -> None:
    rules = {**SHARED_RULES, **own}
    listed = typing.get_args(commands)
    table = rows(heading)
    assert [names(row[0])[0] for row in table] == tags(listed)
    for row, command in zip(table, listed, strict=True):
        assert names(row[1]) == fields(command)
        optional = [field.encode_name for field in msgspec.structs.fields(command) if not field.required]
        assert re.findall(r"`([^`]+)`\?", row[1]) == optional
        roles = [word for role, word in ROLES.items() if role in rules[command].roles]
        assert row[2] == ("everybody" if len(roles) == len(ROLES) else ", ".join(roles))


def line_of(start: str) -> str:
    return next(line for line in DOC.splitlines() if line.startswith(start))


def test_the_view_is_that_of_each_kind() -> None:
    assert names(line_of("Fields of every kind: ")) == fields(SessionView)
    assert names(line_of("An inspection's own: ")) == fields(View)[len(fields(SessionView)) :]
    assert names(line_of("A help service's own: ")) == fields(ServiceView)[len(fields(SessionView)) :]

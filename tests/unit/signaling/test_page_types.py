"""The pages' types (web_client/src/shared/protocol.ts) name every message and command, and every field of each.

The view's type is written from the struct itself (server.typescript).
"""

import re
import typing
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from inspection.commands import ClientCommand
from office.commands import PlaceReport
from signaling import messages as m

TYPES = (Path(__file__).parents[3] / "web_client" / "src" / "shared" / "protocol.ts").read_text("utf-8")
COMMANDS = typing.get_args(ClientCommand)


def body(field: str, tag: str) -> str:
    """The text between the braces of the type with this tag."""
    found = re.search(rf"\{{\s*{field}: '{re.escape(tag)}'", TYPES)
    assert found is not None, f"no type for {tag}"
    depth = 0
    for place in range(found.start(), len(TYPES)):
        depth += {"{": 1, "}": -1}.get(TYPES[place], 0)
        if depth == 0:
            return TYPES[found.start() : place]
    raise AssertionError(tag)


def missing(struct: type[Struct], text: str) -> list[str]:
    names = [field.encode_name for field in msgspec.structs.fields(struct)]
    return [name for name in names if not re.search(rf"\b{name}\??:", text)]


@pytest.mark.parametrize("message", [*m.CLIENT_MESSAGES, *m.SERVER_MESSAGES], ids=lambda message: message.__name__)
def test_a_message_has_its_type(message: type[Struct]) -> None:
    assert missing(message, body("type", str(message.__struct_config__.tag))) == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_has_its_type(command: type[Struct]) -> None:
    # Its fields are those of the interface Place, which the type is joined with.
    text = body("do", str(command.__struct_config__.tag))
    assert missing(command, text) == [] or command is PlaceReport


def test_the_close_codes_are_the_same_numbers() -> None:
    ours = {value for name, value in vars(m.CloseCode).items() if name.isupper()}
    theirs = {int(number) for number in re.findall(r": (\d{4}),", TYPES.split("CLOSE = {", 1)[1].split("}", 1)[0])}
    assert ours - theirs <= {m.CloseCode.GOING_AWAY}, "a page knows what each code of ours asks of it"
    assert theirs <= ours

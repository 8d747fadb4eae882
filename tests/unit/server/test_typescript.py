"""The web client's types are the server's structs: what is written in the tree is what would be written now."""

from __future__ import annotations

import msgspec

from server import typescript


def test_the_types_in_the_tree_are_those_of_the_server_s_structs() -> None:
    written = typescript.TARGET.read_text("utf-8")
    assert written == typescript.write(typescript.structs()), "run: python -m server.typescript"
    assert typescript.CAUSES_TARGET.read_text("utf-8") == typescript.causes(), "run: python -m server.typescript"


def test_the_view_and_every_answer_of_the_api_are_among_them() -> None:
    text = typescript.TARGET.read_text("utf-8")
    for name in ("View", "Landing", "Me", "CaseDetail", "Sheet", "Prepared", "FoundList", "Timeline", "Job"):
        assert f"export interface {name} {{" in text, name


class Inner(msgspec.Struct):
    """Something inside."""

    of: tuple[int, str]
    kind: str | None = None


class Outer(msgspec.Struct):
    inners: list[Inner]
    words: dict[str, int | None]
    mixed: list[str | int]


def test_a_struct_becomes_an_interface_with_its_purpose_above() -> None:
    assert typescript.write([Outer]) == typescript.HEAD + (
        "\n/** Something inside. */\nexport interface Inner {\n  of: [number, string]\n  kind: string | null\n}\n"
        "\nexport interface Outer {\n  inners: Inner[]\n  words: Record<string, number | null>\n"
        "  mixed: (string | number)[]\n}\n"
    )

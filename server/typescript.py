"""The API's types for the web client, written from the very structs that the server decodes and encodes.

    python -m server.typescript            writes web_client/src/schemas/api.ts and causes.ts

msgspec gives each struct's JSON Schema; this turns it into TypeScript interfaces. A test compares the file with what
would be written, so a page that reads a field the server does not send fails to compile, not to work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from recordings.mark_words import CAUSES, FINDINGS, Pair

TARGET = Path(__file__).resolve().parent.parent / "web_client" / "src" / "schemas" / "api.ts"
CAUSES_TARGET = TARGET.with_name("causes.ts")
HEAD = "// Written by `python -m server.typescript` from the server's structs; a test compares. Do not edit.\n"
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def structs() -> list[Any]:
    """Every type that crosses HTTP: what routes take and give, and the view that the WebSocket carries."""
    from foundation.jobs import Job
    from helpdesk import call_routes, file_routes, hall_routes, window_routes
    from helpdesk import view as hall
    from helpdesk.rating import Level
    from helpdesk.service_view import ServiceView
    from inspection import opening, photo_routes, witnesses
    from inspection import routes as inspection
    from inspection.view import View
    from office import routes as office
    from office.view import SessionView
    from recordings import routes as recordings
    from recordings.timeline import Timeline
    from server.login import routes as login
    from signing import routes as signing
    from signing import verifier_routes
    from signing.verdict import PdfVerdict

    named = [View, ServiceView, SessionView, Job, Timeline, PdfVerdict, Level]
    for module in (
        login,
        office,
        opening,
        inspection,
        photo_routes,
        witnesses,
        signing,
        verifier_routes,
        recordings,
        hall,
        hall_routes,
        call_routes,
        window_routes,
        file_routes,
    ):
        own = [value for value in vars(module).values() if isinstance(value, type)]
        named += [value for value in own if issubclass(value, msgspec.Struct) and value.__module__ == module.__name__]
    return list(dict.fromkeys(named))


def write(types: Iterable[Any]) -> str:
    """The file's text; interfaces in alphabetical order."""
    _, components = msgspec.json.schema_components(list(types), ref_template="#/{name}")
    names = {name: _identifier(name) for name in components}
    blocks = [_declaration(names[name], schema, names) for name, schema in sorted(components.items())]
    return HEAD + "\n" + "\n".join(blocks)


def _identifier(name: str) -> str:
    """Two modules may have a struct of one name; msgspec then writes the module in front."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("__", ".").replace("_", ".").split("."))


def _declaration(name: str, schema: dict[str, Any], names: dict[str, str]) -> str:
    text = schema.get("description", "").split("\n\n")[0].replace("\n", " ").strip()
    comment = f"/** {text} */\n" if text else ""
    if "properties" not in schema:
        return f"{comment}export type {name} = {_type(schema, names)}\n"
    # What has a default is sent all the same; only a request may leave it out.
    lines = [f"  {_key(key)}: {_type(value, names)}" for key, value in schema["properties"].items()]
    return comment + f"export interface {name} {{\n" + "\n".join(lines) + "\n}\n"


def _key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key)


def _type(schema: dict[str, Any], names: dict[str, str]) -> str:
    if "$ref" in schema:
        return names[schema["$ref"].removeprefix("#/")]
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(one, names) for one in schema["anyOf"]))
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(_type(one, names) for one in schema["prefixItems"]) + "]"
        items = schema.get("items")
        inner = _type(items, names) if isinstance(items, dict) else "unknown"
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values, names) if isinstance(values, dict) else 'unknown'}>"
    return PLAIN.get(str(kind), "unknown")


def causes() -> str:
    """The words for why something is missing and for what is wrong: one table, so that no page says it differently."""
    return f"{HEAD}\n{_words('CAUSES', CAUSES)}\n{_words('FINDINGS', FINDINGS)}"


def _words(name: str, table: dict[str, Pair]) -> str:
    rows = (
        f"  {word}: {{ zh: {json.dumps(zh, ensure_ascii=False)}, en: {json.dumps(en)} }},\n"
        for word, (zh, en) in table.items()
    )
    return f"export const {name}: Record<string, {{ zh: string; en: string }}> = {{\n{''.join(rows)}}}\n"


def main() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(write(structs()), "utf-8")
    CAUSES_TARGET.write_text(causes(), "utf-8")


if __name__ == "__main__":
    main()

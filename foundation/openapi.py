"""The OpenAPI 3.1 description, drawn from the route records, so that it cannot differ from what is served."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from foundation.access import PERMISSIONS

if TYPE_CHECKING:
    from foundation.http import Route

_BRACES = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")


class ProblemBody(msgspec.Struct, rename={"type_": "type"}):
    """RFC 9457, with a stable `code`; `detail` is in the reader's language."""

    type_: str
    title: str
    status: int
    code: str
    detail: str
    params: dict[str, Any]
    request: str


def document(routes: Sequence["Route"], version: str) -> dict[str, Any]:
    """The whole description as plain data."""
    types = [ProblemBody]
    types += [t for route in routes for t in (route.request, route.response) if t is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = {_key(t): schema for t, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.path.startswith("/api"):
            operation = _operation(route, by_type)
            paths.setdefault(_BRACES.sub(r"{\1}", route.path), {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Yuankan 远勘", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }


def _key(kind: Any) -> str:
    return repr(kind)


def _operation(route: "Route", by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _name(route),
        "x-permission": route.permission,
        "description": f"Permission `{route.permission}`: {PERMISSIONS[route.permission].description}.",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _BRACES.findall(route.path)
        ]
        + [
            {
                "name": asked.name,
                "in": "query",
                "required": asked.required,
                "description": asked.about,
                "schema": {"type": "string", **({"format": asked.form} if asked.form else {})},
            }
            for asked in route.query
        ],
        "responses": {
            **_success(route, by_type),
            "default": {
                "description": "Refused; `code` says why.",
                "content": {"application/problem+json": {"schema": by_type[_key(ProblemBody)]}},
            },
        },
    }
    if route.raw_body:
        schema = {"type": "string", "format": "binary"}
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": schema}}}
    elif route.request is not None:
        schema = by_type[_key(route.request)]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _success(route: "Route", by_type: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if route.gives:
        body = {"schema": {"type": "string", "format": "binary"}}
        return {str(route.status): {"description": route.summary, "content": dict.fromkeys(route.gives, body)}}
    if route.response is None:
        return {"2XX": {"description": route.summary}}
    schema = by_type[_key(route.response)]
    return {str(route.status): {"description": route.summary, "content": {"application/json": {"schema": schema}}}}


def _name(route: "Route") -> str:
    words = re.findall(r"\w+", _BRACES.sub(r"by_\1", route.path).removeprefix("/api"))
    return "_".join([route.method.lower(), *words])

"""The built pages: each address shows its page under the strict policy, and nothing outside the folder is given."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web

from foundation.access import ANONYMOUS, Actor
from foundation.http import build_app
from server import pages
from server.node import WEB_CLIENT
from tests.support.http import Served

ADDRESSES = [
    "/",
    "/hall",
    "/hall/guides/x",
    "/n/some-token",
    "/wall/990101",
    "/desk",
    "/desk/cases/x",
    "/i/some-token",
    "/audit",
    "/audit/records/x",
    "/verify",
]


async def nobody(_request: web.Request) -> Actor:
    return ANONYMOUS


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_address_shows_a_page_under_the_strict_policy(serve, address: str) -> None:  # type: ignore[no-untyped-def]
    served: Served = await serve(build_app(await asyncio.to_thread(pages.routes, WEB_CLIENT), actors=nobody))
    async with served.session.get(address) as answer:
        text = await answer.text()
        assert answer.status == 200
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    for asset in re.findall(r'(?:src|href)="(/assets/[^"]+)"', text):
        async with served.session.get(asset) as answer:
            assert answer.status == 200, f"{address} asks for {asset}"


async def test_no_path_leads_out_of_the_folder(serve) -> None:  # type: ignore[no-untyped-def]
    served: Served = await serve(build_app(await asyncio.to_thread(pages.routes, WEB_CLIENT), actors=nobody))
    for path in ("/assets/..%2fdesk.html", "/assets/%2e%2e/%2e%2e/package.json", "/assets/nothing.js"):
        async with served.session.get(path) as answer:
            assert answer.status == 404

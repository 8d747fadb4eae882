"""The key of a page that signs: read in the page itself at the moment its signature leaves, and again afterwards.

What comes out in the end must carry that very key in the signer's certificate, and the page must have had no way to
give the private half to anybody.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route
from pyhanko.pdf_utils.reader import PdfFileReader

FORMATS = ["pkcs8", "jwk", "raw"]
SENT = re.compile(r"/api/signatures/[^/]+$")
_STORE = """
const asked = (request) => new Promise((done, fail) => {
  request.onsuccess = () => done(request.result)
  request.onerror = () => fail(request.error)
})
const database = await asked(indexedDB.open('yuankan-keys'))
const store = database.transaction('keys').objectStore('keys')
"""
_READ = f"""async (formats) => {{
  {_STORE}
  const [pair, ...others] = await asked(store.getAll())
  database.close()
  const taken = []
  for (const format of formats) {{
    try {{
      await crypto.subtle.exportKey(format, pair.privateKey)
      taken.push(format)
    }} catch (refused) {{
      if (refused.name !== 'InvalidAccessError') taken.push(format + ' ' + refused)
    }}
  }}
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))
  return {{ spki: btoa(String.fromCharCode(...spki)), taken, others: others.length }}
}}"""
_LEFT = f"""async () => {{
  {_STORE}
  const left = await asked(store.count())
  database.close()
  return left
}}"""


@asynccontextmanager
async def watched(page: Page, kept: dict[str, Any], role: str) -> AsyncIterator[None]:
    """Around an act of signing: puts under ``role`` what the page's key was, and what was left of it."""

    async def look(route: Route) -> None:
        kept[role] = await page.evaluate(_READ, FORMATS)
        await route.fallback()

    await page.route(SENT, look)
    yield
    await page.unroute(SENT, look)
    kept[role]["left"] = await page.evaluate(_LEFT)


def judged(kept: dict[str, Any], sheet: Path) -> dict[str, str]:
    """ "pass" for each role, or what is wrong."""
    with sheet.open("rb") as opened:
        signatures = PdfFileReader(opened).embedded_signatures
        certified = {str(one.field_name).lower(): one.signer_cert.public_key.dump() for one in signatures}
    return {role: _fault(one, certified.get(role)) or "pass" for role, one in kept.items()}


def _fault(one: dict[str, Any], certified: bytes | None) -> str:
    if base64.b64decode(one["spki"]) != certified:
        return "the certificate is for another key than the page's"
    if one["taken"] or one["others"]:
        return f"the page could give its key away: {one['taken']}, {one['others']} other keys"
    return f"{one['left']} keys were left in the browser" if one["left"] else ""

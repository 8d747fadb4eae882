"""Everything the OpenAPI description allows and forbids is asked of a running node, by everybody who may log in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rehearsal.installation import Installation, installation
from tests.support.contract import ask_everything, logged_in

EXAMPLES = 40


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path) as running:
        yield running


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("account", [None, "liming", "hejing", "guanli"])
async def test_every_answer_is_described(installed: Installation, tmp_path: Path, account: str | None) -> None:
    """A stranger, an officer, the auditor, the administrator. What a stranger asks names nothing that exists."""
    person = await logged_in(installed, account) if account else None
    await asyncio.to_thread(
        ask_everything,
        installed.url,
        tmp_path,
        headers=person.headers if person else {"Origin": installed.url},
        known=person.known if person else None,
        examples=EXAMPLES,
        # It would end the login that all other questions are asked with.
        except_paths=("/api/logout",) if person else (),
    )

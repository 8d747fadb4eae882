"""A few questions for every operation of the OpenAPI description; tests/deep asks many more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rehearsal.installation import Installation, installation
from tests.support.contract import ask_everything, logged_in

pytestmark = [pytest.mark.may_block("starts a server of its own"), pytest.mark.timeout(300)]


@pytest.fixture
async def installed(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installation(tmp_path) as running:
        yield running


async def test_an_officer_gets_only_answers_that_are_described(installed: Installation, tmp_path: Path) -> None:
    officer = await logged_in(installed, "liming")
    said = await asyncio.to_thread(
        ask_everything,
        installed.url,
        tmp_path,
        headers=officer.headers,
        known=officer.known,
        examples=2,
        phases=("fuzzing",),
        # It would end the login that all other questions are asked with; strangers ask it in tests/deep.
        except_paths=("/api/logout",),
    )
    assert "0 generated" not in said

"""The small API, served."""

import pytest

from foundation.http import build_app
from tests.support.small_api import ROUTES, who


@pytest.fixture
async def served(serve):
    return await serve(build_app(ROUTES, actors=who))

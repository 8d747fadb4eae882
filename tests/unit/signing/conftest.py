"""The fonts, opened once: a missing one fails with the sentence that says how to get it."""

import pytest

from signing.fonts import FontSet, open_fonts


@pytest.fixture(scope="session")
def fonts() -> FontSet:
    return open_fonts()

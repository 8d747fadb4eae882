"""A blocked event loop fails the test: whatever of ours blocks belongs in a thread."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx

_OURS = ["foundation", "office", "inspection", "helpdesk", "signing", "recordings", "media", "signaling", "server"]


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Off for a test marked `may_block("why")`."""
    if request.node.get_closest_marker("may_block"):
        yield
        return
    with blockbuster_ctx(_OURS) as guard:
        # A lookup of the working directory, which SQLAlchemy makes once: not worth a thread.
        guard.functions["os.path.abspath"].deactivate()
        # The end of a transaction that only read: it waits for nobody and writes nothing.
        guard.functions["sqlite3.Connection.rollback"].can_block_in("foundation/sqlite.py", "_ended")
        yield

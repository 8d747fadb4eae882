"""Fixtures for every test: clock, databases, bus, object stores, HTTP. They live in tests/support/."""

import os
import sys

from hypothesis import HealthCheck, settings

from foundation import log
from tests.support.bus import bus, nats_server
from tests.support.clock import clock
from tests.support.database import (
    database,
    database_url,
    postgres_database,
    postgres_server,
    postgres_url,
    sqlite_database,
    sqlite_url,
)
from tests.support.http import serve
from tests.support.objects import keyring, object_store, s3, s3_endpoint, s3_settings

__all__ = [
    "bus",
    "clock",
    "database",
    "database_url",
    "keyring",
    "nats_server",
    "object_store",
    "postgres_database",
    "postgres_server",
    "postgres_url",
    "s3",
    "s3_endpoint",
    "s3_settings",
    "serve",
    "sqlite_database",
    "sqlite_url",
]


class _Stderr:
    """Whatever standard error is now: pytest gives each test its own."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def isatty(self) -> bool:
        return False


log.setup("info", stream=_Stderr())  # type: ignore[arg-type]

# How long an example takes says more about what else runs on the machine than about the code. Under CI the examples are
# the same each time: what is red there is the change, and new examples are found by everybody who runs the tests.
settings.register_profile(
    "yuankan",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("yuankan")

"""A real relay: coturn from Debian, with the configuration that docs/turnserver.conf gives to operators."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from server.certificate import ensure
from signaling.ice import Relays
from tests.rehearsal.installation import free_port
from tests.support.waiting import until

CONFIGURATION = Path(__file__).resolve().parent.parent.parent / "docs" / "turnserver.conf"
SECRET = "a secret of this test alone"


@dataclass(frozen=True)
class Relay:
    port: int
    tls_port: int
    trust: ssl.SSLContext

    @property
    def settings(self) -> Relays:
        """What a node is told of it."""
        return Relays([f"turn:127.0.0.1:{self.port}", f"turns:127.0.0.1:{self.tls_port}?transport=tcp"], SECRET)


@asynccontextmanager
async def relay(folder: Path) -> AsyncIterator[Relay]:
    """coturn on loopback, which may reach 127.0.0.1 alone."""
    certificate = ensure(folder / "certificate", datetime.now(UTC), ("127.0.0.1",))
    trust = ssl.create_default_context(cafile=str(certificate.authority))
    found = Relay(free_port(), free_port(), trust)
    process = await asyncio.create_subprocess_exec(
        *("turnserver", "-c", str(CONFIGURATION), "--log-file=stdout", f"--pidfile={folder / 'relay.pid'}"),
        *(f"--listening-port={found.port}", f"--tls-listening-port={found.tls_port}", "--listening-ip=127.0.0.1"),
        *("--relay-ip=127.0.0.1", "--allow-loopback-peers", "--allowed-peer-ip=127.0.0.1"),
        *(f"--static-auth-secret={SECRET}", f"--cert={certificate.certificate}"),
        f"--pkey={certificate.key}",
        stdout=(folder / "relay.log").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )

    async def why_not() -> str | None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", found.tls_port)
        except OSError:
            return (folder / "relay.log").read_text(errors="replace")[-2000:]
        writer.close()
        return None

    try:
        await until(why_not)
        yield found
    finally:
        process.terminate()
        await process.wait()

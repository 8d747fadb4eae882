"""`./run --lan` as a phone of the local network meets it, and what the command does while it runs and when it ends."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from signaling import messages as m
from tests.rehearsal.installation import ROOT, free_port
from tests.support.serving import UP, Serving
from tests.support.waiting import until

pytestmark = [
    pytest.mark.may_block("reads what a command prints; no loop serves anybody meanwhile"),
    pytest.mark.timeout(240),
]

# Only ends a hopeless wait.
START_S = 120.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lan")


@pytest.fixture(scope="module")
def lan(folder: Path) -> Iterator[Serving]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YUANKAN_")} | {
        "YUANKAN_DATA_DIR": str(folder / "data"),
        "YUANKAN_PORT": str(free_port()),
        "YUANKAN_MEDIA_PORT": str(free_port()),
    }
    serving = Serving(
        subprocess.Popen(
            [sys.executable, "-m", "server.cli", "serve", "--lan"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    )
    try:
        serving.wait_for(UP, START_S)
        yield serving
    finally:
        serving.end()


@pytest.fixture
async def phone(lan: Serving, folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """Trusts the certificate whose path was printed, and nothing else; believes no name that is not in it."""
    printed = folder / "data" / "tls" / "authority.crt"
    assert str(printed) in lan.said
    trust = ssl.create_default_context(cafile=str(printed))
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(
        lan.address, connector=connector, cookie_jar=jar, headers={"Origin": lan.address}
    ) as session:
        yield session


async def test_a_phone_that_trusts_the_printed_certificate_gets_a_secure_page(
    lan: Serving, phone: aiohttp.ClientSession
) -> None:
    assert lan.address.startswith("https://")
    assert lan.invitation is not None and lan.invitation.startswith(f"{lan.address}/i/")
    async with phone.get(lan.invitation) as answer:
        assert answer.status == 200
        assert "camera=(self)" in answer.headers["Permissions-Policy"]


async def test_a_phone_that_does_not_trust_it_is_not_served(lan: Serving) -> None:
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{lan.address}/readyz")


async def test_the_session_runs_over_the_same_trust(lan: Serving, phone: aiohttp.ClientSession) -> None:
    async with phone.post("/api/login", json={"account": "liming", "password": lan.accounts["liming"]}) as answer:
        assert answer.status == 200
        assert answer.cookies["yk_session"]["secure"]
    async with phone.get("/api/cases") as answer:
        record = next(row["record"] for row in (await answer.json())["cases"] if row["record"])
    async with phone.ws_connect(f"/api/ws?record={record}") as socket_:
        await socket_.send_str(m.encode(m.Hello(m.PROTOCOL_VERSION)).decode())
        assert isinstance(m.decode_server((await socket_.receive(10)).data), m.Welcome)


async def test_a_process_that_is_killed_is_started_again_and_terminal_and_log_say_why(
    lan: Serving, folder: Path, phone: aiohttp.ClientSession
) -> None:
    def running(role: str) -> list[int]:
        return [pid for pid, command in lan.children().items() if command.endswith(f"server.cli {role}")]

    for role in ("media", "node"):
        (before,) = running(role)
        os.kill(before, signal.SIGKILL)

        def missing(role: str = role, before: int = before) -> str | None:
            return None if running(role) not in ([], [before]) else f"no new {role}"

        await until(missing, 30)
        said = f"{role} ended (signal SIGKILL); starting it again"
        assert said in lan.said
        assert said in (folder / "data" / "logs" / f"{role}.log").read_text()

    async def not_ready() -> str | None:
        try:
            async with phone.get("/readyz") as answer:
                return None if answer.status == 200 else await answer.text()
        except aiohttp.ClientError as error:
            return str(error)

    await until(not_ready, 90)


def test_ctrl_c_leaves_nobody_behind(lan: Serving) -> None:
    children = lan.children()
    assert len(children) == 5, f"four roles and NATS: {children}"
    assert lan.stop_as_ctrl_c_does() == 0
    assert "Stopped." in lan.said and "Traceback" not in lan.said
    left = {pid: command for pid, command in children.items() if Path(f"/proc/{pid}").exists()}
    assert left == {}

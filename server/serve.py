"""`./run`: everything on one machine, from an empty folder to a page somebody can open.

Order: look whether it can work at all, start NATS, bring the database up to date, fill an empty one with the
demonstration office, start the four roles, and when all of them serve say where to go. Settings given by the
environment win over what is chosen here, so the same command serves with PostgreSQL, S3 or a NATS cluster.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.nats_child import NatsChild
from foundation.settings import Settings
from server import preflight, shape
from server.supervise import Child, Supervisor

if TYPE_CHECKING:
    from server.demo import Demonstration

ROLES = ("node", "media", "packager", "jobs")
# Pages and calls come first. Journals and jobs wait where they are and lose nothing.
PATIENT = {"packager", "jobs"}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def serve_all(*, lan: bool, accounts_file: Path | None) -> None:
    """Run until Ctrl-C or SIGTERM. Raises `CannotStart` with a sentence for people."""
    asked = preflight.read_settings()
    preflight.check_data_dir(asked)
    if accounts_file:
        preflight.check_folder(accounts_file.parent)
    os.environ.update(choose(asked, lan=lan))
    settings = preflight.read_settings()
    preflight.check(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        environment = await start_nats(settings, stack)
        demonstration = (
            None if await asyncio.to_thread(shape.is_current, settings.database) else await prepare(settings)
        )
        if demonstration and accounts_file:
            write_private(accounts_file, json.dumps(demonstration.document(), ensure_ascii=False))
        children = [
            Child(role, [sys.executable, "-m", "server.cli", role], environment, patient=role in PATIENT)
            for role in ROLES
        ]
        supervisor = Supervisor(children, settings.data_dir / "logs", say)
        await supervisor.run(stop, lambda: welcome(settings, demonstration, lan=lan))
        say("已停止。 / Stopped.")


async def prepare(settings: Settings) -> Demonstration | None:
    """Bring the database to this version's tables and fill an empty one; loads what a second start need not."""
    from server.demo import ensure_demonstration
    from server.schema import migrate_database

    await migrate_database(settings)
    return await ensure_demonstration(settings) if settings.demo else None


def choose(settings: Settings, *, lan: bool) -> dict[str, str]:
    """The settings this command adds for one machine, as environment; never one that the environment holds already."""
    chosen: dict[str, str] = {"YUANKAN_DATA_DIR": str(settings.data_dir.absolute())}
    if not settings.database_url:
        chosen["YUANKAN_DEMO"] = "true"
    if lan:
        from server import certificate

        addresses = certificate.local_addresses()
        made = certificate.ensure(settings.data_dir.absolute() / "tls", datetime.now(UTC), addresses)
        reached = addresses[0] if addresses else "127.0.0.1"
        chosen |= {
            "YUANKAN_HOST": "0.0.0.0",  # the point of --lan: phones reach it
            "YUANKAN_MEDIA_HOST": "0.0.0.0",
            "YUANKAN_MEDIA_PUBLIC_ADDRESSES": json.dumps([*addresses, "127.0.0.1"]),
            "YUANKAN_TLS_CERT": str(made.certificate),
            "YUANKAN_TLS_KEY": str(made.key),
            "YUANKAN_BASE_URL": f"https://{reached}:{settings.port}",
        }
    elif not settings.base_url:
        chosen["YUANKAN_BASE_URL"] = f"{'https' if settings.tls else 'http'}://{settings.host}:{settings.port}"
    return {name: value for name, value in chosen.items() if name == "YUANKAN_DATA_DIR" or name not in os.environ}


async def start_nats(settings: Settings, stack: AsyncExitStack) -> Mapping[str, str]:
    """The bundled server when no other was named; what children need to reach it."""
    if settings.nats_url is not None:
        return {}
    child = await NatsChild.start(settings.data_dir / "nats")
    stack.push_async_callback(child.stop)
    return {"YUANKAN_NATS_URL": child.url, "YUANKAN_NATS_TOKEN": child.token}


def write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)


def welcome(settings: Settings, demonstration: Demonstration | None, *, lan: bool) -> None:
    """Where to go, with which account, and a code for the phone."""
    address = settings.base_url.rstrip("/")
    lines = [
        "",
        "远勘已启动 / Yuankan is running",
        "",
        f"  工作人员 / staff   {address}/",
    ]
    if demonstration is not None and demonstration.passwords:
        lines += ["", "  演示账号（密码只显示这一次） / demonstration accounts (shown this once)"]
        lines += [f"    {one.account:<12} {one.password}   {one.name} {one.post}" for one in demonstration.passwords]
    elif settings.demo:
        lines += ["  忘了密码 / forgotten a password           ./run password liming"]
    say("\n".join(lines))
    if demonstration is not None and demonstration.invitation:
        say("\n  申请人请用手机打开 / open on the phone as the applicant\n    " + demonstration.invitation)
        import segno

        segno.make(demonstration.invitation, micro=False).terminal(out=sys.stderr, compact=True)
    if lan:
        folder = settings.data_dir / "tls"
        say(
            "  手机首次使用：把下面的证书文件发到手机上安装并信任，浏览器才允许用镜头。\n"
            "  First use on a phone: send it this certificate, install and trust it; browsers give no camera without.\n"
            f"    {folder / 'authority.crt'}\n"
            "    iOS: 设置→通用→VPN与设备管理 安装，再到 关于本机→证书信任设置 打开\n"
            "         Settings → General → VPN & Device Management, then About → Certificate Trust Settings\n"
            "    Android: 设置→安全→加密与凭据→安装证书→CA证书\n"
            "         Settings → Security → Encryption & credentials → Install a certificate → CA certificate"
        )
    say("\n  停止：Ctrl-C / stop: Ctrl-C")

"""What can be known before anything starts: a wrong setting, a taken port, a folder that cannot be written, a full
disk, a database or message server that is not there.

Each check raises `CannotStart` with one sentence that says what to do.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from foundation.settings import Settings
from server.supervise import CannotStart

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

# An inspection of an hour with six people is about 4 GB; below this a recording could not even begin.
LEAST_FREE_BYTES = 500 * 2**20
# Long enough for another continent; a person waits for it.
BUS_SECONDS = 5.0
NATS_PORT = 4222


def read_settings() -> Settings:
    """The environment's settings, or which of them are wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in error.errors()]
        # A rule between two settings names them itself.
        text = "; ".join(f"YUANKAN_{name.upper()}: {why}" if name else why for name, why in wrong)
        raise CannotStart(
            f"设置有误：{text}。请改正环境变量（见 docs/operations.md）。\n"
            f"Wrong setting: {text}. Mend the environment variable (see docs/operations.md)."
        ) from error
    except ValueError as error:
        # pydantic-settings raises its own for a list that is not JSON; its text names the field.
        raise CannotStart(f"设置有误：{error}。\nWrong setting: {error}.") from error


def check_data_dir(settings: Settings) -> None:
    """Before anything is written into it."""
    check_folder(settings.data_dir)
    check_space(settings.data_dir)
    check_file(settings.office_key)
    if settings.database.startswith("sqlite:///"):
        check_file(Path(urlsplit(settings.database).path[1:]))


def check(settings: Settings) -> None:
    """All but the database, which is asked when it is brought up to date."""
    check_data_dir(settings)
    check_tls(settings)
    check_port(settings.host, settings.port, socket.SOCK_STREAM, "YUANKAN_PORT")
    check_port(settings.media_host, settings.media_port, socket.SOCK_DGRAM, "YUANKAN_MEDIA_PORT")
    check_port(settings.media_host, settings.media_port, socket.SOCK_STREAM, "YUANKAN_MEDIA_PORT")
    if settings.nats_url is not None:
        check_bus(settings.nats_url)


def check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".written-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"无法写入数据目录 {folder}：{error.strerror}。请换一个目录（YUANKAN_DATA_DIR）或改权限。\n"
            f"Cannot write to the data folder {folder}: {error.strerror}. "
            "Choose another (YUANKAN_DATA_DIR) or mend its permissions."
        ) from error


def check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise CannotStart(
            f"数据目录 {folder} 只剩{free // 2**20} MB，录像放不下。请先清理磁盘或换一个目录（YUANKAN_DATA_DIR）。\n"
            f"The data folder {folder} has only {free // 2**20} MB left, too little for a recording. "
            "Free some space or choose another folder (YUANKAN_DATA_DIR)."
        )


def check_file(path: Path) -> None:
    """One that is there already can be read and written, whoever made it."""
    try:
        with path.open("r+b"):
            pass
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CannotStart(
            f"无法打开 {path}：{error.strerror}。请用启动过它的那个用户运行，或改权限。\n"
            f"Cannot open {path}: {error.strerror}. Run as the user who started it before, or mend its permissions."
        ) from error


def check_tls(settings: Settings) -> None:
    if settings.tls_cert is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one, too
        why = error.strerror or str(error)
        raise CannotStart(
            f"证书或私钥用不了（{settings.tls_cert}，{settings.tls_key}）：{why}。"
            "请检查 YUANKAN_TLS_CERT 和 YUANKAN_TLS_KEY。\n"
            f"Certificate or key cannot be used ({settings.tls_cert}, {settings.tls_key}): {why}. "
            "Check YUANKAN_TLS_CERT and YUANKAN_TLS_KEY."
        ) from error


def check_bus(url: str) -> None:
    """Whether one server of the list takes a connection. A bus that goes away later is waited for."""
    servers = [urlsplit(one if "://" in one else f"nats://{one}") for one in url.split(",")]
    names = ", ".join(f"{server.hostname}:{server.port or NATS_PORT}" for server in servers)
    for server in servers:
        try:
            socket.create_connection((server.hostname or "", server.port or NATS_PORT), BUS_SECONDS).close()
        except OSError:
            continue
        return
    raise CannotStart(
        f"连不上消息服务器 {names}。请先启动它，或检查 YUANKAN_NATS_URL。\n"
        f"No message server answers at {names}. Start it first, or check YUANKAN_NATS_URL."
    )


def database_sentence(settings: Settings, error: DBAPIError) -> str:
    """Why the database cannot be used; the password in its URL is not repeated."""
    parts = urlsplit(settings.database)
    name = f"{parts.hostname}:{parts.port or 5432}{parts.path}" if parts.hostname else parts.path[1:]
    why = str(error.orig).strip().splitlines()[0]
    return (
        f"数据库 {name} 用不了：{why}。请检查它是否在运行，以及 YUANKAN_DATABASE_URL。\n"
        f"The database {name} cannot be used: {why}. Check that it runs, and YUANKAN_DATABASE_URL."
    )


def check_port(host: str, port: int, kind: socket.SocketKind, setting: str) -> None:
    """Port 0 is the system's choice and always free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(port_sentence(host, port, error, setting)) from error


def port_sentence(host: str, port: int, error: OSError, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"端口{port}已被别的程序占用。请停掉它，或设置 {setting} 换一个端口。\n"
            f"Port {port} is taken by another program. Stop it, or set {setting} to another port."
        )
    if error.errno == errno.EACCES:
        return (
            f"没有权限使用端口{port}。请设置 {setting} 为1024以上的端口，或以root运行。\n"
            f"No permission for port {port}. Set {setting} to a port above 1024, or run as root."
        )
    return (
        f"无法使用地址 {host}:{port}：{error.strerror}。请检查 {setting} 和主机地址。\n"
        f"Cannot use {host}:{port}: {error.strerror}. Check {setting} and the host address."
    )

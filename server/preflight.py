"""What can be known before anything starts: a taken port, a folder that cannot be written, a full disk.

Each check raises `CannotStart` with one sentence that says what to do.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
from pathlib import Path

from foundation.settings import Settings
from server.supervise import CannotStart

# An inspection of an hour with six people is about 4 GB; below this a recording could not even begin.
LEAST_FREE_BYTES = 500 * 2**20


def check(settings: Settings) -> None:
    check_folder(settings.data_dir)
    check_space(settings.data_dir)
    check_port(settings.host, settings.port, socket.SOCK_STREAM, "YUANKAN_PORT")
    check_port(settings.media_host, settings.media_port, socket.SOCK_DGRAM, "YUANKAN_MEDIA_PORT")
    check_port(settings.media_host, settings.media_port, socket.SOCK_STREAM, "YUANKAN_MEDIA_PORT")


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

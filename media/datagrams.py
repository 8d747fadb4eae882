"""Sockets of the media port: bound to one address or to all, and answered from the address that was written to.

A socket that binds all addresses of its machine answers from the one that the route prefers. A browser that wrote to
another one takes no answer from there (RFC 8445 §7.2.5.2.1), so on Linux each datagram says where it was sent to, and
what leaves says where it comes from (ip(7), RFC 3542 §6.2).
"""

import asyncio
import ipaddress
import socket as sockets
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_RECEIVE_BUFFER = 4 << 20  # bytes: a keyframe from each of twenty cameras at once
_ROOM, _CONTROL = 2048, 64  # bytes of a datagram, and of what comes with it
_ALL = ("", "0.0.0.0", "::")
_INFO4, _INFO6 = struct.Struct("=i4s4s"), struct.Struct("=16sI")  # struct in_pktinfo, struct in6_pktinfo
_IP_PKTINFO = 8  # <linux/in.h>; the module names it from Python 3.14 on

Name = tuple[tuple[Any, ...], tuple[tuple[int, int, bytes], ...]]
"""The other end's address as the system has it, and what makes an answer leave from the address it wrote to."""


def bound(host: str, port: int, kind: int) -> sockets.socket:
    """A non-blocking socket on this number; on ``::`` it takes IPv4 too, as addresses of IPv6. Raises OSError."""
    flags = sockets.AI_PASSIVE
    family, kind, _, _, address = sockets.getaddrinfo(host or None, port, type=kind, flags=flags)[0]
    made = sockets.socket(family, kind)
    try:
        made.setblocking(False)
        if family == sockets.AF_INET6:
            made.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, int(host != "::"))
        if kind == sockets.SOCK_STREAM:
            made.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)  # a worker that comes back takes its number
        else:
            made.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, _RECEIVE_BUFFER)  # the system may grant less
            if host in _ALL and sys.platform == "linux":
                six = family == sockets.AF_INET6
                level, option = (
                    (sockets.IPPROTO_IPV6, sockets.IPV6_RECVPKTINFO) if six else (sockets.IPPROTO_IP, _IP_PKTINFO)
                )
                made.setsockopt(level, option, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


class Datagrams:
    """The port's UDP half where there is no compiler: ``take`` gets each datagram and the name of who sent it."""

    def __init__(self, socket: sockets.socket, take: Callable[[bytes, Name], None]) -> None:
        self._socket = socket
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(socket.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data, said, _, peer = self._socket.recvmsg(_ROOM, _CONTROL)
        except OSError:
            return  # nothing there after all, or somebody's port is closed: nobody else's business
        self._take(data, (peer, tuple(_reply(*each) for each in said)))

    def send(self, name: Name, data: bytes) -> None:
        """Send one datagram; what the system refuses is lost, as in a network."""
        with suppress(OSError):
            self._socket.sendmsg((data,), name[1], 0, name[0])

    def close(self) -> None:
        """Receive nothing more."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()


def _reply(level: int, kind: int, said: bytes) -> tuple[int, int, bytes]:
    """Out of where a datagram was sent to: where its answer comes from. The interface is the route's choice."""
    if level == sockets.IPPROTO_IP:
        return level, kind, _INFO4.pack(0, _INFO4.unpack(said)[1], bytes(4))
    return level, kind, _INFO6.pack(_INFO6.unpack(said)[0], 0)


def unmapped(host: str) -> str:
    """An IPv4 address that a socket for both families has as one of IPv6 (RFC 4291 §2.5.5.2), as people write it."""
    if not host.startswith("::ffff:"):
        return host
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or host)


def own_addresses(host: str) -> tuple[str, ...]:
    """``host``, or for a wildcard the addresses this machine reaches the rest of the network from, of both families for
    ``::``. No packet is sent. Raises OSError on a machine without a network.
    """
    if host not in _ALL:
        return (host,)
    wanted = [(sockets.AF_INET, "192.0.2.1")]
    if host == "::":
        wanted.insert(0, (sockets.AF_INET6, "2001:db8::1"))
    found, failure = list[str](), OSError()
    for family, elsewhere in wanted:
        try:
            with sockets.socket(family, sockets.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError as error:
            failure = error
    if not found:
        raise failure
    return tuple(found)

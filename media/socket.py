"""The worker's one port: UDP, and on the same number passive ICE-TCP (RFC 4571, RFC 6544).

Everything a stranger can send ends here. A datagram is sorted by its first byte (RFC 7983); STUN is answered when it
proves to know a connection's ICE password, and only that proof makes an address known. DTLS is let through from known
addresses alone; SRTP too, but for a trickle from unknown ones, so that a NAT that chose a new port does not cut the
media until the next check (SRTP authenticates it anyway). Where packets are sent to is decided by checks alone.
"""

import asyncio
import socket as sockets
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from foundation import log
from media import rtp, stun
from media.compiled import Library
from media.datagrams import Datagrams, Name, bound, unmapped
from media.fastpath import FastPath, FastPort, Handler, Lane
from media.limits import TokenBucket

DATAGRAM_MAX = 1500  # what SRTP can take in; nothing larger comes out of a browser
_TRICKLE_RATE = 150  # SRTP packets a second from unknown addresses, whole worker: one camera's worth
_NUMBERS_TRIED = 16
_TCP_BACKLOG_MAX = 256 << 10  # bytes queued to one TCP viewer (1 s of 2 Mbit/s): beyond, packets are dropped
_TCP_STRANGERS_MAX = 64  # connections that have proved nothing yet
_TCP_PROOF_S = 10.0  # time for the first authenticated check; browsers send it at once

_log = log.get("media")


class Path(Protocol):
    """A way to a browser: one remote UDP address or one TCP connection."""

    host: str
    port: int
    tcp: bool

    def send(self, data: bytes) -> None:
        """Send one packet; never raises and never waits."""
        ...

    def close(self) -> None:
        """Give up the way (a TCP connection is closed)."""
        ...


class Endpoint(Protocol):
    """What the port needs of a connection (peer.Peer)."""

    strangers: TokenBucket
    lane: Lane | None

    def fresh(self, transaction: bytes, *, known: bool) -> bool: ...
    def checked(self, path: Path, *, nominated: bool) -> None: ...
    def dtls(self, data: bytes, path: Path) -> None: ...
    def srtp(self, data: bytes) -> None: ...


class _UdpPath:
    __slots__ = ("host", "port", "send", "tcp")

    def __init__(self, udp: Datagrams, name: Name) -> None:
        self.send: Callable[[bytes], None] = partial(udp.send, name)  # every packet to a viewer goes through it
        self.host, self.port = unmapped(name[0][0]), name[0][1]
        self.tcp = False

    def close(self) -> None:
        pass


class _TcpPath(asyncio.Protocol):
    """One ICE-TCP connection: packets with a 16-bit length before them, cut and joined by the network at will."""

    def __init__(self, socket: "MediaSocket") -> None:
        self._socket = socket
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self.host, self.port, self.tcp = "", 0, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, self.port = transport.get_extra_info("peername")[:2]
        self.host = unmapped(host)
        self._socket.tcp_opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._socket.tcp_closed(self)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        at = 0
        while len(received) - at >= 2:
            size = received[at] << 8 | received[at + 1]
            if not 0 < size <= DATAGRAM_MAX:
                self.close()
                return
            if len(received) - at - 2 < size:
                break
            self._socket.tcp_received(bytes(received[at + 2 : at + 2 + size]), self)
            at += 2 + size
        del received[:at]

    def send(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() < _TCP_BACKLOG_MAX:
            transport.write(len(data).to_bytes(2, "big") + data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class MediaSocket:
    """The port and who is behind which address."""

    def __init__(self, clock_ns: Callable[[], int], library: Library | None) -> None:
        self._clock_ns = clock_ns
        self._library = library
        self.fast: FastPort | None = None  # with a library, once open
        self._by_ufrag: dict[str, tuple[Endpoint, bytes]] = {}
        self._by_sender: dict[int, Endpoint] = {}
        self._known: dict[Any, tuple[Path, Endpoint]] = {}  # by UDP address (as the port has it), or TCP connection
        self._strangers: dict[_TcpPath, asyncio.TimerHandle] = {}
        self._trickle = TokenBucket(_TRICKLE_RATE, _TRICKLE_RATE)
        self._complaints = TokenBucket(0.2, 10)  # lines of log: whoever finds a fault must not fill the disk with it
        self.udp: Datagrams | None = None  # without a library, once open
        self._tcp: asyncio.Server | None = None
        self.port = 0
        self._refused = 0
        self.errors = 0  # our own exceptions while handling one: always a fault of ours

    async def open(self, host: str, port: int) -> None:
        """Bind both protocols to one number (a free one for 0). Raises OSError."""
        for _ in range(_NUMBERS_TRIED if port == 0 else 1):
            try:
                await self._bind(host, port)
                break
            except OSError as error:
                taken = error  # with 0, only TCP's number was the system's choice: UDP's may be somebody's
        else:
            raise taken

    async def _bind(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        listening = bound(host, port, sockets.SOCK_STREAM)
        self.port = listening.getsockname()[1]
        try:
            udp = bound(host, self.port, sockets.SOCK_DGRAM)
        except OSError:
            listening.close()
            raise
        self._tcp = await loop.create_server(lambda: _TcpPath(self), sock=listening)
        if self._library is not None:
            self.fast = FastPort(self._library, udp, self, self._clock_ns)
        else:
            self.udp = Datagrams(udp, self.udp_received)

    def close(self) -> None:
        """Stop receiving, at once."""
        if self._tcp is not None:
            self._tcp.close()
        for path in [*self._strangers, *(key for key in self._known if isinstance(key, _TcpPath))]:
            path.close()
        if self.udp is not None:
            self.udp.close()
        if self.fast is not None:
            self.fast.close()

    @property
    def refused(self) -> int:
        """Datagrams dropped by the filter."""
        return self._refused + (self.fast.refused if self.fast is not None else 0)

    def refuse(self) -> None:
        """Count one."""
        self._refused += 1

    def lane(self, handler: Handler) -> Lane | None:
        """The fast path of a new connection, where there is one."""
        return self.fast.lane(handler) if self.fast is not None else None

    def settle(self) -> None:
        """Deal with all that has come: whoever acts on what a stream has been through does so first. Every 100 ms."""
        if self.fast is not None:
            self.fast.settle()

    def attach(self, ufrag: str, password: bytes, endpoint: Endpoint) -> None:
        """From now on checks with these credentials are this connection's."""
        self._by_ufrag[ufrag] = endpoint, password

    def sends(self, ssrc: int, endpoint: Endpoint) -> None:
        """This SSRC was seen, authenticated, from this connection."""
        self._by_sender[ssrc] = endpoint

    def silent(self, ssrc: int, endpoint: Endpoint) -> None:
        """This SSRC is over."""
        if self._by_sender.get(ssrc) is endpoint:
            del self._by_sender[ssrc]

    def forget_path(self, path: Path) -> None:
        """The address is no longer known (its checks have stopped)."""
        for key in [key for key, (known, _) in self._known.items() if known is path]:
            self._forget(key)

    def detach(self, endpoint: Endpoint) -> None:
        """Forget everything about a connection."""
        self._by_ufrag = {k: v for k, v in self._by_ufrag.items() if v[0] is not endpoint}
        self._by_sender = {k: v for k, v in self._by_sender.items() if v is not endpoint}
        for key in [key for key, (_, owner) in self._known.items() if owner is endpoint]:
            self._forget(key)

    def _forget(self, key: Any) -> None:
        path, _ = self._known.pop(key)
        if isinstance(path, FastPath) and self.fast is not None:
            self.fast.route(key, None)
        path.close()

    def retire(self, ufrag: str) -> None:
        """Checks with these credentials are no longer answered."""
        self._by_ufrag.pop(ufrag, None)

    def udp_received(self, data: bytes, key: Any) -> None:
        """One datagram from anybody."""
        try:
            self._sort(data, key, None)
        except Exception:
            self.failed()

    def tcp_received(self, data: bytes, path: _TcpPath) -> None:
        """One framed packet from anybody."""
        try:
            self._sort(data, path, path)
        except Exception:
            self.failed()
        if self.fast is not None:
            self.fast.tell()

    def failed(self) -> None:
        """An exception of ours is being handled."""
        self.errors += 1
        if self._complaints.take(self._clock_ns()):
            _log.exception("a packet met a fault of ours")

    def _sort(self, data: bytes, key: Any, tcp: _TcpPath | None) -> None:
        if not 0 < len(data) <= DATAGRAM_MAX:
            self._refused += 1
            return
        first = data[0]
        known = self._known.get(key)
        if 128 <= first <= 191:
            if known is not None:
                known[1].srtp(data)
            else:
                self._unknown_sender(data)
        elif first < 4:
            self._check(data, key, tcp, known)
        elif known is not None and 20 <= first <= 63:
            self.settle()  # it may be the end
            known[1].dtls(data, known[0])
        else:
            self._refused += 1

    def _unknown_sender(self, data: bytes) -> None:
        endpoint = self._by_sender.get(rtp.sender_of(data))
        if endpoint is None or not self._trickle.take(self._clock_ns()):
            self._refused += 1
            return
        endpoint.srtp(data)

    def _check(self, data: bytes, key: Any, tcp: _TcpPath | None, known: tuple[Path, Endpoint] | None) -> None:
        try:
            request = stun.parse_binding_request(data)
        except stun.StunError:
            self._refused += 1
            return
        endpoint, password = self._by_ufrag.get(request.username.partition(":")[0], (None, b""))
        # The bucket is the connection's own: whoever does not know its name cannot use up its tokens, and whoever does
        # can only slow down new addresses of this one connection.
        unknown = known is None or known[1] is not endpoint
        if endpoint is None or (unknown and not endpoint.strangers.take(self._clock_ns())):
            self._refused += 1
            return
        if not stun.verify_integrity(data, request, password) or not endpoint.fresh(
            request.transaction, known=not unknown
        ):
            self._refused += 1
            return
        path: Path
        if known is not None:
            path = known[0]
        elif tcp is not None:
            path = tcp
        else:
            path = self._udp_path(key)
        if not request.controlling:
            path.send(stun.role_conflict_response(request.transaction, password))
            return
        path.send(stun.success_response(request.transaction, path.host, path.port, password))
        if unknown:
            self._known[key] = (path, endpoint)
            if self.fast is not None and isinstance(path, FastPath):
                self.fast.route(key, endpoint.lane)
            if tcp is not None and tcp in self._strangers:
                self._strangers.pop(tcp).cancel()
        endpoint.checked(path, nominated=request.use_candidate)

    def _udp_path(self, key: Any) -> Path:
        if self.fast is not None:
            return FastPath(self.fast, key)
        assert self.udp is not None
        return _UdpPath(self.udp, key)

    def tcp_opened(self, path: _TcpPath) -> None:
        """A stranger has connected: it must prove itself soon."""
        if len(self._strangers) >= _TCP_STRANGERS_MAX:
            path.close()
            return
        self._strangers[path] = asyncio.get_running_loop().call_later(_TCP_PROOF_S, path.close)

    def tcp_closed(self, path: _TcpPath) -> None:
        """A connection is gone; the browser will check on another one or its consent expires."""
        timer = self._strangers.pop(path, None)
        if timer is not None:
            timer.cancel()
        self._known.pop(path, None)

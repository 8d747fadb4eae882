"""One WebRTC connection of a bench's people: ICE, DTLS and SRTP by the product's own parts, on a plain socket.

Arrival is the kernel's time stamp of the datagram, so that a generator that is late to read does not count as a
server that is late to send.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
import time
from collections.abc import Sequence

from media import rtcp, sdp, stun
from media.dtls import DtlsEndpoint, Identity
from media.srtp import SrtpError, SrtpReceiver, SrtpSender
from tests.support.waiting import until

IDENTITY = Identity.generate()
_SO_TIMESTAMPNS = 35  # Linux; Python has no name for it
_STAMP = struct.Struct("@qq")
_BURST = 64  # datagrams read per wake-up
_CONSENT_S = 4.0  # checks go on, as RFC 7675 wants


class Connection:
    """One connection; ``take_rtp`` and ``take_rtcp`` are for the two kinds of it."""

    offers = True  # whether this end makes the offer

    def __init__(self, host: str) -> None:
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.host, self.port = self._socket.getsockname()
        self._remote = sdp.Media("", 0, "", [])
        self._dtls: DtlsEndpoint | None = None
        self._task: asyncio.Task[None] | None = None
        self.sending: SrtpSender | None = None
        self.receiving: SrtpReceiver | None = None
        self._answered = 0
        self._controlling = True

    def transport_lines(self, setup: str) -> list[str]:
        """This end's transport, for an m-line."""
        return [
            "c=IN IP4 0.0.0.0", "a=rtcp-mux", f"a=ice-ufrag:{self.ufrag}", f"a=ice-pwd:{self.password}",
            f"a=fingerprint:sha-256 {IDENTITY.fingerprint.value}", f"a=setup:{setup}",
            f"a=candidate:1 1 udp 2130706431 {self.host} {self.port} typ host", "a=end-of-candidates",
        ]  # fmt: skip

    async def connect(self, remote: str) -> None:
        """Connect to the server whose SDP this is, up to keys. Fails by saying how far it came."""
        # RFC 8445 §6.1.1: a lite end never controls; between two full ones whoever offered does.
        self._controlling = self.offers or "a=ice-lite" in remote
        medias = sdp.parse(remote, media_max=24)
        self._remote = sdp.transport_of(medias)
        found = re.search(r"(?i)udp \d+ (\S+) (\d+) typ host", remote)
        assert found is not None, "no candidate in the server's SDP"
        self._socket.connect((found[1], int(found[2])))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket.fileno(), self._readable)
        self._task = loop.create_task(self._keep())
        await until(
            lambda: None if self.sending else f"ICE {self._answered}, DTLS {self._dtls and self._dtls.state}", 20
        )

    async def _keep(self) -> None:
        while not self._answered:
            self._check()
            await asyncio.sleep(0.05)
        role = "server" if self._remote.setup == "active" else "client"
        self._dtls = DtlsEndpoint(IDENTITY, role, self._remote.fingerprints)
        self._send_all(self._dtls.start())
        while self.sending is None:
            await asyncio.sleep(0.05)
            self._send_all(self._dtls.tick())
        while True:
            await asyncio.sleep(_CONSENT_S)
            self._check()

    def _check(self) -> None:
        username, password = f"{self._remote.ufrag}:{self.ufrag}", self._remote.password.encode()
        request = stun.binding_request(
            secrets.token_bytes(12),
            username,
            password,
            priority=1853824767,
            tie_breaker=1,
            controlling=self._controlling,
            use_candidate=self._controlling,
        )
        self.raw(request)

    def close(self) -> None:
        """Vanish."""
        if self._task is not None:
            self._task.cancel()
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    # --- packets ------------------------------------------------------------------------------------------------------

    def raw(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except OSError:
            pass  # full, refused or closed: lost, as on any network

    def _send_all(self, datagrams: Sequence[bytes]) -> None:
        for datagram in datagrams:
            self.raw(datagram)

    def send_rtcp(self, packet: bytes) -> None:
        if self.sending is not None:
            self.raw(self.sending.rtcp(packet))

    def _readable(self) -> None:
        receive = self._socket.recvmsg
        for _ in range(_BURST):
            try:
                data, ancillary, _, _ = receive(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            first = data[0] if data else 0
            if first >= 128:
                if self.receiving is not None:
                    if 192 <= data[1] <= 223:
                        self._reports(data)
                    else:
                        seconds, rest = _STAMP.unpack(ancillary[0][2][:16])
                        self.take_rtp(data, seconds * 1_000_000_000 + rest)
            elif first < 4:
                self._stun(data)
            elif self._dtls is not None:
                self._handshake(self._dtls, data)

    def _stun(self, data: bytes) -> None:
        if data[:2] == b"\x01\x01":
            self._answered += 1
        elif data[:2] == b"\x00\x01":  # a server with full ICE checks us too
            request = stun.parse_binding_request(data)
            peer, port = self._socket.getpeername()
            self.raw(stun.success_response(request.transaction, peer, port, self.password.encode()))

    def _handshake(self, dtls: DtlsEndpoint, data: bytes) -> None:
        self._send_all(dtls.receive(data))
        if dtls.keys is not None and self.sending is None:
            self.receiving, self.sending = SrtpReceiver(dtls.keys), SrtpSender(dtls.keys)

    def _reports(self, data: bytes) -> None:
        assert self.receiving is not None
        try:
            for packet in rtcp.parse(self.receiving.rtcp(data)):
                self.take_rtcp(packet)
        except (SrtpError, rtcp.RtcpError):
            pass

    def take_rtp(self, data: bytes, at_ns: int) -> None:
        """A protected RTP packet and when the kernel had it (wall clock)."""

    def take_rtcp(self, packet: rtcp.RtcpPacket) -> None:
        """One RTCP packet."""


def ntp_now() -> int:
    """The wall clock as 32.32 bits since 1900."""
    now_ns = time.time_ns()
    return (now_ns // 1_000_000_000 + 2_208_988_800) << 32 | (now_ns % 1_000_000_000 << 32) // 1_000_000_000

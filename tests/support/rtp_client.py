"""A scripted browser: real UDP or TCP, ICE, DTLS and SRTP, and every packet in the test's own hands."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, cast

from media import rtcp, sdp, stun
from media.dtls import DtlsEndpoint, Fingerprint, Identity
from media.rtp import Packet, build, read
from media.srtp import SrtpError, SrtpReceiver, SrtpSender
from tests.support.offers import CHROMIUM_OFFER, FINGERPRINT
from tests.support.waiting import until

Opener = Callable[[Callable[[], asyncio.DatagramProtocol]], Awaitable[Any]]
"""Opens another way to send datagrams than a socket of one's own: given a protocol, a transport (a relay's)."""
AUDIO_SSRC, VIDEO_SSRC, RTX_SSRC = 2079753891, 2090539755, 903635514  # as in the offer
IDENTITY = Identity.generate()


class RtpClient(asyncio.DatagramProtocol):
    """One connection. ``packets`` and ``reports`` hold what came, ``feedback`` counts transport-wide feedback."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.reports: list[rtcp.RtcpPacket] = []
        self.feedback = 0
        self.answers = 0  # STUN responses
        self.sealed: dict[tuple[int, int], set[bytes]] = {}  # what came under one SSRC and sequence number
        self.repeated = 0  # packets that came a second time, seen by SRTP's replay protection
        self.dtls: DtlsEndpoint | None = None
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._relay: Opener | None = None
        self._tcp: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._remote = sdp.Media("", 0, "", [])
        self._sending: SrtpSender | None = None
        self._receiving: SrtpReceiver | None = None

    # --- SDP ----------------------------------------------------------------------------------------------------------

    @staticmethod
    def offer(offer: str = CHROMIUM_OFFER) -> str:
        return offer.replace(FINGERPRINT, IDENTITY.fingerprint.value)

    @staticmethod
    def answer(offer: str) -> str:
        answer = re.sub(r"a=candidate.*\r\n|a=ice-lite\r\n", "", offer).replace("a=sendonly", "a=recvonly")
        answer = re.sub(r"a=fingerprint:sha-256 .*", f"a=fingerprint:sha-256 {IDENTITY.fingerprint.value}", answer)
        return answer.replace("a=setup:actpass", "a=setup:active")

    # --- the connection -----------------------------------------------------------------------------------------------

    async def connect(
        self, remote: str, *, tcp: bool = False, dtls: bool = True, at: str = "", relay: Opener | None = None
    ) -> None:
        """Connect to the worker whose SDP this is, up to keys; ``at``: by the candidate with this address."""
        self.take_remote(remote)
        address = re.escape(at) or r"\S+"
        match = re.search(rf"{'tcp' if tcp else 'udp'} \d+ ({address}) (\d+) typ host", remote)
        assert match is not None, remote
        self._relay = relay
        self._address = match[1], int(match[2])
        loop = asyncio.get_running_loop()
        if tcp:
            self._tcp = await asyncio.open_connection(*self._address)
            self._tasks.append(loop.create_task(self._read_tcp(self._tcp[0])))
        else:
            await self.new_port()
        await self.check()
        if dtls:
            await self.handshake()

    def take_remote(self, remote: str) -> None:
        """Believe this SDP from now on (again after an ICE restart)."""
        self._remote = sdp.transport_of(sdp.parse(remote, media_max=18))

    async def new_port(self) -> None:
        """Send from another UDP port, as after a NAT rebinding."""
        loop = asyncio.get_running_loop()
        old = self._udp
        if self._relay is not None:
            transport = await self._relay(lambda: self)
        else:
            transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=self._address)
        self._udp = cast(asyncio.DatagramTransport, transport)
        self.port = self._udp.get_extra_info("sockname")[1]
        if old is not None:
            old.close()

    async def check(self) -> None:
        """One authenticated connectivity check, answered."""
        before = self.answers
        self.renew()
        await until(lambda: None if self.answers > before else "no answer to the check")

    def renew(self) -> None:
        """Ask once more, without waiting: what keeps a connection's consent fresh."""
        username, password = f"{self._remote.ufrag}:me", self._remote.password.encode()
        self.raw(stun.binding_request(secrets.token_bytes(12), username, password, use_candidate=True))

    async def handshake(self) -> None:
        """DTLS, we as client."""
        expected: list[Fingerprint] = self._remote.fingerprints
        self.dtls = DtlsEndpoint(IDENTITY, "client", expected)
        for datagram in self.dtls.start():
            self.raw(datagram)
        self._tasks.append(asyncio.get_running_loop().create_task(self._retransmit(self.dtls)))
        await until(lambda: None if self._sending is not None else f"DTLS is {self.dtls and self.dtls.state}")

    def raw(self, data: bytes) -> None:
        """Any bytes at all."""
        if self._tcp is not None:
            self._tcp[1].write(len(data).to_bytes(2, "big") + data)
        elif self._udp is not None:
            self._udp.sendto(data, self._address if self._relay is not None else None)

    def send(self, packet: bytes) -> bytes:
        """One RTP packet; returns what went over the wire."""
        assert self._sending is not None
        protected = self._sending.rtp(packet)
        self.raw(protected)
        return protected

    def send_rtcp(self, packet: bytes) -> None:
        assert self._sending is not None
        self.raw(self._sending.rtcp(packet))

    def close(self) -> None:
        """Vanish without a word."""
        for task in self._tasks:
            task.cancel()
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp[1].close()

    # --- media --------------------------------------------------------------------------------------------------------

    def sound(self, seq: int, *, timestamp: int | None = None, ssrc: int = AUDIO_SSRC) -> bytes:
        """Send one packet of sound; returns it as the journal should have it."""
        time = seq * 960 if timestamp is None else timestamp
        packet = build(111, seq & 0xFFFF, time & 0xFFFFFFFF, ssrc, b"sound %d" % seq)
        self.send(packet)
        return packet

    @staticmethod
    def picture(seq: int, *, key: bool = False, ssrc: int = VIDEO_SSRC, padding: int = 0) -> bytes:
        """One packet of a picture, not sent."""
        payload = b"" if padding else (b"\x10\x00" if key else b"\x10\x01") + b"picture %d" % seq
        return build(96, seq & 0xFFFF, seq * 3000 & 0xFFFFFFFF, ssrc, payload, marker=True, padding=padding)

    def of(self, kind: type[Any]) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]

    # --- what comes ---------------------------------------------------------------------------------------------------

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._take(data)

    async def _read_tcp(self, reader: asyncio.StreamReader) -> None:
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            self._take(await reader.readexactly(size))

    async def _retransmit(self, dtls: DtlsEndpoint) -> None:
        while dtls.state == "handshaking":
            await asyncio.sleep(0.05)
            for datagram in dtls.tick():
                self.raw(datagram)

    def _take(self, data: bytes) -> None:
        if data[0] < 4:
            self.answers += data[:2] == b"\x01\x01"
        elif data[0] < 64 and self.dtls is not None:
            for reply in self.dtls.receive(data):
                self.raw(reply)
            keys = self.dtls.keys
            if keys is not None and self._sending is None:
                self._sending, self._receiving = SrtpSender(keys), SrtpReceiver(keys)
        elif data[0] >= 128 and self._receiving is not None:
            self._take_media(data, self._receiving)

    def _take_media(self, data: bytes, session: SrtpReceiver) -> None:
        if 192 <= data[1] <= 223:
            plain = session.rtcp(data)
            self.feedback += plain[1] == 205 and plain[0] & 31 == 15
            self.reports += rtcp.parse(plain)
        else:
            number = int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")
            self.sealed.setdefault(number, set()).add(data)
            try:
                self.packets.append(read(session.rtp(data)))
            except SrtpError:
                self.repeated += 1

"""One connection to a browser: ICE-lite (RFC 8445 §2.5), DTLS and SRTP, and what it costs to keep it alive.

The browser checks, the worker answers. The address of the last check with USE-CANDIDATE is where packets go; any
checked address may send. Consent (RFC 7675) is the same thing seen from here: without an authenticated check for 30 s
the connection is over.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from foundation import log
from media.dtls import DtlsEndpoint, Fingerprint, Identity, Role
from media.limits import Allowance, TokenBucket
from media.rtp import Packet, RtpError, read
from media.runs import Run
from media.socket import MediaSocket, Path
from media.srtp import SrtpError, SrtpReceiver, SrtpSender

CONSENT_NS = 30_000_000_000  # RFC 7675 §5.1
SETUP_NS = 30_000_000_000  # from SDP to keys: a permission prompt may come in between
_PATHS_MAX = 8  # addresses of one browser: IPv4, IPv6, Wi-Fi, mobile, TCP
_EARLY_MAX = 6  # DTLS datagrams kept when the browser is faster than its own SDP answer: one flight
# A camera, a screen and a microphone need a third of this; a peer gone wild harms only itself.
_PACKETS_PER_S, _BYTES_PER_S = 3000, 1_000_000
_CHECKS_PER_S = 50  # from addresses not yet known
_TRANSACTIONS = 512  # checks that are remembered: twenty minutes of them

_log = log.get("media")

State = Literal["new", "up", "down"]


class Handler(Protocol):
    """Who uses the connection."""

    def up(self) -> None:
        """Keys are there."""
        ...

    def down(self, cause: str) -> None:
        """The connection has ended by itself; called once, never after ``Peer.close``."""
        ...

    def take_rtp(self, packet: Packet, now_ns: int) -> None:
        """An authenticated RTP packet, decrypted."""
        ...

    def take_forwarded(self, raw: bytes, ssrc: int, seq: int, timestamp: int, payload_bytes: int, now_ns: int) -> None:
        """One that the fast path has sent to all viewers, and what its header says."""
        ...

    def take_run(self, run: Run) -> None:
        """Many such, each next to the one before."""
        ...

    def take_rtcp(self, packet: bytes, now_ns: int) -> None:
        """An authenticated RTCP packet, decrypted."""
        ...


class Peer:
    """One connection, from credentials to good-bye."""

    def __init__(self, socket: MediaSocket, identity: Identity, handler: Handler, clock_ns: Callable[[], int]) -> None:
        self._socket = socket
        self._identity = identity
        self._handler = handler
        self._clock_ns = clock_ns
        self._born_ns = self._checked_ns = clock_ns()
        self._paths: dict[Path, int] = {}
        self._path: Path | None = None
        self._dtls: DtlsEndpoint | None = None
        self._early: list[tuple[bytes, Path]] = []
        self._receiving: SrtpReceiver | None = None
        self._sending: SrtpSender | None = None
        self._packets = Allowance(_PACKETS_PER_S, 2 * _PACKETS_PER_S, self._born_ns)
        self._bytes = Allowance(_BYTES_PER_S, 2 * _BYTES_PER_S, self._born_ns)
        self._old_ufrag = ""
        self._transactions = bytearray()  # of the last checks, twelve bytes each
        self.lane = socket.lane(handler)
        self.strangers = TokenBucket(_CHECKS_PER_S, 2 * _CHECKS_PER_S)
        self.remote: tuple[Fingerprint, ...] = ()
        self.state: State = "new"
        self.ufrag = self.password = ""
        self._sent_packets = self._sent_bytes = self._received_bytes = 0
        self.renew()

    def renew(self) -> None:
        """Fresh ICE credentials; the old ones are good until the first check with the new (RFC 8445 §9)."""
        if self._old_ufrag:
            self._socket.retire(self._old_ufrag)
        self._old_ufrag = self.ufrag
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self._socket.attach(self.ufrag, self.password.encode(), self)
        self._checked_ns = self._clock_ns()

    def expect(self, remote: Sequence[Fingerprint], role: Role) -> None:
        """The SDP exchange is complete: whose certificate to expect, and our DTLS role."""
        self.remote = tuple(remote)
        self._dtls = DtlsEndpoint(self._identity, role, remote)
        early, self._early = self._early, []
        for data, path in early:
            self.dtls(data, path)
        if role == "client" and self._path is not None:
            self._send_all(self._dtls.start(), self._path)

    @property
    def over_tcp(self) -> bool:
        return self._path is not None and self._path.tcp

    # --- what the port delivers ---------------------------------------------------------------------------------------

    def fresh(self, transaction: bytes, *, known: bool) -> bool:
        """Whether this check is the browser's own. Checks have no protection against replay: whoever overheard one
        could have everything sent to an address of theirs. So one that was seen before makes no address known.
        """
        seen = self._transactions
        if not known and any(seen[at : at + 12] == transaction for at in range(0, len(seen), 12)):
            return False
        seen += transaction
        del seen[: -12 * _TRANSACTIONS]
        return True

    def checked(self, path: Path, *, nominated: bool) -> None:
        """An authenticated check came over ``path``."""
        now_ns = self._clock_ns()
        self._checked_ns = now_ns
        self._paths[path] = now_ns
        if len(self._paths) > _PATHS_MAX:
            self._drop_path(min((p for p in self._paths if p is not self._path), key=self._paths.__getitem__))
        if nominated or self._path is None:
            first = self._path is None
            self._path = path
            if self.lane is not None:
                self.lane.reach(path)
            if first and self._dtls is not None:
                self._send_all(self._dtls.start(), path)

    def dtls(self, data: bytes, path: Path) -> None:
        """A DTLS datagram from a known address."""
        if self._dtls is None:
            if len(self._early) < _EARLY_MAX:
                self._early.append((data, path))
            return
        self._send_all(self._dtls.receive(data), path)
        if self._dtls.state == "connected" and self.state == "new":
            assert self._dtls.keys is not None
            self._receiving, self._sending = SrtpReceiver(self._dtls.keys), SrtpSender(self._dtls.keys)
            if self.lane is not None:
                self.lane.open(self._receiving, self._sending, self._packets, self._bytes)
            self.state = "up"
            self._handler.up()
        elif self._dtls.state == "closed":
            self.end("dtls_closed")
        elif self._dtls.state == "failed":
            _log.info("dtls failed", reason=self._dtls.failure)
            self.end("dtls_failed")

    def srtp(self, data: bytes) -> None:
        """An SRTP or SRTCP packet, authenticated here; with a fast path it is told when the port settles."""
        if self.lane is not None:
            self.lane.take(data, self._clock_ns())
            return
        session, size = self._receiving, len(data)
        if session is None or size < 12:
            return
        packets, octets = self._packets, self._bytes
        if packets.left <= 0 or octets.left < size:
            self._socket.refuse()
            return
        packets.left -= 1
        octets.left -= size
        now_ns = self._clock_ns()
        try:
            if 192 <= data[1] <= 223:  # RFC 5761 §4
                self._handler.take_rtcp(session.rtcp(data), now_ns)
                return
            raw = session.rtp(data)
        except SrtpError:
            self._socket.refuse()  # counted, never a reason to hang up
            return
        self._received_bytes += size
        try:
            packet = read(raw)
        except RtpError:
            return
        self._handler.take_rtp(packet, now_ns)

    # --- what the forwarder sends -------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes) -> bool:
        """Protect and send; False when there are no keys or no address yet, or the packet cannot be protected."""
        path, session = self._path, self._sending
        if path is None or session is None:
            return False
        try:
            path.send(session.rtp(packet))
        except (SrtpError, OSError):
            return False
        self._sent_packets += 1
        self._sent_bytes += len(packet)
        return True

    def send_rtcp(self, packet: bytes) -> bool:
        """As ``send_rtp``, for RTCP."""
        path, session = self._path, self._sending
        if path is None or session is None:
            return False
        try:
            path.send(session.rtcp(packet))
        except (SrtpError, OSError):
            return False
        return True

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def sent_packets(self) -> int:
        return self._sent_packets + (self.lane.counts.sent_packets if self.lane is not None else 0)

    @property
    def sent_bytes(self) -> int:
        return self._sent_bytes + (self.lane.counts.sent_bytes if self.lane is not None else 0)

    @property
    def received_bytes(self) -> int:
        return self._received_bytes + (self.lane.counts.received_bytes if self.lane is not None else 0)

    # --- time and the end ---------------------------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Allowances, retransmissions of DTLS, consent, and addresses gone silent; call it every 100 ms."""
        if self.lane is None:
            self._packets.fill(now_ns)
            self._bytes.fill(now_ns)
        if self.state == "new":
            if self._dtls is not None and self._path is not None:
                self._send_all(self._dtls.tick(), self._path)
            if now_ns - self._born_ns > SETUP_NS:
                self.end("setup_timeout")
        elif self.state == "up":
            if now_ns - self._checked_ns > CONSENT_NS:
                self.end("consent_expired")
            elif len(self._paths) > 1:
                for path in [p for p, at in self._paths.items() if now_ns - at > CONSENT_NS and p is not self._path]:
                    self._drop_path(path)

    def close(self) -> None:
        """End the connection from our side: say good-bye, forget everything. The handler is not called."""
        if self.state == "down":
            return
        self.state = "down"
        if self._dtls is not None and self._path is not None:
            self._send_all(self._dtls.close(), self._path)
        self._socket.detach(self)
        if self.lane is not None:
            self.lane.close()
        self._receiving = self._sending = self._path = self._dtls = None
        self._paths.clear()
        self._early.clear()

    def end(self, cause: str) -> None:
        """End the connection for a reason the handler is told."""
        if self.state != "down":
            self.close()
            self._handler.down(cause)

    def _drop_path(self, path: Path) -> None:
        del self._paths[path]
        self._socket.forget_path(path)

    @staticmethod
    def _send_all(datagrams: Sequence[bytes], path: Path) -> None:
        for datagram in datagrams:
            path.send(datagram)

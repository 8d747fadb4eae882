"""DTLS-SRTP without I/O (RFC 5763, RFC 5764): datagrams in, datagrams out, SRTP keys at the end.

Theory of operation: ``new → handshaking → connected → closed``, and ``failed`` from anywhere. The peer's certificate is
self-signed, so what identifies it is the fingerprint that came with the SDP: it is compared before any key leaves the
endpoint (RFC 8122 §6.2). One identity serves all connections of a worker. Once connected, OpenSSL is let go: what is
left to say is in farewell.py, and the last flight is kept for a peer that has missed it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from media.farewell import Farewell

State = Literal["new", "handshaking", "connected", "failed", "closed"]
Role = Literal["client", "server"]

DATAGRAM_MAX = 1200  # fits every path a browser uses, TURN over IPv6 included
_RECORD_HEADER = 13
_FLIGHT = (20, 22)  # types of a handshake's records
_DTLS_1_2 = 0xFEFD  # RFC 6347 §4.1; RFC 8827 §6.5 asks for nothing older
_EXPORTER_LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 §4.2
_HASHES = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
# RFC 8827 §6.5: every browser has it. The second is for a peer with an RSA key. farewell.py knows no other.
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
# The server's order decides (RFC 5764 §4.1.1); the second is mandatory for WebRTC (RFC 8827 §6.5).
_PROFILES: dict[bytes, tuple[int, int]] = {
    b"SRTP_AEAD_AES_128_GCM": (16, 12),
    b"SRTP_AES128_CM_SHA1_80": (16, 14),
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Hash of a certificate as SDP writes it: ``sha-256``, ``AB:CD:…``."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key ‖ salt of each direction, and the profile both ends chose."""

    profile: str
    local: bytes
    remote: bytes


class Identity:
    """The worker's certificate and the DTLS settings that go with it."""

    def __init__(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))  # the browser's clock may be behind ours
            .not_valid_after(now + timedelta(days=365))
            .sign(key, hashes.SHA256())
        )
        self.fingerprint = Fingerprint("sha-256", certificate.fingerprint(hashes.SHA256()).hex(":").upper())
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU)
        # Any certificate is let through here: the fingerprint decides, in DtlsEndpoint._finish.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_tlsext_use_srtp(b":".join(_PROFILES))
        self.context = context

    @classmethod
    def generate(cls) -> "Identity":
        """A fresh identity, valid from now."""
        return cls(datetime.now(UTC))


class DtlsEndpoint:
    """One end of one DTLS connection. No method raises for what the network sent: ``state`` tells."""

    def __init__(self, identity: Identity, role: Role, remote: Sequence[Fingerprint]) -> None:
        self.state: State = "new"
        self.failure = ""
        self.keys: SrtpKeys | None = None
        self._role = role
        self._remote = tuple(remote)
        self._tls = SSL.Connection(identity.context, None)
        self._tls.set_ciphertext_mtu(DATAGRAM_MAX)
        if role == "client":
            self._tls.set_connect_state()
        else:
            self._tls.set_accept_state()
        self._farewell: Farewell
        self._last_flight: list[bytes] = []

    def start(self) -> list[bytes]:
        """First datagrams of a client; a server has none to send."""
        return self._shake_hands() if self._role == "client" and self.state == "new" else []

    def receive(self, datagram: bytes) -> list[bytes]:
        """Take one datagram; returns the datagrams to send in reply."""
        if self.state in ("failed", "closed") or not datagram:
            return []
        if self.state == "connected":
            return self._listen(datagram)
        self._tls.bio_write(datagram)
        return self._shake_hands()

    def tick(self) -> list[bytes]:
        """Retransmit what is overdue (RFC 6347 §4.2.4); call it every 100 ms or so until connected."""
        if self.state != "handshaking":
            return []
        try:
            self._tls.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(error)
        return self._outgoing()

    def close(self) -> list[bytes]:
        """Say good-bye; returns the alert to send."""
        connected, self.state = self.state == "connected", "closed"
        return [self._farewell.say()] if connected else []

    def _shake_hands(self) -> list[bytes]:
        self.state = "handshaking"
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return self._outgoing()
        except SSL.Error as error:
            self._fail(error)
            return self._outgoing()
        if not self._finish():
            return []  # the last flight stays here: a stranger's handshake is not completed
        self._last_flight = self._outgoing()
        del self._tls
        return self._last_flight

    def _listen(self, datagram: bytes) -> list[bytes]:
        """Nothing but an alert is expected now, or once more what the last flight answers (RFC 6347 §4.2.4)."""
        if datagram[0] in _FLIGHT:
            return self._last_flight
        if self._farewell.said_in(datagram):
            self.state = "closed"
        return []

    def _fail(self, error: SSL.Error) -> None:
        self.state, self.failure = "failed", repr(error)

    def _finish(self) -> bool:
        certificate = self._tls.get_peer_certificate(as_cryptography=True)
        if certificate is None or not self._expected(certificate.public_bytes(Encoding.DER)):
            self.state, self.failure = "failed", "the certificate is not the one named in the SDP"
            return False
        profile = bytes(self._tls.get_selected_srtp_profile())
        if profile not in _PROFILES:
            self.state, self.failure = "failed", "no SRTP profile in common"
            return False
        key, salt = _PROFILES[profile]
        material = self._tls.export_keying_material(_EXPORTER_LABEL, 2 * (key + salt))
        salts = material[2 * key :]
        client, server = material[:key] + salts[:salt], material[key : 2 * key] + salts[salt:]
        mine, theirs = (client, server) if self._role == "client" else (server, client)
        self.keys = SrtpKeys(profile.decode(), mine, theirs)
        self._farewell = Farewell.of(self._tls, self._role)
        self.state = "connected"
        return True

    def _expected(self, certificate: bytes) -> bool:
        for fingerprint in self._remote:
            name = _HASHES.get(fingerprint.algorithm.lower())
            if name is not None:
                digest = hashlib.new(name, certificate).hexdigest()
                given = fingerprint.value.replace(":", "").lower()
                if hmac.compare_digest(digest.encode(), given.encode()):
                    return True
        return False

    def _outgoing(self) -> list[bytes]:
        try:
            records = self._tls.bio_read(65536)
        except SSL.WantReadError:
            return []
        # The memory buffer has lost the datagram borders: pack whole records into datagrams again.
        datagrams: list[bytes] = []
        current = b""
        at = 0
        while at + _RECORD_HEADER <= len(records):
            end = at + _RECORD_HEADER + int.from_bytes(records[at + 11 : at + 13], "big")
            if current and len(current) + end - at > DATAGRAM_MAX:
                datagrams.append(current)
                current = b""
            current += records[at:end]
            at = end
        if current:
            datagrams.append(current)
        return datagrams

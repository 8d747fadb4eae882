"""SRTP and SRTCP (RFC 3711, RFC 7714) with the keys of one DTLS connection.

pylibsrtp's own methods allocate a length and look up their arguments anew for each packet: 7.1 µs where the same call
on buffers kept for the life of the connection takes 3.3, and it is the dearest step of forwarding. So its session is
used for keys and streams, and the calls of the hot path go to the library it wraps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from pylibsrtp import Policy, Session, ffi, lib  # type: ignore[attr-defined]

from media.dtls import SrtpKeys

PACKET_MAX = 1500
_TRAILER_MAX = 4 + 16  # SRTCP index and the longest tag of our profiles
_WINDOW = 2048  # packets of replay protection, and how far back one may be sent again: twice the forwarder's cache
_PROFILES = {
    "SRTP_AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "SRTP_AES128_CM_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


class SrtpError(ValueError):
    """Not authentic, a repeat, or longer than a packet may be."""


class _Direction:
    __slots__ = ("_buffer", "_data", "_length", "_session", "handle", "rtp")

    def __init__(self, policy: Policy, call: Any) -> None:
        self._session = Session(policy)  # owns the keys; the handle below is borrowed from it
        self.handle = self._session._srtp[0]
        """The library's session, for as long as this object lives."""
        self._data = ffi.new("char[]", PACKET_MAX + _TRAILER_MAX)
        self._buffer = ffi.buffer(self._data)
        self._length = ffi.new("int *")
        self.rtp: Callable[[bytes], bytes] = partial(self._run, call)
        """An RTP packet, protected or in the clear again. Raises SrtpError."""

    def _run(self, call: Any, packet: bytes) -> bytes:
        size, length, buffer = len(packet), self._length, self._buffer
        if size > PACKET_MAX:
            raise SrtpError("too long")
        buffer[0:size] = packet
        length[0] = size
        if call(self.handle, self._data, length):
            raise SrtpError("refused by the library")
        protected: bytes = buffer[0 : length[0]]
        return protected


class SrtpSender(_Direction):
    """Protects what we send. The same packet may be sent again, and comes out byte for byte the same."""

    def __init__(self, keys: SrtpKeys) -> None:
        policy = Policy(keys.local, Policy.SSRC_ANY_OUTBOUND, srtp_profile=_PROFILES[keys.profile])
        policy.window_size = _WINDOW
        policy.allow_repeat_tx = True
        super().__init__(policy, lib.srtp_protect)

    def rtcp(self, packet: bytes) -> bytes:
        """An RTCP packet, protected. Raises SrtpError."""
        return self._run(lib.srtp_protect_rtcp, packet)


class SrtpReceiver(_Direction):
    """Authenticates and decrypts what the other end sent; a packet that came before is refused."""

    def __init__(self, keys: SrtpKeys) -> None:
        policy = Policy(keys.remote, Policy.SSRC_ANY_INBOUND, srtp_profile=_PROFILES[keys.profile])
        policy.window_size = _WINDOW
        super().__init__(policy, lib.srtp_unprotect)

    def rtcp(self, packet: bytes) -> bytes:
        """An RTCP packet in the clear. Raises SrtpError."""
        return self._run(lib.srtp_unprotect_rtcp, packet)

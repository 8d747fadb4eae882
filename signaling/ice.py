"""Which relays a browser is given, and the password that each person has there for one call.

The media workers are ICE-lite (RFC 8445 §2.5) and name their own addresses, UDP and TCP, in the SDP. A relay (TURN,
RFC 8656) is for networks that let neither through: over TLS on port 443 it looks like any web page. The relay and this
product share a secret, nothing else: a name that carries its own expiry, signed, is the password (coturn calls this
`use-auth-secret`). The name is the leg's, so that the relay's quota per name bounds what one person can open.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from signaling.messages import IceServer

LIFETIME = timedelta(hours=6)
"""Longer than any call: a relay asks for the password again each time an allocation is refreshed."""


class Relays(Struct, frozen=True):
    """The relays of an installation: `urls` as RFC 7065 has them, and the secret shared with them."""

    urls: Sequence[str] = ()
    secret: str = ""

    def servers(self, leg: str | None, now: datetime) -> list[IceServer]:
        """For `RTCConfiguration.iceServers`; nothing for those who only look (`leg` None), or without a relay."""
        if not self.urls or leg is None:
            return []
        name = f"{int((now + LIFETIME).timestamp())}:{leg}"
        # SHA-1 is what the relay computes; as a keyed hash it is sound (RFC 6151 §2.3 says the same of weaker ones).
        password = base64.b64encode(hmac.digest(self.secret.encode(), name.encode(), hashlib.sha1)).decode()
        return [IceServer(list(self.urls), name, password)]

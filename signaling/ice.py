"""Which STUN and TURN servers a browser is given: none, as long as it can reach a worker's port.

The media workers are ICE-lite (RFC 8445 §2.5) and name their own addresses in the SDP; relays for networks that block
even TCP to that port are added here.
"""

from collections.abc import Sequence

from signaling.messages import IceServer


def ice_servers(relays: Sequence[IceServer] = ()) -> list[IceServer]:
    """The list for `RTCConfiguration.iceServers`, the same for everybody of this installation."""
    return list(relays)

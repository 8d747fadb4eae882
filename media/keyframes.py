"""When to ask a source for a keyframe: never twice within a second, and every two seconds while it is recorded, or
eight on a line that loses. Only for somebody who has just joined is a source that answered the last request asked again
sooner.

A keyframe that was asked for may take a second to arrive where the uplink is narrow; asking again meanwhile would make
the sender send nothing else. A keyframe costs the sender ten times an ordinary picture, so the wishes of all viewers
become one; and the distance of keyframes in the recording is what a seek costs (4 s apart: 1.1 to 1.6 s at the 95th
percentile; 1 s: 0.3 to 0.4 s). Where packets are lost it is the keyframe, of all pictures the one of most packets, that
hardly ever comes whole, and the sender's estimator takes what its burst loses for a line that is full (decision 6).
"""

COALESCE_NS = 1_000_000_000
JOINED_NS = 300_000_000
RECORDING_NS, LOSSY_NS = 2_000_000_000, 8_000_000_000
_WISH_EXPIRES_NS = 3_000_000_000  # a source that has been asked this long in vain is not sending


class KeyframeRequests:
    """The requests owed to one video source. Times are monotonic nanoseconds."""

    __slots__ = ("_asked_ns", "_joined", "_recorded", "_seen_ns", "_wished_ns", "lossy", "sent")

    def __init__(self, now_ns: int, *, recorded: bool) -> None:
        self._recorded = recorded
        self.lossy = False  # the line that leads here
        self._asked_ns: int | None = None
        self._seen_ns = now_ns  # a source begins with one, or is asked soon after
        self._wished_ns: int | None = None
        self._joined = False
        self.sent = 0

    @property
    def regular(self) -> bool:
        """Whether one comes every two seconds anyway."""
        return self._recorded and not self.lossy

    def wish(self, now_ns: int, *, joined: bool = False, unheard: bool = False) -> None:
        """Somebody cannot decode, who may just have joined; ``due`` says when the source may be asked. ``unheard``: it
        has not heard what it was asked so far, as nothing came from there either.
        """
        if unheard:
            self._asked_ns = None
        self._joined = self._joined or joined
        if self._wished_ns is None:
            self._wished_ns = now_ns

    def seen(self, now_ns: int) -> None:
        """A keyframe began to arrive: it serves every wish uttered before."""
        self._seen_ns = now_ns
        self._wished_ns = None
        self._joined = False

    def due(self, now_ns: int) -> bool:
        """True when the source must be asked now; the asking is noted. Call it every 100 ms."""
        if self._asked_ns is not None:
            answered = self._seen_ns >= self._asked_ns
            if now_ns - self._asked_ns < (JOINED_NS if self._joined and answered else COALESCE_NS):
                return False
        if self._wished_ns is not None and now_ns - self._wished_ns > _WISH_EXPIRES_NS:
            self._wished_ns = None
        since = self._seen_ns if self._asked_ns is None else max(self._seen_ns, self._asked_ns)
        overdue = self._recorded and now_ns - since >= (LOSSY_NS if self.lossy else RECORDING_NS)
        if self._wished_ns is None and not overdue:
            return False
        self._asked_ns = now_ns
        self.sent += 1
        return True

"""How a connection does, in figures: totals since it came up, and loss and rate of the last interval."""

from dataclasses import dataclass

from media.contract import LegStats
from media.publication import Publication
from media.viewer import Viewer


@dataclass(slots=True)
class Meter:
    """Totals at the last look, for figures per interval."""

    at_ns: int
    bytes: int = 0
    expected: int = 0
    lost: int = 0
    loss: float = 0.0
    kbps: float = 0.0

    def look(self, now_ns: int, total: int, expected: int, lost: int) -> None:
        """Take the interval since the last look."""
        self.kbps = max(0, total - self.bytes) * 8e6 / max(1, now_ns - self.at_ns)
        came = max(0, expected - self.expected)
        self.loss = min(1.0, max(0, lost - self.lost) / came) if came else 0.0
        self.at_ns, self.bytes, self.expected, self.lost = now_ns, total, expected, lost


def of_publication(leg: str, publication: Publication, meter: Meter, now_ns: int | None) -> LegStats:
    """Figures of a publishing connection; with a time, the meter takes a look first."""
    totals, peer = publication.totals(), publication.peer
    if now_ns is not None:
        meter.look(now_ns, peer.received_bytes, totals.expected, totals.lost)
    round_trips = [source.gaps.rtt_ns for source in publication.sources() if source.gaps.recovered]
    return LegStats(
        leg=leg,
        direction="publish",
        connected=peer.state == "up",
        packets=totals.received,
        bytes=peer.received_bytes,
        lost=totals.lost,
        recovered=totals.recovered,
        loss=meter.loss,
        rtt_ms=min(round_trips) / 1e6 if round_trips else None,
        kbps=meter.kbps,
        over_tcp=peer.over_tcp,
    )


def of_viewer(leg: str, viewer: Viewer, meter: Meter, now_ns: int | None) -> LegStats:
    """Figures of a viewing connection; loss is what the viewer itself reports, before repairs."""
    peer = viewer.peer
    if now_ns is not None:
        meter.look(now_ns, peer.sent_bytes, viewer.expected, viewer.lost)
    return LegStats(
        leg=leg,
        direction="subscribe",
        connected=peer.state == "up",
        packets=peer.sent_packets,
        bytes=peer.sent_bytes,
        lost=viewer.lost,
        recovered=viewer.repaired,
        loss=meter.loss,
        rtt_ms=viewer.rtt_ns / 1e6 if viewer.rtt_ns is not None else None,
        kbps=meter.kbps,
        over_tcp=peer.over_tcp,
    )

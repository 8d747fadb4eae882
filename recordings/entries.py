"""The manifest's entry of an epoch: from its row, and as it stood at a cut. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from office.events import StoredEvent
from recordings.coverage import Span
from recordings.epoch import EpochEntry

WAIT = timedelta(hours=20)  # the last attempt at a final manifest comes a day after the call


def entry_of(row: Any) -> EpochEntry:
    """The manifest's entry of a row of recording_epochs (`recordings.store.Epoch`)."""
    facts = row.facts
    return EpochEntry(
        epoch=row.epoch,
        session=row.session,
        leg=row.leg,
        kind=row.kind,
        worker=row.worker,
        start_wall_ns=row.start_wall_ns,
        start_ms=0,
        error_ms=row.error_ms,
        length_ms=row.length_ms,
        mime=row.mime,
        clusters=row.clusters,
        size=row.size,
        chain=row.chain,
        chain_sm3=row.chain_sm3,
        closed=row.closed,
        closed_reason=facts.get("closed_reason", ""),
        final_sha256=row.final_sha256 or "",
        cues_sha256=row.cues_sha256 or "",
        video_frames=facts.get("video_frames", 0),
        audio_frames=facts.get("audio_frames", 0),
        lost_packets=facts.get("lost_packets", 0),
        lost_frames=facts.get("lost_frames", 0),
        dropped_by_sender=facts.get("dropped_by_sender", 0),
        video_runs=tuple((begin, end) for begin, end in facts.get("video_runs", ())),
        audio_runs=tuple((begin, end) for begin, end in facts.get("audio_runs", ())),
    )


def unpackaged_legs(events: Sequence[StoredEvent], known: set[str], now: datetime) -> set[str]:
    """Legs that sent on a recorded connection and of which nothing is known yet: their journals still wait for a
    packager that is down. Not those we could not record, and after `WAIT` not those that connected and sent nothing.
    """
    up = {
        str(event.body.get("leg"))
        for event in events
        if event.tag == "worker:leg:up" and event.body.get("direction") == "publish" and now - event.at < WAIT
    }
    lost = {str(event.body.get("leg")) for event in events if event.tag == "worker:recording:lost"}
    return up - lost - known


class ClusterFacts(Protocol):
    """What `shortened` needs of a cluster."""

    @property
    def t_ms(self) -> int: ...
    @property
    def d_ms(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def chain(self) -> str: ...


def shortened(entry: EpochEntry, cut_ms: int, clusters: Sequence[ClusterFacts]) -> EpochEntry:
    """The epoch as it stood `cut_ms` after its start: the clusters begun by then, and the chain's value behind them."""
    kept = [cluster for cluster in clusters if cluster.t_ms < cut_ms]

    def clip(runs: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple((begin, min(end, cut_ms)) for begin, end in runs if begin < cut_ms)

    return msgspec.structs.replace(
        entry,
        length_ms=min(entry.length_ms, cut_ms),
        clusters=len(kept),
        size=sum(cluster.size for cluster in kept),
        chain=kept[-1].chain if kept else "",
        chain_sm3="",
        closed=False,
        closed_reason="",
        final_sha256="",
        cues_sha256="",
        video_runs=clip(entry.video_runs),
        audio_runs=clip(entry.audio_runs),
    )

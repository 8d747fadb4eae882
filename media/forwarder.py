"""A session: its legs, which source plays in which slot, and what happens when either changes.

All methods are synchronous and run on the worker's loop; nothing here waits. A request either does all it says or
raises Refusal and leaves everything as it was.
"""

import asyncio
from collections.abc import Sequence

from media import contract, figures, sdp
from media.contract import AUDIO_SLOTS, SLOT_MIDS, Direction, Kind
from media.leg import Engine, Leg
from media.negotiation import Refusal, check_same_browser, read_answer, read_offer, read_restart
from media.peer import Peer
from media.publication import Place, Publication
from media.source import Source
from media.viewer import Viewer

LEGS_MAX = 24  # six people, each with an old connection not yet given up, and some observers
_NACK_S = 0.010


class Session:
    """One call on one worker."""

    def __init__(self, engine: Engine, session: str, record: str) -> None:
        self.id = session
        self.record = record
        self.legs: dict[str, Leg] = {}
        self.epochs: list[str] = []
        self._engine = engine
        self._lossy: set[Publication] = set()
        self._timer: asyncio.TimerHandle | None = None

    # --- requests -----------------------------------------------------------------------------------------------------

    def open_leg(self, leg: str, *, recorded: bool, watched: bool = False) -> None:
        """Admit a participant; doing so again changes nothing."""
        if leg not in self.legs:
            if len(self.legs) >= LEGS_MAX:
                raise Refusal("session_full", f"more than {LEGS_MAX} legs")
            self.legs[leg] = Leg(self, self._engine, leg, recorded=recorded, watched=watched)

    def publish(self, leg_id: str, offer_sdp: str, tracks: Sequence[contract.TrackSpec]) -> str:
        """Take a publisher's offer; returns the answer. An earlier connection of the leg is replaced."""
        leg, engine = self._leg(leg_id), self._engine
        offer = read_offer(offer_sdp, {track.mid: track.kind for track in tracks})
        publication = Publication(
            Place(engine.worker, self.id, self.record, leg.id),
            leg,
            offer.lines,
            (offer.extension(sdp.MID_URI), offer.extension(sdp.TRANSPORT_CC_URI)),
            recorder=engine.recorder if leg.recorded else None,
            socket=engine.socket,
            clock_ns=engine.clock_ns,
            wall_ns=engine.wall_ns,
        )
        leg.end_publication("replaced")
        publication.peer = Peer(engine.socket, engine.identity, publication, engine.clock_ns)
        publication.peer.expect(offer.fingerprints, "server")
        leg.publication = publication
        return offer.answer(engine.local(publication.peer))

    def subscribe(self, leg_id: str) -> str:
        """Make a viewer's offer; what the slots of an earlier connection played is played again."""
        leg = self._leg(leg_id)
        viewer = Viewer(leg, self._engine.clock_ns)
        if leg.viewer is not None:
            for mid, slot in leg.viewer.slots.items():
                viewer.slots[mid].wanted = slot.wanted
        leg.end_viewer("replaced")
        viewer.peer = Peer(self._engine.socket, self._engine.identity, viewer, self._engine.clock_ns)
        leg.viewer = viewer
        return viewer.offer(self._engine.local(viewer.peer))

    def subscribe_answer(self, leg_id: str, answer: str) -> None:
        """Take the viewer's answer; after an ICE restart it must come from the same browser."""
        viewer = self._viewer(leg_id)
        peer, told = viewer.peer, read_answer(answer)
        transport, viewer.codecs, viewer.waits = told.transport, told.codecs, told.waits
        if peer.remote:
            check_same_browser(peer.remote, transport.fingerprints)
        else:
            peer.expect(transport.fingerprints, "client" if transport.setup == "passive" else "server")

    def assign(self, leg_id: str, slots: Sequence[contract.SlotSpec]) -> None:
        """Seat sources in slots; a slot that already plays what is asked goes on undisturbed."""
        viewer = self._viewer(leg_id)
        for spec in slots:
            if spec.mid not in viewer.slots:
                raise Refusal("unknown_slot", spec.mid)
            if spec.source_leg and (spec.mid in SLOT_MIDS[:AUDIO_SLOTS]) != (spec.kind == "audio"):
                raise Refusal("wrong_kind", f"{spec.kind} does not play in {spec.mid}")
        for spec in slots:
            slot = viewer.slots[spec.mid]
            wanted = (spec.source_leg, spec.kind) if spec.source_leg else None
            if wanted != slot.wanted:
                slot.wanted = wanted
                slot.stop()
        self.seat(viewer)

    def gate(self, leg_id: str, kind: Kind, *, is_open: bool) -> None:
        """Let a track through to viewers, or not. Opening begins anew at each of them, with a keyframe."""
        leg = self._leg(leg_id)
        if is_open == (kind not in leg.closed_gates):
            return
        (leg.closed_gates.discard if is_open else leg.closed_gates.add)(kind)
        if leg.publication is None:
            return
        leg.publication.mark("gate", {"kind": kind, "open": is_open})
        for source in leg.publication.sources():
            if source.kind == kind:
                source.open = is_open
                self.replay(source)

    def restart_ice(self, leg_id: str, direction: Direction, offer_sdp: str | None) -> str:
        """New credentials after a change of address; returns the answer (publish) or the offer (subscribe)."""
        if direction == "subscribe":
            viewer = self._viewer(leg_id)
            viewer.peer.renew()
            return viewer.offer(self._engine.local(viewer.peer))
        publication = self._leg(leg_id).publication
        if publication is None or offer_sdp is None:
            raise Refusal("not_publishing", "there is no connection to restart")
        offer = read_restart(offer_sdp, publication.lines, publication.peer.remote)
        publication.peer.renew()
        return offer.answer(self._engine.local(publication.peer))

    def renew_recording(self, leg_id: str, reason: str) -> None:
        """The leg's recording has ended for this reason: begin another, if it still sends."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.publication is not None:
            leg.publication.renew_recording(reason)

    def close_leg(self, leg_id: str) -> None:
        """The participant has left; doing so again changes nothing."""
        leg = self.legs.get(leg_id)
        if leg is not None:
            leg.end_publication("closed")
            leg.end_viewer("closed")
            del self.legs[leg_id]

    def close(self) -> list[str]:
        """End all; returns the epochs there were."""
        for leg in list(self.legs):
            self.close_leg(leg)
        if self._timer is not None:
            self._timer.cancel()
        return self.epochs

    # --- sources and slots --------------------------------------------------------------------------------------------

    def seat(self, viewer: Viewer) -> None:
        """Fill the slots that play nothing but could."""
        if not viewer.ready:
            return
        for slot in viewer.slots.values():
            source = self._source(*slot.wanted) if slot.wanted is not None and slot.source is None else None
            if source is not None:
                slot.play(source)
                if source.is_video and slot.source is source:  # a viewer that cannot decode it wishes for nothing
                    self.wish_keyframe(source, joined=True)

    def replay(self, source: Source) -> None:
        """The source has begun, or its gate has moved: whoever wants it begins anew with it, or loses it."""
        for viewer in self._viewers():
            for slot in viewer.slots.values():
                if slot.wanted == (source.leg, source.kind):
                    slot.stop()
            self.seat(viewer)

    def silence(self, sources: Sequence[Source]) -> None:
        """These sources are over; their slots wait for the next."""
        for viewer in self._viewers():
            for slot in viewer.slots.values():
                if slot.source in sources:
                    slot.stop()

    def wish_keyframe(self, source: Source, *, joined: bool = False) -> None:
        """A viewer cannot decode: ask the publisher, but not too often."""
        leg, now_ns = self.legs.get(source.leg), self._engine.clock_ns()
        source.keyframes.wish(now_ns, joined=joined)
        # The first packet of a source mostly begins a keyframe: if it does not, the next tick asks.
        if leg is not None and leg.publication is not None and source.received:
            leg.publication.ask_keyframes(now_ns)

    def _source(self, leg_id: str, kind: Kind) -> Source | None:
        leg = self.legs.get(leg_id)
        if leg is None or leg.publication is None:
            return None
        return next((s for s in leg.publication.sources() if s.kind == kind and s.open), None)

    # --- time ---------------------------------------------------------------------------------------------------------

    def gap_seen(self, publication: Publication) -> None:
        """Packets are missing: look after them every 10 ms until they came or were given up."""
        self._lossy.add(publication)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_NACK_S, self._ask_missing)

    def _ask_missing(self) -> None:
        self._timer = None
        now_ns = self._engine.clock_ns()  # what mends a gap is told at once: nothing need be settled
        self._lossy = {publication for publication in self._lossy if publication.ask_missing(now_ns)}
        if self._lossy:
            self._timer = asyncio.get_running_loop().call_later(_NACK_S, self._ask_missing)

    def tick(self, now_ns: int) -> None:
        """Every 100 ms."""
        for leg in list(self.legs.values()):
            if leg.publication is not None:
                leg.publication.tick(now_ns)
            if leg.viewer is not None:
                leg.viewer.peer.tick(now_ns)

    def second(self, now_ns: int) -> None:
        """Every second."""
        for leg in self.legs.values():
            if leg.publication is not None:
                leg.publication.second(now_ns)
            if leg.viewer is not None and leg.viewer.ready:
                leg.viewer.second(now_ns)

    def quality(self, now_ns: int) -> list[contract.LegStats]:
        """Every two seconds: tell how each connection has been, and return the same."""
        stats = self.stats(now_ns)
        for s in stats:
            if s.connected:
                self._engine.emit(self.id, contract.Quality(self.id, s.leg, s.direction, s.loss, s.rtt_ms, s.kbps))
        return stats

    def stats(self, now_ns: int | None = None) -> list[contract.LegStats]:
        """Figures of all connections; with a time, those per interval are taken anew."""
        rows = []
        for leg in self.legs.values():
            if leg.publication is not None:
                meter = leg.meters.get("publish") or figures.Meter(0)
                rows.append(figures.of_publication(leg.id, leg.publication, meter, now_ns))
            if leg.viewer is not None:
                meter = leg.meters.get("subscribe") or figures.Meter(0)
                rows.append(figures.of_viewer(leg.id, leg.viewer, meter, now_ns))
        return rows

    # --- inside -------------------------------------------------------------------------------------------------------

    def _leg(self, leg: str) -> Leg:
        if leg not in self.legs:
            raise Refusal("unknown_leg", leg)
        return self.legs[leg]

    def _viewer(self, leg: str) -> Viewer:
        viewer = self._leg(leg).viewer
        if viewer is None:
            raise Refusal("not_viewing", leg)
        return viewer

    def _viewers(self) -> list[Viewer]:
        return [leg.viewer for leg in self.legs.values() if leg.viewer is not None]

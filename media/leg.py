"""A participant of a session: both connections, and what they tell the rest of the worker and the nodes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from media import contract, sdp
from media.contract import Direction, Kind
from media.dtls import Identity
from media.figures import Meter
from media.peer import Peer
from media.publication import Epoch, Publication
from media.recorder import Recorder
from media.socket import MediaSocket
from media.source import Source
from media.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Engine:
    """What all sessions of a worker share."""

    worker: str
    socket: MediaSocket
    identity: Identity
    recorder: Recorder
    addresses: Sequence[str]
    clock_ns: Callable[[], int]
    wall_ns: Callable[[], int]
    emit: Callable[[str, contract.Event], None]

    def local(self, peer: Peer) -> sdp.Local:
        """Our end of a connection, for its SDP."""
        return sdp.Local(peer.ufrag, peer.password, self.identity.fingerprint, self.addresses, self.socket.port)


class Room(Protocol):
    """What a leg needs of its session."""

    id: str
    epochs: list[str]

    def seat(self, viewer: Viewer) -> None: ...
    def replay(self, source: Source) -> None: ...
    def silence(self, sources: Sequence[Source]) -> None: ...
    def wish_keyframe(self, source: Source) -> None: ...
    def gap_seen(self, publication: Publication) -> None: ...


class Leg:
    """The audience of its connections (publication.Audience, viewer.Audience)."""

    def __init__(self, room: Room, engine: Engine, leg: str, *, recorded: bool, watched: bool = False) -> None:
        self.id = leg
        self.recorded = recorded
        self.watched = watched
        self.publication: Publication | None = None
        self.viewer: Viewer | None = None
        self.closed_gates: set[Kind] = set()
        self.meters: dict[Direction, Meter] = {}
        self._room = room
        self._engine = engine

    # --- publishing ---------------------------------------------------------------------------------------------------

    def publishing(self) -> None:
        self._up("publish")

    def publishing_ended(self, publication: Publication, cause: str) -> None:
        if self.publication is publication:
            self.publication = None
            self._down("publish", cause)

    def source_began(self, source: Source) -> None:
        source.open = source.kind not in self.closed_gates
        self._room.replay(source)

    def epoch_opened(self, epoch: Epoch) -> None:
        if epoch.recorder is None:
            return
        self._room.epochs.append(epoch.id)
        for kind in sorted(self.closed_gates):
            epoch.recorder.mark("gate", epoch.began_ns, {"kind": kind, "open": False})
        self._emit(contract.EpochOpened(self._room.id, self.id, epoch.id, self._engine.wall_ns()))

    def epoch_closed(self, epoch: Epoch, reason: str) -> None:
        self._room.silence(list(epoch.sources.values()))
        self.recording_ended(epoch, reason)

    def recording_ended(self, epoch: Epoch, reason: str) -> None:
        if epoch.recorder is not None:
            self._emit(contract.EpochClosed(self._room.id, self.id, epoch.id, reason, self._engine.wall_ns()))

    def gap_seen(self, publication: Publication) -> None:
        self._room.gap_seen(publication)

    def flow_changed(self, kind: Kind, *, flowing: bool, since_ns: int) -> None:
        wall_ns = self._engine.wall_ns() - (self._engine.clock_ns() - since_ns)
        event = contract.MediaFlowing if flowing else contract.MediaStalled
        self._emit(event(self._room.id, self.id, kind, wall_ns))

    def end_publication(self, cause: str) -> None:
        """Close the publishing connection, if there is one."""
        publication, self.publication = self.publication, None
        if publication is not None:
            publication.finish(cause)
            publication.peer.close()
            self._down("publish", cause)

    # --- viewing ------------------------------------------------------------------------------------------------------

    def viewing(self) -> None:
        self._up("subscribe")
        if self.viewer is not None:
            self._room.seat(self.viewer)

    def viewing_ended(self, viewer: Viewer, cause: str) -> None:
        if self.viewer is viewer:
            self.viewer = None
            self._down("subscribe", cause)

    def keyframe_wished(self, source: Source) -> None:
        self._room.wish_keyframe(source)

    def end_viewer(self, cause: str) -> None:
        """Close the viewing connection, if there is one."""
        viewer, self.viewer = self.viewer, None
        if viewer is not None:
            viewer.finish()
            viewer.peer.close()
            self._down("subscribe", cause)

    # --- events -------------------------------------------------------------------------------------------------------

    def _up(self, direction: Direction) -> None:
        self.meters[direction] = Meter(self._engine.clock_ns())
        self._emit(contract.LegUp(self._room.id, self.id, direction, self._engine.wall_ns()))

    def _down(self, direction: Direction, cause: str) -> None:
        self.meters.pop(direction, None)
        self._emit(contract.LegDown(self._room.id, self.id, direction, cause, self._engine.wall_ns()))

    def _emit(self, event: contract.Event) -> None:
        self._engine.emit(self._room.id, event)

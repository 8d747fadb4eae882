"""What Python decides for the fast path (``native/fastpath.c``), and how it is told what came.

A ``FastPort`` is the media port's UDP half. Each connection has a ``Lane``, each stream of a publisher a ``Stream`` of
that lane. A stream boards with its first packet, and again whenever its viewers have changed: the packet between goes
the slow path, through the same Python that does all of it where there is no compiler. What was forwarded is told in
batches, at the latest after 20 ms; whoever acts on a stream's state settles first.
"""

import asyncio
import socket as sockets
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from media.compiled import Library
from media.limits import Allowance
from media.rtp import Packet
from media.srtp import SrtpReceiver, SrtpSender

SETTLE_S = 0.02  # a request for a missing packet waits 10 ms anyway, and gaps are told at once
_NAME = 28
ENTRY = struct.Struct("=q3I7H3B3x")
"""``struct fp_entry``; the header's fields stand in the order of ``rtp.Packet``, but for the size."""
_BRIEF = struct.Struct("=q3I2H2xH8xB3x")
"""The same without what only the slow path wants."""


class Reader(Protocol):
    """Who gets what no connection is known for (socket.MediaSocket)."""

    def udp_received(self, data: bytes, key: bytes) -> None:
        """A datagram from anybody. Never raises."""
        ...

    def failed(self) -> None:
        """An exception of ours is being handled."""
        ...


class Handler(Protocol):
    """Who gets what a connection brought (peer.Handler)."""

    def take_rtp(self, packet: Packet, now_ns: int) -> None: ...
    def take_forwarded(
        self, raw: bytes, ssrc: int, seq: int, timestamp: int, payload_bytes: int, now_ns: int
    ) -> None: ...
    def take_rtcp(self, packet: bytes, now_ns: int) -> None: ...


class Sink(Protocol):
    """A viewer of a stream (source.Sink)."""

    target: Any


class FastPath:
    """A browser's UDP address (socket.Path)."""

    tcp = False

    def __init__(self, port: "FastPort", name: bytes) -> None:
        family = int.from_bytes(name[:2], sys.byteorder)
        ipv4 = family == sockets.AF_INET
        self.port = int.from_bytes(name[2:4], "big")
        self.host = sockets.inet_ntop(family, name[4:8] if ipv4 else name[8:24])
        self.name = name[: 16 if ipv4 else _NAME]
        self.send: Callable[[bytes], None] = partial(port.post, self.name)

    def close(self) -> None:
        pass


class Stream:
    """One stream of a publisher on the fast path; it goes on there until its viewers change."""

    def __init__(self, lane: "Lane", place: Any, ssrc: int, payload_type: int) -> None:
        self._lane = lane  # whose memory this is
        self._place = place
        self._targets: Any = None
        place.ssrc, place.payload_type, place.boarded = ssrc, payload_type, 0

    def board(self, sinks: Sequence[Sink], highest: int) -> None:
        """The packet with index ``highest`` has been sent to all: those after it need no Python."""
        place = self._place
        if self._targets is None:
            targets = self._lane.library.ffi.new("struct fp_target *[]", [sink.target for sink in sinks])
            self._targets = targets, [*sinks]  # whose targets and lanes must stay where they are
            place.targets, place.count = targets, len(sinks)
        place.highest = highest & 0xFFFF
        place.boarded = 1

    def leave(self) -> None:
        """The viewers are others now: the next packet goes the slow path."""
        self._place.boarded, self._targets = 0, None

    def end(self) -> None:
        """The stream is over."""
        self.leave()
        self._lane.release(self)


class Lane:
    """One connection."""

    def __init__(self, port: "FastPort", number: int, handler: Handler) -> None:
        self.library = port.library
        self.take_rtp, self.take_rtcp = handler.take_rtp, handler.take_rtcp
        self.take_forwarded = handler.take_forwarded
        self.counts = self.library.ffi.new("struct fp_lane *")
        """``struct fp_lane``: its counters may be read."""
        self.counts.id = number
        self._number = number
        self._port = port
        self._keys: tuple[SrtpReceiver, SrtpSender] | None = None
        self._streams: list[Stream | None] = [None] * self.library.lib.STREAMS

    def open(self, receiver: SrtpReceiver, sender: SrtpSender, packets: Allowance, octets: Allowance) -> None:
        """Keys are there; the allowances are counted down here from now on."""
        self._keys = receiver, sender
        self.counts.opening = self.library.pointer(receiver.handle)
        self.counts.sealing = self.library.pointer(sender.handle)
        self.counts.packets_left, self.counts.bytes_left = packets.left, octets.left

    def reach(self, path: object) -> None:
        """Where packets go to; by TCP none go from here."""
        name = path.name if isinstance(path, FastPath) else b""
        self.counts.name[0 : len(name)] = name
        self.counts.name_size = len(name)

    def refill(self, packets: Allowance, octets: Allowance, now_ns: int) -> None:
        """What time has granted since the last call."""
        counts = self.counts
        if self._keys is None:
            return
        packets.left, octets.left = counts.packets_left, counts.bytes_left
        packets.fill(now_ns)
        octets.fill(now_ns)
        counts.packets_left, counts.bytes_left = packets.left, octets.left

    def take(self, data: bytes, now_ns: int) -> None:
        """SRTP or SRTCP that came over TCP, or from an address not yet known. ``settle`` tells it."""
        self._port.take(self, data, now_ns)

    def stream(self, ssrc: int, payload_type: int) -> Stream | None:
        """A place for a stream; None when there are too many: it goes the slow path."""
        for number, taken in enumerate(self._streams):
            if taken is None:
                place = self.library.ffi.addressof(self.counts.streams, number)
                stream = self._streams[number] = Stream(self, place, ssrc, payload_type)
                return stream
        return None

    def log_arrivals(self, extension: int) -> None:
        """Note when packets come that carry a transport-wide number in this header extension; 0: none do."""
        self.counts.arrivals.extension = extension

    def feedback(self, now_ns: int) -> list[bytes]:
        """As congestion.ArrivalLog.feedback."""
        return feedback(self.library, self.library.ffi.addressof(self.counts, "arrivals"))

    def release(self, stream: Stream) -> None:
        """The stream's place is free."""
        self._streams[self._streams.index(stream)] = None

    def target(self, ssrc: int, payload_type: int, extensions: bytes) -> Any:
        """A viewer's stream (``struct fp_target``). Whoever keeps it keeps the lane."""
        target = self.library.ffi.new("struct fp_target *")
        target.lane, target.ssrc, target.payload_type = self.counts, ssrc, payload_type
        target.extension_size = len(extensions)
        target.extension[0 : len(extensions)] = extensions
        return target

    def close(self) -> None:
        """The connection is over; nothing is received or sent on it."""
        self.reach(None)
        self.counts.opening = self.counts.sealing = self.library.ffi.NULL
        self._keys = None
        self._port.forget(self._number)


def feedback(library: Library, arrivals: Any) -> list[bytes]:
    """All feedback bodies that are due for these arrivals (``struct fp_arrivals``)."""
    bodies = []
    body = library.ffi.new("uint8_t[]", library.lib.FEEDBACK_MAX)
    while size := library.lib.fp_feedback(arrivals, body):
        bodies.append(bytes(library.ffi.buffer(body, size)))
    return bodies


class FastPort:
    """One bound, non-blocking UDP socket, read by the running loop until ``close``."""

    def __init__(self, library: Library, socket: sockets.socket, reader: Reader, clock_ns: Callable[[], int]) -> None:
        self.library = library
        self.socket = socket
        lib, ffi = library.lib, library.ffi
        self._lib = lib
        self._kinds = lib.DATAGRAM, lib.FORWARDED, lib.CONTROL
        self._port = ffi.gc(lib.fp_new(socket.fileno(), *library.steps), lib.fp_free)
        if not self._port:
            raise MemoryError
        self._reader = reader
        self._clock_ns = clock_ns
        self._loop = asyncio.get_running_loop()
        self._entries = memoryview(ffi.buffer(self._port.entries))
        self._names = ffi.buffer(self._port.names)
        self._datas = [ffi.buffer(data) for data in self._port.data]
        self._lanes: dict[int, Lane] = {}
        self._numbers = 0
        self._settling = self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(socket.fileno(), self._readable)

    @property
    def waiting(self) -> int:
        """What has come and is not yet told."""
        return int(self._port.count)

    @property
    def refused(self) -> int:
        """Datagrams that were empty, too long, beyond an allowance or not authentic."""
        return int(self._port.refused)

    def close(self) -> None:
        """Receive nothing more; what is queued still leaves."""
        if self.socket.fileno() < 0:
            return
        self._loop.remove_reader(self.socket.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._lib.fp_flush(self._port)
        self.socket.close()

    # --- who is known -------------------------------------------------------------------------------------------------

    def lane(self, handler: Handler) -> Lane:
        """The fast path of a new connection."""
        self._numbers += 1
        lane = self._lanes[self._numbers] = Lane(self, self._numbers, handler)
        return lane

    def forget(self, number: int) -> None:
        """This lane's connection is over; its routes have gone before."""
        self._lanes.pop(number, None)

    def route(self, name: bytes, lane: Lane | None) -> None:
        """SRTP from this address is this connection's; None: nobody's. Beyond 4,096 it comes as any datagram does."""
        self._lib.fp_route(self._port, name, lane.counts if lane is not None else self.library.ffi.NULL)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        waiting = self._lib.fp_read(self._port, self._clock_ns())
        if waiting == 2:
            self.settle()
        elif waiting and self._timer is None:
            self._timer = self._loop.call_later(SETTLE_S, self._settle_in_time)

    def _settle_in_time(self) -> None:
        self._timer = None
        self.settle()

    def take(self, lane: Lane, data: bytes, now_ns: int) -> None:
        """As if it had come from a known address; ``settle`` tells it."""
        self._lib.fp_take(self._port, lane.counts, data, len(data), now_ns)

    def settle(self) -> None:
        """Tell all that has come so far."""
        port = self._port
        if self._settling or not self.waiting:
            return
        self._settling, done = True, 0
        try:
            while done < (count := port.count):  # to be told may bring more
                self._tell(done, count)
                done = count
        finally:
            self._lib.fp_settled(port)
            self._settling = False
        self.flush()

    def _tell(self, start: int, end: int) -> None:
        lanes, datas, reader = self._lanes, self._datas, self._reader
        datagram, forwarded, control = self._kinds
        entries = self._entries[start * ENTRY.size : end * ENTRY.size]
        for place, entry in enumerate(_BRIEF.iter_unpack(entries), start):
            at_ns, number, timestamp, ssrc, size, seq, payload_bytes, kind = entry
            data = datas[place][:size]
            if kind == datagram:
                reader.udp_received(data, self._names[place * _NAME : (place + 1) * _NAME])
            elif (lane := lanes.get(number)) is not None:
                try:
                    if kind == forwarded:
                        lane.take_forwarded(data, ssrc, seq, timestamp, payload_bytes, at_ns)
                    elif kind == control:
                        lane.take_rtcp(data, at_ns)
                    else:
                        _, _, _, _, _, *header, _ = ENTRY.unpack_from(self._entries, place * ENTRY.size)
                        lane.take_rtp(Packet(data, timestamp, ssrc, *header), at_ns)
                except Exception:
                    reader.failed()

    # --- what leaves --------------------------------------------------------------------------------------------------

    def post(self, name: bytes, data: bytes) -> None:
        """Send one datagram, with all others of this turn of the loop."""
        self._lib.fp_post(self._port, data, len(data), name, len(name))
        if not self._flushing and not self._settling:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is queued now."""
        self._flushing = False
        if self.socket.fileno() >= 0:
            self._lib.fp_flush(self._port)

"""What Python decides for the fast path (``native/fastpath.c``), and how it is told what came.

A ``FastPort`` is the media port's UDP half. Each connection has a ``Lane``, each stream of a publisher a ``Stream`` of
that lane. A stream boards with its first packet, and again whenever its viewers have changed: the packet between goes
the slow path, through the same Python that does all of it where there is no compiler. Packets forwarded each next to
the one before are told as a run (runs.py) when somebody settles: the worker every 100 ms, and first of all whoever acts
on a stream's state. Anything else is told at once, behind the run of its connection.
"""

import asyncio
import socket as sockets
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from media.compiled import Library
from media.datagrams import unmapped
from media.limits import Allowance
from media.rtp import Packet
from media.runs import Run, read_run
from media.srtp import SrtpReceiver, SrtpSender
from recordings.journal import Codec

GATHER_S = 0.001  # where packets come so fast that most of the time went into waking up
_NAME = 44  # the other end's address, and ours (native/local.c)
ENTRY = struct.Struct("=q3I7H3B3x")
"""``struct fp_entry``; the header's fields stand in the order of ``rtp.Packet``, but for the size."""
_BRIEF = struct.Struct("=q3I2H2xH8xB3x")
"""The same without what only the slow path wants."""
_WAYS: dict[Codec, str] = {"opus": "SOUND", "VP8": "PICTURE", "H264": "ALONE"}


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
    def take_run(self, run: Run) -> None: ...
    def take_rtcp(self, packet: bytes, now_ns: int) -> None: ...


class Sink(Protocol):
    """A viewer of a stream (source.Sink)."""

    target: Any


class FastPath:
    """A browser's UDP address, and ours that it writes to (socket.Path)."""

    tcp = False

    def __init__(self, port: "FastPort", name: bytes) -> None:
        family = int.from_bytes(name[:2], sys.byteorder)
        ipv4 = family == sockets.AF_INET
        self.port = int.from_bytes(name[2:4], "big")
        self.host = unmapped(sockets.inet_ntop(family, name[4:8] if ipv4 else name[8:24]))
        self.name = name
        self.send: Callable[[bytes], None] = partial(port.post, self.name)

    def close(self) -> None:
        pass


class Stream:
    """One stream of a publisher on the fast path; it goes on there until its viewers change. Keeps its packets, too
    (cache.Cache).
    """

    def __init__(self, lane: "Lane", place: Any, ssrc: int, payload_type: int, track: int, codec: Codec) -> None:
        self._lane = lane  # whose memory this is
        self._lib = lane.library.lib
        self._place = place
        self._targets: Any = None
        self._cache = lane.library.ffi.gc(self._lib.fp_cache_new(), self._lib.fp_cache_free)
        self._size = lane.library.ffi.new("int *")
        place.ssrc, place.payload_type, place.boarded, place.cache = ssrc, payload_type, 0, self._cache
        place.bare = 0
        place.track, place.way = track, getattr(self._lib, _WAYS[codec])

    def board(self, sinks: Sequence[Sink], highest: int, timestamp: int) -> None:
        """The packet with index ``highest`` has been sent to all, and this is the time of the newest: those after it
        need no Python.
        """
        place = self._place
        if place.boarded and highest - place.highest & 0xFFFF >= 0x8000:
            return  # newer ones have gone by meanwhile, and are not told yet
        if self._targets is None:
            targets = self._lane.library.ffi.new("struct fp_target *[]", [sink.target for sink in sinks])
            self._targets = targets, [*sinks]  # whose targets and lanes must stay where they are
            place.targets, place.count = targets, len(sinks)
        place.highest, place.timestamp = highest & 0xFFFF, timestamp
        place.boarded = 1

    @property
    def bare(self) -> int:
        """Layers without a picture, as layers.synced."""
        return int(self._place.bare)

    @bare.setter
    def bare(self, bare: int) -> None:
        self._place.bare = bare

    def leave(self) -> None:
        """The viewers are others now: the next packet goes the slow path."""
        self._place.boarded, self._targets = 0, None

    def end(self) -> None:
        """The stream is over."""
        self.leave()
        self._lane.release(self)
        self._place.cache = self._cache = self._lane.library.ffi.NULL

    def keep(self, index: int, raw: bytes, now_ns: int) -> None:
        """Keep a packet that went the slow path."""
        self._lib.fp_keep(self._cache, raw, len(raw), now_ns)

    def kept(self, index: int) -> bytes | None:
        """The packet with this index, if it is still there."""
        place = self._lib.fp_kept(self._cache, index & 0xFFFF, self._size)
        return bytes(self._lane.library.ffi.buffer(place, self._size[0])) if place else None

    def forget(self, highest: int, enough_ns: int) -> None:
        """The old ones go as new ones come."""
        self._lib.fp_keep_for(self._cache, enough_ns)


class Lane:
    """One connection."""

    def __init__(self, port: "FastPort", number: int, handler: Handler) -> None:
        self.library = port.library
        self.take_rtp, self.take_rtcp = handler.take_rtp, handler.take_rtcp
        self.take_forwarded, self.take_run = handler.take_forwarded, handler.take_run
        self.counts = self.library.ffi.new("struct fp_lane *")
        """``struct fp_lane``: its counters may be read."""
        self.counts.id = number
        self._arrivals = self.library.ffi.addressof(self.counts, "arrivals")
        self._number = number
        self._port = port
        self._keys: tuple[SrtpReceiver, SrtpSender] | None = None
        self._run: Any = None
        self._streams: list[Stream | None] = [None] * self.library.lib.STREAMS

    def open(self, receiver: SrtpReceiver, sender: SrtpSender, packets: Allowance, octets: Allowance) -> None:
        """Keys are there; the allowances, of two seconds each, are counted down here from now on."""
        self._keys = receiver, sender
        self.counts.opening = self.library.pointer(receiver.handle)
        self.counts.sealing = self.library.pointer(sender.handle)
        self.counts.packets_left, self.counts.bytes_left = packets.left, octets.left
        self.counts.packets_per_s, self.counts.bytes_per_s = packets.rate, octets.rate
        self.counts.filled_ns = packets.filled_ns

    def reach(self, path: object) -> None:
        """Where packets go to; by TCP none go from here."""
        name = path.name if isinstance(path, FastPath) else b""
        self.counts.name[0 : len(name)] = name
        self.counts.name_size = len(name)

    def take(self, data: bytes, now_ns: int) -> None:
        """SRTP or SRTCP that came over TCP, or from an address not yet known. ``settle`` tells it."""
        self._port.take(self, data, now_ns)

    def stream(self, ssrc: int, payload_type: int, track: int, codec: Codec) -> Stream | None:
        """A place for a stream; None when there are too many: it goes the slow path."""
        for number, taken in enumerate(self._streams):
            if taken is None:
                place = self.library.ffi.addressof(self.counts.streams, number)
                stream = self._streams[number] = Stream(self, place, ssrc, payload_type, track, codec)
                return stream
        return None

    def keep_account(self) -> None:
        """Forwarded packets are told in runs from now on."""
        self._run = self.counts.run = self.library.unset("struct fp_run *")
        self.library.lib.fp_run_told(self._run)

    def tell_run(self) -> None:
        """The run that has ended."""
        run = read_run(self.library, self._run)
        self.library.lib.fp_run_told(self._run)
        self.take_run(run)

    def log_arrivals(self, extension: int) -> None:
        """Note when packets come that carry a transport-wide number in this header extension; 0: none do."""
        self.counts.arrivals.extension = extension

    def feedback(self, now_ns: int) -> list[bytes]:
        """As congestion.ArrivalLog.feedback."""
        return feedback(self.library, self._arrivals)

    def release(self, stream: Stream) -> None:
        """The stream's place is free."""
        self._streams[self._streams.index(stream)] = None

    def target(self, ssrc: int, extensions: bytes) -> Any:
        """A viewer's stream (``struct fp_target``, as slot.Target). Whoever keeps it keeps the lane."""
        target = self.library.ffi.new("struct fp_target *")
        target.lane, target.ssrc = self.counts, ssrc
        set_extensions(target, extensions)
        return target

    def close(self) -> None:
        """The connection is over; nothing is received or sent on it."""
        self.reach(None)
        self.counts.opening = self.counts.sealing = self.library.ffi.NULL
        self._keys = None
        self._port.forget(self._number, self)


def set_extensions(target: Any, extensions: bytes) -> None:
    """Packets of this stream (``struct fp_target``) have these header extensions from now on."""
    target.extension_size = len(extensions)
    target.extension[0 : len(extensions)] = extensions


def feedback(library: Library, arrivals: Any) -> list[bytes]:
    """All feedback bodies that are due for these arrivals (``struct fp_arrivals``)."""
    bodies = []
    while size := library.lib.fp_feedback(arrivals, library.body):
        bodies.append(bytes(library.ffi.buffer(library.body, size)))
    return bodies


class FastPort:
    """One bound, non-blocking UDP socket, read by the running loop until ``close``."""

    def __init__(self, library: Library, socket: sockets.socket, reader: Reader, clock_ns: Callable[[], int]) -> None:
        self.library = library
        self.socket = socket
        lib, ffi = library.lib, library.ffi
        self._lib = lib
        self._kinds = lib.DATAGRAM, lib.FORWARDED, lib.CONTROL, lib.RUN
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
        self._telling = self._flushing = False
        self._urgent, self._busy, self._more = lib.URGENT, lib.BUSY, lib.MORE
        self._gathering: asyncio.Handle | None = None
        self._loop.add_reader(socket.fileno(), self._readable)

    @property
    def waiting(self) -> int:
        """Packets that have come and are not yet told."""
        lanes = (self._port.running[place] for place in range(self._port.runs))
        in_runs = sum(lane.run.share[place].count for lane in lanes for place in range(lane.run.shares))
        return int(self._port.count + in_runs)

    @property
    def refused(self) -> int:
        """Datagrams that were empty, too long, beyond an allowance or not authentic."""
        return int(self._port.refused)

    def close(self) -> None:
        """Receive nothing more; what is queued still leaves."""
        if self.socket.fileno() < 0:
            return
        self._loop.remove_reader(self.socket.fileno())
        if self._gathering is not None:
            self._gathering.cancel()
        self._lib.fp_flush(self._port)
        self.socket.close()

    # --- who is known -------------------------------------------------------------------------------------------------

    def lane(self, handler: Handler) -> Lane:
        """The fast path of a new connection."""
        self._numbers += 1
        lane = self._lanes[self._numbers] = Lane(self, self._numbers, handler)
        return lane

    def forget(self, number: int, lane: Lane) -> None:
        """This lane's connection is over; its routes have gone before."""
        self._lanes.pop(number, None)
        self._lib.fp_forget_run(self._port, lane.counts)

    def route(self, name: bytes, lane: Lane | None) -> None:
        """SRTP from this address is this connection's; None: nobody's. Beyond 4,096 it comes as any datagram does."""
        self._lib.fp_route(self._port, name, lane.counts if lane is not None else self.library.ffi.NULL)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        found = self._read()
        if found & self._busy:
            self._loop.remove_reader(self.socket.fileno())
            self._gather(found)

    def _read(self) -> int:
        found: int = self._lib.fp_read(self._port, self._clock_ns())
        if found & self._urgent:
            self.tell()
        return found

    def _gather(self, found: int) -> None:
        """Read again in a moment: ten packets at once take a third of the time that they take one by one."""
        if found & self._more:
            self._gathering = self._loop.call_soon(self._read_gathered)
        else:
            self._gathering = self._loop.call_later(GATHER_S, self._read_gathered)

    def _read_gathered(self) -> None:
        found = self._read()
        if found & self._busy:
            self._gather(found)
        else:
            self._gathering = None
            self._loop.add_reader(self.socket.fileno(), self._readable)

    def take(self, lane: Lane, data: bytes, now_ns: int) -> None:
        """As if it had come from a known address; ``tell`` tells it."""
        self._lib.fp_take(self._port, lane.counts, data, len(data), now_ns)

    def settle(self) -> None:
        """Tell all that has come so far."""
        while not self._telling and (self._port.runs or self._port.count):
            self._lib.fp_end_runs(self._port)
            self.tell()

    def tell(self) -> None:
        """Tell what does not wait."""
        port = self._port
        if self._telling or not port.count:
            return
        self._telling, done = True, 0
        try:
            while done < (count := port.count):  # to be told may bring more
                self._tell(done, count)
                done = count
        finally:
            self._lib.fp_settled(port)
            self._telling = False
        self.flush()

    def _tell(self, start: int, end: int) -> None:
        lanes, datas, reader = self._lanes, self._datas, self._reader
        datagram, forwarded, control, run = self._kinds
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
                    elif kind == run:
                        lane.tell_run()
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
        if not self._flushing and not self._telling:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is queued now."""
        self._flushing = False
        if self.socket.fileno() >= 0:
            self._lib.fp_flush(self._port)

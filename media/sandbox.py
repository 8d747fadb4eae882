"""The program that decodes strangers' keyframes, and nothing else: pictures in, figures out, over the socket that is
its standard input.

`media.reading` starts it, without environment or other descriptors, and kills it when it does not answer. It closes all
doors behind itself (`media.confinement`) before it reads the first byte, so whoever takes it over with a broken
picture can compute until it is killed and lie about pictures, and no more. It keeps no more of a source than a small
grey copy of its last picture.

    request  u32 length, u64 source, u8 whether it is H.264 and not VP8, a whole keyframe (`media.still`)
    reply    u8 status, 2 u16 size, 6 f32 (`Measures`)
"""

import os
import resource
import socket
import struct
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn

from media.confinement import leave_network, lock
from media.quality import Measures

if TYPE_CHECKING:
    from media.picture import Look, Luma

REQUEST = struct.Struct("!IQ?")
REPLY = struct.Struct("!BHH6f")
READ, UNREADABLE = 0, 1
READY = b"\x01"
FRAME_MAX = 2 << 20  # bytes: 4K at its best is one; a packet cache holds 1.5 MB
PIXELS_MAX = 4096 * 2304  # more than any browser sends; the decoder is told so too
_MEMORY = 192 << 20  # on top of what the libraries map: three pictures of that size and their copies
_CPU_S = 3600  # for all its life: half a million pictures. Then another takes over
_CPU_PER_PICTURE_S = 2  # a good one takes hundredths; counted even when nobody is left to kill it
_PATIENCE = 10  # nice(2): packets come first, advice may be late
# A grey picture of 16 × 16 in H.264, to load what its decoder loads at first use.
_GREY = bytes.fromhex("000000016742c00ada7a10000003001000000301e8f1226a0000000168ce0fc8000000016588843a2780")
_SOURCES = 256  # of which the last picture is kept, 60 kB each: more than a worker has phones


def main() -> NoReturn:
    """Serve until the other end closes; never returns."""
    leave_network()
    os.nice(_PATIENCE)
    link = socket.socket(fileno=0)
    from media import picture

    looks: OrderedDict[int, Look] = OrderedDict()
    _warm_up(picture)
    lock(_MEMORY, _CPU_S)
    link.sendall(READY)
    while (head := _exactly(link, REQUEST.size)) is not None:
        size, source, is_h264 = REQUEST.unpack(head)
        frame = _exactly(link, size) if size <= FRAME_MAX else None
        if frame is None:
            break
        _allow_time()
        try:
            luma, red = decode(frame, is_h264)
            seen, looks[source] = picture.measure(luma, red, looks.get(source))
            answer = _reply(seen)
        except Exception:  # whatever the decoder says of a stranger's bytes, the answer is the same
            answer = REPLY.pack(UNREADABLE, 0, 0, *(0.0,) * 6)
        else:
            looks.move_to_end(source)
        if len(looks) > _SOURCES:
            looks.popitem(last=False)
        link.sendall(answer)
    os._exit(0)  # what an interpreter does at its end is not on the list of calls


def decode(frame: bytes, is_h264: bool = False) -> "tuple[Luma, float]":
    """Of a keyframe (luma of limited range, height × width; mean of Cr less 128). Raises FFmpegError or ValueError."""
    import av
    import numpy as np

    # A decoder of its own for each picture: what one left behind in it cannot touch another.
    decoder: Any = av.CodecContext.create("h264" if is_h264 else "vp8", "r")
    decoder.thread_count = 1
    decoder.options = {"max_pixels": str(PIXELS_MAX)}
    pictures = decoder.decode(av.Packet(frame)) + (decoder.decode(None) if is_h264 else [])
    if len(pictures) != 1 or pictures[0].format.name not in ("yuv420p", "yuvj420p"):
        raise ValueError("not one picture")
    made = pictures[0]

    def plane(number: int, width: int, height: int) -> "Luma":
        found = made.planes[number]
        return np.frombuffer(found, np.uint8).reshape(found.height, found.line_size)[:height, :width]

    red = plane(2, (made.width + 1) // 2, (made.height + 1) // 2)
    luma = plane(0, made.width, made.height)
    if made.format.name == "yuvj420p":  # full range, as some phones encode: as dark and as bright as the others
        luma = (16 + luma.astype(np.uint16) * 219 // 255).astype(np.uint8)
    return luma, float(red[::4, ::4].mean()) - 128


def _warm_up(picture: Any) -> None:
    """Load what is loaded at first use, while files can still be opened."""
    import av
    import cv2
    import numpy as np

    av.logging.set_level(av.logging.PANIC)  # it would only write to a standard error that is not there
    cv2.setNumThreads(1)
    grey = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 20))
    _, look = picture.measure(grey)
    picture.measure(grey, 0.0, look)
    vp8 = b"\x10\x02\x00\x9d\x01\x2a\x10\x00\x10\x00" + bytes(64)
    for broken, is_h264 in ((b"", False), (vp8, False), (_GREY, True), (_GREY[:-9], True)):
        try:
            decode(broken, is_h264)
        except Exception:
            continue  # which one does not matter: its class and its words are loaded now
    time.process_time()


def _allow_time() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (min(most, int(time.process_time()) + 1 + _CPU_PER_PICTURE_S), most))


def _reply(seen: Measures) -> bytes:
    figures = seen.brightness, seen.red, seen.blind, seen.blur, seen.moved, seen.changed
    return REPLY.pack(READ, seen.width, seen.height, *figures)


def _exactly(link: socket.socket, size: int) -> bytes | None:
    """So many bytes; None at the end."""
    parts = bytearray()
    while len(parts) < size:
        part = link.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main()

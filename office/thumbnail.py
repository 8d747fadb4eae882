"""A program of its own that makes a thumbnail: picture on stdin, JPEG on stdout, exit 1 if it cannot.

It decodes what strangers sent, so it runs apart from every server process, in Python's isolated mode, with limits on
memory, time and files that hold even if the decoder is broken.
"""

import io
import resource
import sys

LONGEST_SIDE = 480
_MEMORY_BYTES = 1536 * 1024 * 1024  # 120 million pixels in RGB are 360 MB, and rotating them doubles it
_CPU_SECONDS = 10


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    from PIL import Image, ImageOps

    limit()
    Image.MAX_IMAGE_PIXELS = 120_000_000
    try:
        # Only these two decoders: Pillow would try every format it knows.
        with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("JPEG", "PNG")) as picture:
            picture.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
            upright = ImageOps.exif_transpose(picture)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            made = io.BytesIO()
            upright.convert("RGB").save(made, "JPEG", quality=80)
    except Exception:
        return 1
    sys.stdout.buffer.write(made.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())

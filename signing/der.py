"""Writing ASN.1 values again that were read: as they came, whatever their length.

X.690 8.1.3.6 has a form without a length, one byte 0x80 after the tag, that must become DER. A definite length may end
in 0x80 too (8.1.3.5: 0x80, 0x180, … bytes), and then there is nothing to write anew. asn1crypto looks at the last byte
alone; writing a whole signature anew, level by level, takes minutes where copying it takes microseconds.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from asn1crypto import core

_Dump = Callable[..., bytes]


def _as_it_came(dump: _Dump) -> _Dump:
    @wraps(dump)
    def written(self: Any, force: bool = False) -> bytes:
        header = self._header
        if not force and header is not None and len(header) > 2 and header[-1] == 0x80:
            contents = self.contents  # finds what was changed since, and then forgets the header
            if self._header is not None:
                return bytes(self._header + contents + self._trailer)
        return dump(self, force)

    return written


def install() -> None:
    """Once for the process, before anything is read."""
    for kind in (core.Asn1Value, core.Primitive, core.Sequence, core.SequenceOf, core.Choice):
        if not hasattr(kind.dump, "__wrapped__"):
            kind.dump = _as_it_came(kind.dump)

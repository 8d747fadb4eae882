"""The hash chain over the clusters of one file, as they are written. Pure.

    link 0 = H(canonical line of the epoch)        link n = H(link n-1 ‖ H(cluster n))

with H = SHA-256 and, beside it where OpenSSL offers it, SM3 (GB/T 32905). The chain is known while the call runs, so a
time stamp over its newest link proves all clusters up to there.
"""

import hashlib

import msgspec

HAS_SM3 = "sm3" in hashlib.algorithms_available  # an OpenSSL built without it: the column stays empty


class Link(msgspec.Struct, frozen=True):
    """After one more cluster: its own hash and that of all up to it; hex, SM3 empty where unknown."""

    sha256: str
    chain: str
    sm3: str
    chain_sm3: str


def epoch_line(record: str, session: str, leg: str, epoch: str, worker: str, wall_ns: int) -> bytes:
    """What link 0 binds the clusters to."""
    return "|".join(("yuankan-epoch-1", record, session, leg, epoch, worker, str(wall_ns))).encode()


def sm3(data: bytes) -> bytes:
    """SM3 of `data`, empty where OpenSSL has none."""
    return hashlib.new("sm3", data).digest() if HAS_SM3 else b""


class Chain:
    """Grows with each cluster."""

    def __init__(self, line: bytes) -> None:
        self._sha = hashlib.sha256(line).digest()
        self._sm3 = sm3(line)

    @property
    def head(self) -> str:
        return self._sha.hex()

    @property
    def head_sm3(self) -> str:
        return self._sm3.hex()

    def add(self, cluster: bytes) -> Link:
        """The link of this cluster."""
        own, own_sm3 = hashlib.sha256(cluster).digest(), sm3(cluster)
        self._sha = hashlib.sha256(self._sha + own).digest()
        self._sm3 = sm3(self._sm3 + own_sm3)
        return Link(own.hex(), self._sha.hex(), own_sm3.hex(), self._sm3.hex())

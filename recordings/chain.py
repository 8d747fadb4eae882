"""The hash chain over the clusters of one file, as they are written. Pure.

    link 0 = H(canonical line of the epoch)        link n = H(link n-1 ‖ H(cluster n))

with H = SHA-256 and, beside it where OpenSSL offers it, SM3 (GB/T 32905). The chain is known while the call runs, so a
time stamp over its newest link proves all clusters up to there.
"""

import msgspec

from recordings.digests import Digest, digest_of


class Link(msgspec.Struct, frozen=True):
    """After one more cluster: its own hash and that of all up to it; hex, SM3 empty where unknown."""

    sha256: str
    chain: str
    sm3: str
    chain_sm3: str


def epoch_line(record: str, session: str, leg: str, epoch: str, worker: str, wall_ns: int) -> bytes:
    """What link 0 binds the clusters to."""
    return "|".join(("yuankan-epoch-1", record, session, leg, epoch, worker, str(wall_ns))).encode()


class Chain:
    """Grows with each cluster."""

    def __init__(self, line: bytes) -> None:
        self._at = digest_of(line)

    @property
    def head(self) -> str:
        return self._at.sha256.hex()

    @property
    def head_sm3(self) -> str:
        return self._at.sm3.hex()

    def add(self, cluster: Digest) -> Link:
        """The link of the cluster with this digest."""
        self._at = digest_of(self._at.sha256 + cluster.sha256, self._at.sm3 + cluster.sm3)
        return Link(cluster.sha256.hex(), self.head, cluster.sm3.hex(), self.head_sm3)

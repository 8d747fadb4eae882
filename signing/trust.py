"""What a verifier believes: travels in every package, so that strangers need nothing from us years later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from signing.certificates import der, pem
from signing.revocation import revocation_list

if TYPE_CHECKING:  # it brings the database and the network, and a verifier has neither
    from signing.means import Means


class TrustBundle(msgspec.Struct, frozen=True, kw_only=True):
    """DER certificates and CRLs. `stamps` are pinned: a time stamp of any other service is not believed. `crls` are the
    root's and every event authority's, as of the moment when the bundle was made."""

    version: int = 1
    roots: tuple[bytes, ...]
    event_authorities: tuple[bytes, ...]
    stamps: tuple[bytes, ...]
    systems: tuple[bytes, ...]
    seals: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()


async def trust_bundle(means: Means) -> TrustBundle:
    """Of the internal authority, with every key that was ever in use and the seals of every office that has sealed."""
    keys, now = means.keys, means.clock.now()
    root = (await keys.server_keys()).root
    events = [revocation_list(ca, await keys.revoked(ca.name), now) for ca, _ in await keys.event_authorities()]
    return TrustBundle(
        roots=(der(root),),
        event_authorities=tuple(await keys.certificates("event_ca")),
        stamps=means.stamp_certificates,
        systems=tuple(await keys.certificates("system")),
        seals=tuple(await keys.seal_certificates()),
        crls=(await keys.root_list(), *events),
    )


def to_json(bundle: TrustBundle) -> bytes:
    return msgspec.json.encode(bundle, order="deterministic")


def from_json(data: bytes) -> TrustBundle:
    return msgspec.json.decode(data, type=TrustBundle)


def to_pem(bundle: TrustBundle) -> str:
    """All certificates as PEM, roots first: what an independent verifier is given."""
    return pem([*bundle.roots, *bundle.event_authorities, *bundle.stamps, *bundle.systems, *bundle.seals])

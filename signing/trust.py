"""What a verifier believes: travels in every package, so that strangers need nothing from us years later."""

from __future__ import annotations

import msgspec

from signing.authority import empty_crl
from signing.certificates import der, pem
from signing.means import Means


class TrustBundle(msgspec.Struct, frozen=True, kw_only=True):
    """DER certificates and CRLs. `stamps` are pinned: a time stamp of any other service is not believed."""

    version: int = 1
    roots: tuple[bytes, ...]
    event_authorities: tuple[bytes, ...]
    stamps: tuple[bytes, ...]
    systems: tuple[bytes, ...]
    seals: tuple[bytes, ...]
    crls: tuple[bytes, ...] = ()


async def trust_bundle(means: Means) -> TrustBundle:
    """Of the internal authority, with every key that was ever in use and the seals of every office that has sealed."""
    keys = await means.keys.server_keys()
    return TrustBundle(
        roots=(der(keys.root.certificate),),
        event_authorities=tuple(await means.keys.certificates("event_ca")),
        stamps=means.stamp_certificates,
        systems=tuple(await means.keys.certificates("system")),
        seals=tuple(await means.keys.seal_certificates()),
        crls=(empty_crl(keys.root, means.clock.now()),),
    )


def to_json(bundle: TrustBundle) -> bytes:
    return msgspec.json.encode(bundle, order="deterministic")


def from_json(data: bytes) -> TrustBundle:
    return msgspec.json.decode(data, type=TrustBundle)


def to_pem(bundle: TrustBundle) -> str:
    """All certificates as PEM, roots first: what an independent verifier is given."""
    return pem([*bundle.roots, *bundle.event_authorities, *bundle.stamps, *bundle.systems, *bundle.seals])

"""DTLS: two real ends agree on keys, lose datagrams, meet the wrong certificate and hostile bytes."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.dtls import DATAGRAM_MAX, DtlsEndpoint, Fingerprint, Identity

IDENTITIES = Identity.generate(), Identity.generate()


def pair(expected: Fingerprint | None = None) -> tuple[DtlsEndpoint, DtlsEndpoint]:
    ours, theirs = IDENTITIES
    server = DtlsEndpoint(ours, "server", [expected or theirs.fingerprint])
    return DtlsEndpoint(theirs, "client", [ours.fingerprint]), server


def talk(client: DtlsEndpoint, server: DtlsEndpoint, first: list[bytes]) -> list[bytes]:
    """Deliver everything until both fall silent; returns all datagrams."""
    seen = list(first)
    to_server = first
    while to_server:
        to_client = [reply for datagram in to_server for reply in server.receive(datagram)]
        to_server = [reply for datagram in to_client for reply in client.receive(datagram)]
        seen += to_client + to_server
    return seen


def test_two_ends_agree_on_keys_of_the_stronger_profile() -> None:
    client, server = pair()
    seen = talk(client, server, client.start())
    assert client.state == server.state == "connected"
    assert client.keys is not None and server.keys is not None
    assert client.keys.profile == server.keys.profile == "SRTP_AEAD_AES_128_GCM"
    assert (client.keys.local, client.keys.remote) == (server.keys.remote, server.keys.local)
    assert client.keys.local != client.keys.remote and len(client.keys.local) == 28
    assert max(map(len, seen)) <= DATAGRAM_MAX


def test_each_worker_has_a_certificate_of_its_own_that_ends() -> None:
    """ASVS 5 V17.2.1, V17.2.2: made at start, never stored; DTLS 1.2 with forward secrecy and an AEAD."""
    client, server = pair()
    talk(client, server, client.start())
    shown = client._tls.get_peer_certificate()
    assert shown is not None
    certificate = shown.to_cryptography()
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=366)
    assert certificate.subject == certificate.issuer
    assert Identity.generate().fingerprint != Identity.generate().fingerprint
    assert client._tls.get_protocol_version_name() == "DTLSv1.2"
    cipher = client._tls.get_cipher_name()
    assert cipher is not None and cipher.startswith("ECDHE-ECDSA") and "GCM" in cipher


def test_a_certificate_the_sdp_did_not_name_gets_no_keys() -> None:
    client, server = pair(Fingerprint("sha-256", ":".join(["00"] * 32)))
    talk(client, server, client.start())
    assert server.state == "failed" and server.keys is None


@pytest.mark.parametrize("algorithm", ["md5", "sha-1", "nonsense"])
def test_a_fingerprint_by_a_weak_or_unknown_hash_matches_nothing(algorithm: str) -> None:
    client, server = pair(Fingerprint(algorithm, IDENTITIES[1].fingerprint.value))
    talk(client, server, client.start())
    assert server.state == "failed"


def test_a_farewell_closes_the_other_end() -> None:
    client, server = pair()
    talk(client, server, client.start())
    for datagram in client.close():
        server.receive(datagram)
    assert (client.state, server.state) == ("closed", "closed")
    assert server.receive(b"\x16anything") == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_junk_between_the_real_datagrams_does_not_stop_the_handshake(seed: int) -> None:
    dice = random.Random(seed)
    client, server = pair()
    to_server = client.start()
    while to_server:
        to_client: list[bytes] = []
        for datagram in to_server:
            junk = bytes([dice.choice((20, 21, 22, 23, 25, 63))]) + dice.randbytes(dice.randrange(1, 200))
            to_client += server.receive(junk)
            to_client += server.receive(datagram)
        to_server = [reply for datagram in to_client for reply in client.receive(datagram)]
    assert client.state == server.state == "connected"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_arbitrary_bytes_raise_nothing(datagrams: list[bytes]) -> None:
    _, server = pair()
    for datagram in datagrams:
        server.receive(datagram)
        server.tick()
    server.close()
    assert server.keys is None

"""DTLS: two real ends agree on keys, lose datagrams, meet the wrong certificate and hostile bytes."""

import random
from contextlib import suppress
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

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


def openssl(server: DtlsEndpoint) -> SSL.Connection:
    """OpenSSL itself as the other end, its handshake done."""
    tls = SSL.Connection(IDENTITIES[1].context, None)
    tls.set_ciphertext_mtu(DATAGRAM_MAX)
    tls.set_connect_state()
    while server.state != "connected":
        with suppress(SSL.WantReadError):
            tls.do_handshake()
        for reply in server.receive(tls.bio_read(65536)):
            tls.bio_write(reply)
    tls.do_handshake()
    return tls


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
    ours, theirs = IDENTITIES
    tls = openssl(DtlsEndpoint(ours, "server", [theirs.fingerprint]))
    certificate = tls.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=366)
    assert certificate.subject == certificate.issuer
    assert Identity.generate().fingerprint != Identity.generate().fingerprint
    assert tls.get_protocol_version_name() == "DTLSv1.2"
    assert tls.get_cipher_name() == "ECDHE-ECDSA-AES128-GCM-SHA256"


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
    assert server.receive(b"\x16anything") == [] and server.close() == []


def test_openssl_and_we_understand_each_others_farewell() -> None:
    _, server = pair()
    tls = openssl(server)
    tls.shutdown()
    assert server.receive(tls.bio_read(65536)) == [] and server.state == "closed"

    _, server = pair()
    tls = openssl(server)
    for datagram in server.close():
        tls.bio_write(datagram)
    with pytest.raises(SSL.ZeroReturnError):
        tls.recv(1)


@given(st.integers(0, 2**32))
def test_a_farewell_that_was_altered_is_none(seed: int) -> None:
    dice = random.Random(seed)
    client, server = pair()
    talk(client, server, client.start())
    (word,) = client.close()
    altered = bytearray(word)
    altered[dice.randrange(len(word))] ^= 1 << dice.randrange(8)
    cut = word[: dice.randrange(len(word))]
    for wrong in (bytes(altered), cut, word[:13] + dice.randbytes(26), IDENTITIES[0].fingerprint.value.encode()):
        server.receive(wrong)
        assert server.state == "connected"
    server.receive(b"\x17\xfe\xfd" + bytes(8) + b"\0\1x" + word)
    assert server.state == "closed"


def test_other_alerts_than_the_last_change_nothing() -> None:
    client, server = pair()
    talk(client, server, client.start())
    farewell = client._farewell
    warning = AESGCM(farewell.mine[:16]).encrypt(
        farewell.mine[16:] + bytes(8), b"\1\x5a", bytes((0, 1, *bytes(6))) + b"\x15\xfe\xfd\0\2"
    )  # user_canceled
    server.receive(b"\x15\xfe\xfd\0\1" + bytes(6) + (8 + len(warning)).to_bytes(2, "big") + bytes(8) + warning)
    assert server.state == "connected"


def test_a_last_flight_that_was_lost_comes_again() -> None:
    client, server = pair()
    hello = [reply for each in client.start() for reply in server.receive(each)]
    flight = [reply for each in hello for reply in client.receive(each)]
    while server.state != "connected":
        lost = [reply for each in flight for reply in server.receive(each)]
        if server.state != "connected":
            flight = [reply for each in lost for reply in client.receive(each)]
    assert client.state == "handshaking"
    again = [reply for each in flight for reply in server.receive(each)]
    for datagram in again:
        client.receive(datagram)
    assert client.state == "connected" and client.keys is not None


def test_a_connection_keeps_no_memory_of_openssl() -> None:
    client, server = pair()
    talk(client, server, client.start())
    assert not hasattr(client, "_tls") and not hasattr(server, "_tls")


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

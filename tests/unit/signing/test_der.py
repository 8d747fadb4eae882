"""What was read is written as it came, also when a length ends in 0x80."""

import pytest
from asn1crypto import cms, core

import signing.der

EIGHTY = cms.CMSAttribute({"type": "message_digest", "values": [bytes(0x71)]}).dump()
"""An attribute of 0x80 bytes."""


def test_what_was_read_is_copied_and_not_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = cms.CMSAttribute.load(EIGHTY)
    assert loaded["type"].native == "message_digest" and loaded["values"][0].native == bytes(0x71)

    def anew(*_: object, **__: object) -> None:
        raise AssertionError("it is written anew")

    monkeypatch.setattr(core.Sequence, "_set_contents", anew)
    assert loaded.dump() == EIGHTY


def test_what_was_changed_is_written_anew() -> None:
    assert EIGHTY[:3] == b"\x30\x81\x80"
    loaded = cms.CMSAttribute.load(EIGHTY)
    loaded["values"] = [bytes(5)]
    assert loaded.dump() == cms.CMSAttribute({"type": "message_digest", "values": [bytes(5)]}).dump()


def test_the_form_without_a_length_becomes_der() -> None:
    endless = b"\x30\x80\x04\x01a\x00\x00"
    assert core.SequenceOf.load(endless, spec=core.OctetString).dump() == b"\x30\x03\x04\x01a"


def test_it_is_installed_once() -> None:
    before = core.Sequence.dump
    signing.der.install()
    assert core.Sequence.dump is before

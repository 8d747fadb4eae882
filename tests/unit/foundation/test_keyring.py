import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.keyring import Keyring, WrongOfficeKey, load_keyring

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(min_size=32, max_size=32))
def test_a_wrapped_key_unwraps_to_itself(key):
    ring = Keyring(NEW)
    assert ring.unwrap(ring.wrap(key)) == key
    assert key not in ring.wrap(key)


def test_after_the_office_key_changed_old_records_still_open():
    key = os.urandom(32)
    blob = Keyring(OLD).wrap(key)
    assert Keyring(NEW, OLD).unwrap(blob) == key


def test_another_offices_key_unwraps_nothing():
    with pytest.raises(WrongOfficeKey):
        Keyring(NEW).unwrap(Keyring(OLD).wrap(bytes(32)))


@given(st.integers(0, 44), st.integers(0, 7))
def test_a_damaged_wrapped_key_is_refused(place, bit):
    ring = Keyring(NEW)
    blob = bytearray(ring.wrap(bytes(32)))
    blob[place] ^= 1 << bit
    with pytest.raises(WrongOfficeKey):
        ring.unwrap(bytes(blob))


@given(st.binary(max_size=60))
def test_a_strangers_bytes_are_refused(blob):
    with pytest.raises(WrongOfficeKey):
        Keyring(NEW).unwrap(blob)


def test_the_key_file_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "keys" / "office.key"
    blob = load_keyring(path).wrap(bytes(32))
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keyring(path).unwrap(blob) == bytes(32)
    assert [file.name for file in path.parent.iterdir()] == ["office.key"]


def test_a_key_file_others_may_read_is_refused(tmp_path):
    path = tmp_path / "office.key"
    load_keyring(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        load_keyring(path)


def test_a_key_file_that_holds_no_key_is_refused(tmp_path):
    path = tmp_path / "office.key"
    path.touch(0o600)
    with pytest.raises(ValueError, match="key"):
        load_keyring(path)
    path.write_text("not hexadecimal\n")
    with pytest.raises(ValueError, match="hex"):
        load_keyring(path)


def test_a_second_line_of_the_key_file_is_an_older_key(tmp_path):
    path = tmp_path / "office.key"
    blob = load_keyring(path).wrap(bytes(32))
    path.write_text(NEW.hex() + "\n" + path.read_text())
    assert load_keyring(path).unwrap(blob) == bytes(32)

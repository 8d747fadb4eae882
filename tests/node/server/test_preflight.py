"""What stops a start, each with a sentence that says what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from server import certificate, preflight
from server.supervise import CannotStart

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_port_that_needs_root_says_so() -> None:
    sentence = preflight.port_sentence("127.0.0.1", 80, OSError(13, "Permission denied"), "YUANKAN_PORT")
    assert "1024" in sentence


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "data"
    blocked.write_text("a file")
    with pytest.raises(CannotStart, match="YUANKAN_DATA_DIR"):
        preflight.check_folder(blocked)


def test_the_local_certificate_names_its_addresses_and_is_kept_until_one_changes(tmp_path: Path) -> None:
    first = certificate.ensure(tmp_path, NOW, ("192.168.1.5",))
    before = first.certificate.read_bytes()
    names = x509.load_pem_x509_certificate(before).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "192.168.1.5" in {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert certificate.ensure(tmp_path, NOW, ("192.168.1.5",)).certificate.read_bytes() == before
    authority = first.authority.read_bytes()
    assert certificate.ensure(tmp_path, NOW, ("192.168.1.6",)).certificate.read_bytes() != before
    assert first.authority.read_bytes() == authority, "a phone that trusts the authority need not do it again"
    assert first.key.stat().st_mode & 0o077 == 0


def test_the_local_certificate_is_made_anew_before_it_ends(tmp_path: Path) -> None:
    first = certificate.ensure(tmp_path, NOW, ()).certificate.read_bytes()
    later = NOW + timedelta(days=certificate.SERVER_DAYS - 3)
    assert certificate.ensure(tmp_path, later, ()).certificate.read_bytes() != first

from pathlib import Path

import pytest
from pydantic import ValidationError

from foundation.settings import Settings, document

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_one_machine_needs_no_setting(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.database == f"sqlite:///{tmp_path}/data/yuankan.db"
    assert settings.objects == f"file://{tmp_path}/data/objects"
    assert settings.spool == Path("data/spool")
    assert settings.office_key == Path("data/office.key")
    assert not settings.tls


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("YUANKAN_PORT", "9000")
    monkeypatch.setenv("YUANKAN_TRUSTED_PROXIES", '["10.0.0.0/8"]')
    monkeypatch.setenv("YUANKAN_BASE_URL", "https://kanyan.example.gov.cn/")
    settings = Settings()
    assert settings.port == 9000
    assert settings.trusted_proxies == ("10.0.0.0/8",)
    assert settings.origins == {"https://kanyan.example.gov.cn"}


def test_a_certificate_without_its_key_is_refused():
    with pytest.raises(ValidationError, match="go together"):
        Settings(tls_cert=Path("cert.pem"))


def test_a_base_url_without_a_scheme_is_refused():
    with pytest.raises(ValidationError, match="base_url"):
        Settings(base_url="kanyan.example.gov.cn")


def test_secrets_do_not_show_when_settings_are_printed():
    assert "hidden-value" not in repr(Settings(nats_token="hidden-value", s3_secret_key="hidden-value"))


def test_every_setting_says_what_it_is_for():
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_every_setting_stands_in_the_operators_page():
    table = document()
    assert all(f"`YUANKAN_{name.upper()}`" in table for name in Settings.model_fields)
    assert table in OPERATIONS.read_text("utf-8"), "docs/operations.md must contain foundation.settings.document()"

"""Every setting of the product, read from the environment (YUANKAN_…), each with its reason.

Nothing else reads the environment. `document()` is the table in docs/operations.md; a test compares the two.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One process's settings. Where a setting is left out, one machine needs nothing but this process."""

    model_config = SettingsConfigDict(env_prefix="YUANKAN_", extra="ignore", frozen=True)

    data_dir: Path = Field(Path("data"), description="Folder of everything this host keeps; made on first start.")
    database_url: str = Field(
        "", description="`sqlite:///path` or `postgresql://user:password@host/name`. Empty: SQLite in the data folder."
    )
    nats_url: str | None = Field(
        None, description="NATS to join, such as `nats://bus:4222`. Empty: the bundled server on loopback."
    )
    nats_token: SecretStr | None = Field(None, description="Token for that NATS, where it asks for one.")
    objects_url: str = Field(
        "",
        description="`file:///folder` or `s3://bucket/prefix` for recordings, photos and reports. "
        "Empty: a folder in the data folder.",
    )
    s3_endpoint: str | None = Field(None, description="Address of an S3 service other than Amazon's.")
    s3_region: str = Field("us-east-1", description="Region of the S3 bucket.")
    s3_access_key: SecretStr | None = Field(None, description="Access key of the S3 bucket.")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key of the S3 bucket.")
    host: str = Field("127.0.0.1", description="Address the pages and the API listen on.")
    port: int = Field(8480, ge=0, le=65535, description="TCP port of the pages and the API; 0 lets the system choose.")
    base_url: str = Field(
        "",
        description="What people type and text messages carry, such as `https://kanyan.example.gov.cn`; "
        "other origins may not write. Empty: as the request says, for trying out.",
    )
    media_host: str = Field(
        "127.0.0.1",
        description="Address the media worker binds for sound and picture; `0.0.0.0`: all of IPv4, `::`: all of both "
        "families. Whoever writes to one of several addresses is answered from there.",
    )
    media_port: int = Field(8490, ge=0, le=65535, description="UDP and TCP port of the media worker; one a worker.")
    media_public_addresses: tuple[str, ...] = Field(
        (),
        description="Addresses browsers reach the media worker at, best first, as a JSON list. Empty: the one it "
        "binds, or those of the default routes.",
    )
    media_watch_pictures: bool = Field(
        True,
        description="Look at an applicant's picture every few seconds, in a process without any rights, and say when "
        "it is dark, covered, smeared or still. Off: only lines are judged.",
    )
    media_fast_path: bool = Field(
        True,
        description="Forward packets in compiled code, built at the first start where a C compiler is. Off: in Python, "
        "at about one and a half times the processor time.",
    )
    turn_urls: tuple[str, ...] = Field(
        (),
        description="Relays for networks that let neither UDP nor the media port's TCP through, as a JSON list: "
        '`["turns:turn.example.gov.cn:443?transport=tcp"]`.',
    )
    turn_secret: SecretStr | None = Field(
        None, description="Secret shared with the relays (coturn's `static-auth-secret`)."
    )
    tls_cert: Path | None = Field(None, description="PEM certificate chain; phones give no camera without HTTPS.")
    tls_key: Path | None = Field(None, description="PEM key of that certificate.")
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Networks of proxies whose X-Forwarded-For and -Proto are believed, as a JSON list: "
        '`["10.0.0.0/8"]`. Empty: nobody\'s.',
    )
    metrics_from: tuple[str, ...] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Networks that may read /metrics, as a JSON list; to others it is not there.",
    )
    office_key_file: Path | None = Field(
        None,
        description="The key that wraps every record's key (32 bytes, mode 0600); made on first start. "
        "Back it up: without it nothing stored can be read. Empty: `office.key` in the data folder.",
    )
    spool_dir: Path | None = Field(
        None, description="Folder of the media journals, on a disk of its own if possible. Empty: in the data folder."
    )
    spool_spare_dirs: tuple[Path, ...] = Field(
        (),
        description="Folders on other disks, as a JSON list, where recordings go on when that one is full or fails. "
        "Media worker and packager of a host must be told the same.",
    )
    seal_keys: dict[str, str] = Field(
        {},
        description="Seals of offices whose key is not made here, as JSON from office code to address: "
        "`pkcs12:///file`, `sm2:///file` (PEM), `pkcs11:token=…;object=…?module-path=…` or "
        "`csc+https://host/path?credential=…`.",
    )
    seal_secrets: dict[str, SecretStr] = Field(
        {}, description="Their passwords, PINs or access tokens (a PIN after a blank), as JSON from office code."
    )
    tsa_urls: tuple[str, ...] = Field(
        (),
        description="RFC 3161 time stamp services, as a JSON list; the next is asked when one does not answer. "
        "Empty: the installation's own.",
    )
    tsa_certificates: Path | None = Field(
        None, description="PEM certificates of those services: stamps of others are not believed."
    )
    time_servers: tuple[str, ...] = Field(
        (),
        description="NTP servers, as a JSON list, that must confirm the clock before the installation's own service "
        "gives a time stamp. Empty: the clock is believed.",
    )
    font_dir: Path | None = Field(
        None,
        description="Folder of the fonts that sheets are printed with, looked at before all others. "
        "Empty: those that came with the web client, then the system's.",
    )
    lang: Literal["zh", "en"] = Field("zh", description="Language where a reader has asked for none.")
    duty_post: str = Field("", description="Whom a refused person is sent to; empty: the duty officer (值班长).")
    duty_phone: str = Field("", description="Telephone shown when the service is down.")
    demo: bool = Field(False, description="Fill an empty database with the invented demonstration office.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_format: Literal["json", "console"] = Field("console", description="JSON for collectors, console for people.")

    @model_validator(mode="after")
    def _whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise ValueError("turn_urls and turn_secret go together")
        if bool(self.tsa_urls) != (self.tsa_certificates is not None):
            raise ValueError("tsa_urls and tsa_certificates go together")
        if not all(url.startswith(("turn:", "turns:")) for url in self.turn_urls):
            raise ValueError("turn_urls begin with turn: or turns:")
        if self.base_url and not self.base_url.startswith(("https://", "http://")):
            raise ValueError("base_url must begin with https:// or http://")
        return self

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'yuankan.db').absolute()}"

    @property
    def objects(self) -> str:
        """The object store URL in force."""
        return self.objects_url or (self.data_dir / "objects").absolute().as_uri()

    @property
    def office_key(self) -> Path:
        """Where the office's key lies."""
        return self.office_key_file or self.data_dir / "office.key"

    @property
    def spool(self) -> Path:
        """Where the media journals lie."""
        return self.spool_dir or self.data_dir / "spool"

    @property
    def spools(self) -> tuple[Path, ...]:
        """All folders for media journals, the preferred one first."""
        return (self.spool, *self.spool_spare_dirs)

    @property
    def tls(self) -> bool:
        """Whether this process itself speaks TLS."""
        return self.tls_cert is not None

    @property
    def origins(self) -> frozenset[str]:
        """Origins whose pages may write; empty when only the request's own Host can tell."""
        return frozenset({self.base_url.rstrip("/")}) if self.base_url else frozenset()


def document() -> str:
    """The settings as a Markdown table: variable, default, what it is for."""
    prefix = Settings.model_config["env_prefix"]
    rows = ["| Variable | Default | What it is for |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{prefix}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    if default in (None, "", (), {}):
        return ""
    if isinstance(default, tuple):
        return f"`{json.dumps(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"

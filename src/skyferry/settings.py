"""Every setting of the server with its default and its unit.

Values come from the command line, then from `SKYFERRY_…` environment variables, then from a TOML file (`--config`).
"""

import re
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_HIGHEST_PORT: Final = 65_535
_NATS_URL: Final = re.compile(r"(nats|tls)://[^/?#\s]+/?")
_COLLECTOR_URL: Final = re.compile(r"https?://[^/?#@\s]+/[^?#\s]*")
_PUBLIC_URL: Final = re.compile(r"https?://[^/?#\s]+/?")
_OBJECTS: Final = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?P<prefix>(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,8})/?", re.ASCII
)
_OBJECT_URLS: Final = re.compile(
    r"serve|presigned|https?://[A-Za-z0-9.-]{1,127}(:[1-9][0-9]{0,4})?/[A-Za-z0-9._~/-]*\{key\}[A-Za-z0-9._~?&=%-]*",
    re.ASCII,
)
_LONGEST_URL: Final = 256
"""Characters of the longest URL that C SDKs can take (device-plane reference §2.5)."""
_LONGEST_BLOB: Final = 145
"""Characters of the longest name of a file in an object store, without a prefix."""
_LONGEST_DOWNLOAD_URL: Final = 76
"""What the rest of a download URL leaves of the 256 characters that C SDKs can take (device-plane reference §2.5)."""

Network = IPv4Network | IPv6Network


class Address(NamedTuple):
    """Where to listen; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """`HOST:PORT`; an IPv6 host stands in brackets.

    Raises:
        ValueError: the text is no address.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise ValueError(f"{text} is not HOST:PORT, such as 127.0.0.1:8080.")
    return Address(host, int(port))


def _address(value: Any) -> Any:
    return parse_address(value) if isinstance(value, str) else value


def _public_url(value: str | None) -> str | None:
    if value is not None and not _PUBLIC_URL.fullmatch(value):
        raise ValueError(f"{value} is not http://HOST or https://HOST, with a port where it is not the usual one.")
    return value


def _collector_url(value: str | None) -> str | None:
    if value is not None and not _COLLECTOR_URL.fullmatch(value):
        raise ValueError(f"{value} is not http://HOST/PATH or https://HOST/PATH.")
    return value


def _download_url(value: str | None) -> str | None:
    if value is not None and len(value) > _LONGEST_DOWNLOAD_URL:
        raise ValueError(f"{value} has more than {_LONGEST_DOWNLOAD_URL} characters, and URLs would not fit devices.")
    return _public_url(value)


def _addresses(value: Any) -> Any:
    return [_address(part) for part in _listed(value)]


def _listed(value: Any) -> Any:
    """The parts of a text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _networks(value: Any) -> Any:
    return [_network(str(part).strip()) for part in _listed(value)]


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text} is no network, such as 10.0.0.0/8 or fd00::/8, and no address.") from None


def _nats_url(value: str | None) -> str | None:
    if value is not None and not all(_NATS_URL.fullmatch(part) for part in value.split(",")):
        raise ValueError("It is not nats://HOST:PORT or tls://HOST:PORT.")  # it may hold a password: not shown
    return value


def _objects(value: str | None) -> str | None:
    if value is not None and not _OBJECTS.fullmatch(value):
        raise ValueError(f"{value} is not s3://BUCKET or s3://BUCKET/PREFIX.")
    return value


def _object_urls(value: str) -> str:
    if not _OBJECT_URLS.fullmatch(value):
        raise ValueError(f"{value} is not serve, presigned or a URL with {{key}} in its path, https://HOST/{{key}}.")
    return value


class Role(StrEnum):
    """What a process can do (docs/adr/0005)."""

    API = "api"
    """Answers applications, and people in the console."""
    GATEWAY = "gateway"
    """Holds the connections of devices."""
    WORKER = "worker"
    """Stores what devices report, pushes, and does what happens by itself."""


class Settings(BaseSettings):
    """The server's settings."""

    model_config = SettingsConfigDict(
        env_prefix="SKYFERRY_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data_dir: Path = Path("skyferry-data")
    """Database, package files and keys."""
    key_file: Path | None = None
    """The file with the master key, where it is not the one in the data directory, which is made when it is missing."""
    http: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("127.0.0.1", 8080)
    """API, uploads, downloads, MQTT over WebSocket, health and metrics."""
    mqtt: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("127.0.0.1", 1883)
    """Devices: plain MQTT and MQTT over TLS, told apart by the first byte."""
    mqtts: Annotated[Address | None, NoDecode, BeforeValidator(_address)] = None
    """Devices, TLS only; not listened on when absent."""
    https: Annotated[Address | None, NoDecode, BeforeValidator(_address)] = None
    """What `http` serves, over TLS; not listened on when absent."""
    downloads: Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_addresses)] = ()
    """Further addresses for downloads and registrations, with commas: HTTP and HTTPS, told apart by the first byte."""
    mqtt_plain: bool = True
    """Devices may connect to `mqtt` without TLS."""
    public_url: Annotated[str | None, AfterValidator(_public_url)] = None
    """The server's URL as devices and applications reach it; the HTTP address when absent."""
    download_url: Annotated[str | None, AfterValidator(_download_url)] = None
    """Where devices download when that is not `public_url`; a product may name a place of its own."""
    tls_certificate: Path | None = None
    """The server's certificate with its chain (PEM); one of Skyferry's own authority when absent."""
    tls_key: Path | None = None
    """The key of `tls_certificate` (PEM, without a password)."""
    tls_names: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Further DNS names and IP addresses of the server's own certificate, with commas."""
    tls_static_rsa: bool = True
    """The ports for devices also take TLS 1.2 with static-RSA key exchange, which old C SDKs need."""
    device_ca: Path | None = None
    """Authorities (PEM) whose client certificates devices may log in with, besides Skyferry's own."""
    database: str | None = None
    """`sqlite:///path` or `postgresql://…`; a SQLite file in the data directory when absent."""
    database_connections: int = Field(default=20, ge=2, le=1_000)
    """Connections of this process to PostgreSQL, at most."""
    database_wait_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """How long a transaction waits for a free one of these."""
    database_connect_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """How long a new connection to PostgreSQL may take."""
    database_statement_seconds: float = Field(default=30.0, ge=1, le=3_600)
    """How long a statement may run on PostgreSQL."""
    database_lock_seconds: float = Field(default=10.0, ge=0.1, le=3_600)
    """How long a statement may wait for a lock of PostgreSQL."""
    database_idle_seconds: float = Field(default=60.0, ge=1, le=3_600)
    """How long a transaction may stand still before PostgreSQL ends it."""
    database_prepared: bool = True
    """Whether statements are prepared once for each connection; not behind a pooler that parts statements from
    connections and cannot follow them."""
    nats: Annotated[str | None, AfterValidator(_nats_url)] = None
    """`nats://HOST:PORT` for messages to the business server; with a PostgreSQL database also between processes."""
    roles: Annotated[frozenset[Role], NoDecode, BeforeValidator(_listed)] = frozenset(Role)
    """What this process does, with commas: `api`, `gateway`, `worker`; without all three others must do the rest."""
    forward_custom_topics: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")
    """The prefix of the NATS subjects to which messages on custom topics are forwarded; dropped when absent."""
    objects: Annotated[str | None, AfterValidator(_objects)] = None
    """`s3://BUCKET` or `s3://BUCKET/PREFIX` for package files; a directory in the data directory when absent."""
    objects_s3_endpoint: Annotated[str | None, AfterValidator(_public_url)] = None
    """The URL of the S3-compatible server; Amazon's of the region when absent."""
    objects_s3_region: str = Field(default="us-east-1", pattern=r"^[A-Za-z0-9-]{1,64}$")
    """The region, as the S3-compatible server calls it."""
    objects_s3_access_key_id: str | None = None
    """The access key to the bucket; taken from where the AWS tools look for it when absent."""
    objects_s3_secret_access_key: SecretStr | None = None
    """Goes with `objects_s3_access_key_id`."""
    objects_s3_path_style: bool = True
    """The bucket's name stands in the path of its URL; when false, before the host's name."""
    objects_s3_public_endpoint: Annotated[str | None, AfterValidator(_public_url)] = None
    """The URL by which devices reach the S3-compatible server, for presigned URLs, when it is another."""
    object_urls: Annotated[str, AfterValidator(_object_urls)] = "serve"
    """Who sends package files: `serve`: this server; `presigned`: the object store; or a URL with `{key}`: a CDN."""
    devices_follow_redirects: bool = False
    """Devices that are told of a URL on this server are redirected from there as well; C SDKs follow no redirect."""
    region: str = "cn-shanghai"
    """What is answered where the API tells a region."""
    root_access_key_id: str | None = None
    """AccessKey of the root account, made valid at the start; generated at the first start when absent."""
    root_access_key_secret: SecretStr | None = None
    """Goes with `root_access_key_id`."""
    root_password: SecretStr | None = None
    """The password of the root account in the console; generated at the first start when absent."""
    console: bool = True
    """Whether the console is served under `/console/`."""
    console_session_hours: int = Field(default=12, ge=1, le=720)
    """How long a person stays signed in to the console."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """`debug`, `info`, `warning` or `error`: what is less than this is not logged."""
    traces: Annotated[str | None, AfterValidator(_collector_url)] = None
    """The URL to which traces go by OTLP over HTTP, such as `http://127.0.0.1:4318/v1/traces`; none when absent."""
    traces_share: float = Field(default=1.0, ge=0, le=1)
    """The share of calls and batches of reports that are traced."""
    log_format: str = Field(default="auto", pattern="^(auto|json|console)$")
    """`auto` writes for people on a terminal and JSON elsewhere."""

    clock_window_minutes: int = Field(default=15, ge=1, le=60)
    """How far the time in a signed request may be from the server's."""
    quotas: dict[str, int] = Field(default_factory=dict)
    """Calls per second and account by operation, in place of the defaults: `{"CancelOTATaskByDevice": 50}`."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)] = ()
    """Networks of the proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count, with commas: `10.0.0.0/8, ::1`."""
    upload_most_bytes: int = Field(default=1_048_576_000, ge=1, le=2_097_152_000)
    """The largest package file."""
    list_most_bytes: int = Field(default=5_242_880, ge=1, le=67_108_864)
    """The largest list of devices (DnListFileUrl)."""
    most_packages: int = Field(default=500, ge=1, le=1_000_000)
    """How many packages an instance may have."""
    most_products: int = Field(default=1_000, ge=1, le=1_000_000)
    """How many products an account may have."""
    download_url_hours: int = Field(default=24, ge=1, le=168)
    """How long a download URL is valid."""
    downloads_at_once: int = Field(default=2_000, ge=1, le=100_000)
    """Downloads that are answered at once; further ones wait for their turn."""
    downloads_of_address: int = Field(default=500, ge=1, le=100_000)
    """How many of these may come from one IPv4 address or one /64 of IPv6."""
    download_wait_seconds: float = Field(default=20.0, ge=0, le=600)
    """How long a download waits for its turn before it is told to come again."""
    download_bytes_per_second: int | None = Field(default=None, ge=10_000)
    """What all downloads together may take; no limit when absent."""
    download_bytes_per_second_of_address: int | None = Field(default=None, ge=1_000)
    """What the downloads of one address together may take; no limit when absent."""
    push_delay_seconds: float = Field(default=5.0, ge=0, le=600)
    """After this long a device that gave no sign of listening is pushed to all the same."""
    push_backoff_seconds: float = Field(default=60.0, ge=0, le=21_600)
    """The wait before the fourth push of a task that came to nothing; each further one is twice as long, up to six
    hours; 0 for no waits."""
    report_wait_seconds: float = Field(default=0.05, ge=0, le=1)
    """How long reports of devices wait at most to be stored together with those that come next; one that comes alone
    does not wait. For one process: several share reports in another way."""
    start_wait_seconds: float = Field(default=60.0, ge=0, le=3_600)
    """How long a start waits for a database, NATS or an object store that does not answer yet."""
    stop_delay_seconds: float = Field(default=0.0, ge=0, le=600)
    """How long the server still takes what is new after it was told to stop; `/readyz` answers 503 meanwhile."""
    drain_seconds: float = Field(default=0.0, ge=0, le=3_600)
    """Over how long a stop spreads the ends of the devices' connections; 0 ends them all at once."""
    keepalive_most_seconds: float = Field(default=1_200.0, ge=30)
    """The longest keepalive of an MQTT connection."""
    keepalive_checked: bool = False
    """Whether a log-in with a keepalive below 30 seconds or above the longest is refused, as the platform does."""
    registration_plain: bool = False
    """Whether devices may register themselves without TLS, where anyone on the way reads the secret they get."""
    registration_most_devices: int = Field(default=1_000_000, ge=0)
    """How many devices a product may have for an unknown device to register itself."""
    hawkbit_plain: bool = False
    """Whether devices may use hawkBit's device API without TLS, where anyone on the way reads their token."""
    hawkbit_poll_seconds: int = Field(default=300, ge=1, le=43_200)
    """How often devices ask by hawkBit's device API; one that missed three times is offline."""
    hawkbit_version_attribute: str = Field(default="version", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """The attribute (configData) that tells the version of the default module; followed by `.NAME` that of a module."""
    login_delay_seconds: float = Field(default=1.0, ge=0, le=3_600)
    """How long a device is refused from an address after its fourth wrong log-in from there; it doubles each time."""
    login_delay_most_seconds: float = Field(default=60.0, ge=0, le=86_400)
    """The longest such delay."""
    login_failures_per_address: int = Field(default=1_000, ge=1, le=1_000_000)
    """Wrong log-ins that an address may have at once, whatever the devices; five are forgiven in a second."""

    task_retention_days: int | None = Field(default=None, ge=1, le=36_500)
    """How long tasks stay in the database after their job's end; then they are archived; for ever when absent."""
    history_days: int = Field(default=365, ge=1, le=3_650)
    """How long what happened to each task is kept."""
    audit_days: int = Field(default=90, ge=1, le=3_650)
    """How long it is kept who changed what."""
    event_attempts: int = Field(default=15, ge=1, le=100)
    """How often a message to the business server is tried."""
    event_retry_seconds: float = Field(default=2.0, ge=0.1, le=3_600)
    """The wait after the first failure of a message; each further one is twice as long, up to an hour."""
    event_concurrency: int = Field(default=16, ge=1, le=256)
    """Messages of one subscription that are under way at once."""
    event_dead_days: int = Field(default=30, ge=1, le=3_650)
    """How long messages that could not be delivered are kept."""

    @property
    def objects_bucket(self) -> tuple[str, str] | None:
        """Bucket and prefix of `objects`; the prefix is empty or ends with a slash."""
        if self.objects is None or (match := _OBJECTS.fullmatch(self.objects)) is None:
            return None
        prefix = match["prefix"].removeprefix("/")
        return match["bucket"], f"{prefix}/" if prefix else ""

    @property
    def object_template(self) -> str | None:
        """`object_urls` when it is a URL with `{key}`."""
        return self.object_urls if "{key}" in self.object_urls else None

    @property
    def is_one_of_several(self) -> bool:
        """Other processes may work on the same database: PostgreSQL keeps the state, NATS connects them."""
        return self.nats is not None and self.database is not None and self.database.startswith("postgresql")

    @model_validator(mode="after")
    def _together(self) -> Self:
        if not self.roles:
            raise ValueError("roles names none of api, gateway and worker.")
        if self.roles != frozenset(Role) and not self.is_one_of_several:
            raise ValueError("roles apart need database: postgresql://… and nats: nats://…, which connect them.")
        if self.forward_custom_topics is not None and self.nats is None:
            raise ValueError("forward_custom_topics needs nats: the server to forward to.")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are given together or not at all.")
        if (self.objects_s3_access_key_id is None) != (self.objects_s3_secret_access_key is None):
            raise ValueError(
                "objects_s3_access_key_id and objects_s3_secret_access_key are given together or not at all."
            )
        if self.objects_bucket is None and self.object_urls != "serve":
            raise ValueError("object_urls needs objects: files in the data directory are served by this server alone.")
        if self.object_template is not None and self.objects_bucket is not None:
            longest = len(self.object_template) - len("{key}") + len(self.objects_bucket[1]) + _LONGEST_BLOB
            if longest > _LONGEST_URL:
                raise ValueError(
                    f"With object_urls URLs would have up to {longest} characters, and devices take {_LONGEST_URL}:"
                    " choose a shorter name of the host, path or prefix."
                )
        if self.objects is None and self.objects_s3_endpoint is not None:
            raise ValueError("objects_s3_endpoint needs objects: s3:// and the bucket on that server.")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line first, then the environment, then the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load(config: Path | None, **given: Any) -> Settings:
    """The settings from a file, the environment and what was given; values of None count as not given.

    Raises:
        pydantic.ValidationError: a value is not allowed.
        OSError: the file cannot be read.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if config is None:
        return Settings(**values)
    config.read_bytes()  # a missing file is an error, not an empty one

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=config)

    return FromFile(**values)

"""What each part of the server takes of the settings, in the part's own terms and units."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from skyferry.console.limits import ConsoleSettings
from skyferry.datadir import DataDir
from skyferry.ddi.limits import DdiSettings
from skyferry.delivery.forwarding import NatsForwarder
from skyferry.delivery.limits import DeliveryLimits
from skyferry.delivery.nats import NatsConnection
from skyferry.devices.limits import GatewaySettings, MqttLimits, RegistrationSettings
from skyferry.devices.throttling import ThrottleSettings
from skyferry.fleet.dynamic_registration import RegistrationLimits
from skyferry.keys import KeyRing
from skyferry.objects.downloads import Served, Serving
from skyferry.objects.gate import Gate
from skyferry.objects.interface import ObjectStore, PresigningStore
from skyferry.objects.limits import ObjectLimits, ServingLimits
from skyferry.objects.local import LocalObjectStore
from skyferry.ota.models import EngineLimits
from skyferry.settings import Settings
from skyferry.store.limits import PostgresqlLimits
from skyferry.tls.contexts import ContextSources
from skyferry.tls.files import PairFiles, TlsDirectory
from skyferry.tracing import Tracer

_FORWARD_MS: Final = 3_000
"""Milliseconds that NATS has to take a device's message over: the device's next PUBACKs wait for it."""


def tracer(settings: Settings, process: str) -> Tracer | None:
    """What tells a collector what calls cause; None when nobody asks.

    Raises:
        ValueError: OpenTelemetry is not installed.
    """
    if settings.traces is None:
        return None
    try:
        from skyferry.tracing import exporting  # noqa: PLC0415 - an extra, and a third of a second to import
    except ModuleNotFoundError as error:
        raise ValueError(f"For traces install skyferry[otel]: {error.name} is missing.") from None
    roles = ",".join(sorted(settings.roles))
    return exporting.to_collector(settings.traces, share=settings.traces_share, process=process, roles=roles)


def key(settings: Settings, directory: DataDir) -> tuple[Path, KeyRing]:
    """The master key, and the file it is in; the one in the data directory is made when it is missing.

    Raises:
        skyferry.keys.KeyFileError: the file cannot be used.
    """
    if settings.key_file is not None:
        return settings.key_file, KeyRing.load(settings.key_file)
    return directory.key, KeyRing.load_or_create(directory.key)


def engine_limits(settings: Settings) -> EngineLimits:
    """Of the engine."""
    return EngineLimits(
        connect_delay_ms=round(settings.push_delay_seconds * 1_000),
        push_backoff_ms=round(settings.push_backoff_seconds * 1_000),
        history_ms=settings.history_days * 86_400_000,
        most_packages=settings.most_packages,
        most_products=settings.most_products,
    )


def postgresql_limits(settings: Settings) -> PostgresqlLimits:
    """Of what is taken of a PostgreSQL server."""
    return PostgresqlLimits(
        connections=settings.database_connections,
        wait_seconds=settings.database_wait_seconds,
        connect_seconds=settings.database_connect_seconds,
        statement_seconds=settings.database_statement_seconds,
        lock_seconds=settings.database_lock_seconds,
        idle_seconds=settings.database_idle_seconds,
        prepared=settings.database_prepared,
    )


def object_limits(settings: Settings) -> ObjectLimits:
    """Of uploaded files."""
    return ObjectLimits(most_file_bytes=settings.upload_most_bytes, most_list_bytes=settings.list_most_bytes)


def gateway_settings(settings: Settings) -> GatewaySettings:
    """Of the device gateway."""
    return GatewaySettings(
        mqtt=MqttLimits(keepalive_most_s=settings.keepalive_most_seconds),
        push_delay_ms=round(settings.push_delay_seconds * 1_000),
        registration=RegistrationSettings(
            plain=settings.registration_plain,
            limits=RegistrationLimits(most_devices=settings.registration_most_devices),
        ),
        throttle=ThrottleSettings(
            first_delay_ms=round(settings.login_delay_seconds * 1_000),
            most_delay_ms=round(settings.login_delay_most_seconds * 1_000),
            address_failures=settings.login_failures_per_address,
        ),
        keepalive_checked=settings.keepalive_checked,
    )


def forwarder(settings: Settings) -> NatsForwarder | None:
    """What takes messages on custom topics over; None when they are dropped."""
    if settings.forward_custom_topics is None or settings.nats is None:
        return None
    return NatsForwarder(NatsConnection(settings.nats, _FORWARD_MS), settings.forward_custom_topics)


def console_settings(settings: Settings) -> ConsoleSettings:
    """Of the console."""
    return ConsoleSettings(session_ms=settings.console_session_hours * 3_600_000)


def ddi_settings(settings: Settings) -> DdiSettings:
    """Of hawkBit's device API."""
    return DdiSettings(
        plain=settings.hawkbit_plain,
        poll_s=settings.hawkbit_poll_seconds,
        version_attribute=settings.hawkbit_version_attribute,
    )


def serving_limits(settings: Settings) -> ServingLimits:
    """Of downloads."""
    return ServingLimits(
        most_at_once=settings.downloads_at_once,
        most_of_client=settings.downloads_of_address,
        wait_seconds=settings.download_wait_seconds,
        bytes_per_second=settings.download_bytes_per_second,
        client_bytes_per_second=settings.download_bytes_per_second_of_address,
    )


def delivery_limits(settings: Settings) -> DeliveryLimits:
    """Of messages to the business server."""
    return DeliveryLimits(
        attempts=settings.event_attempts,
        retry_ms=round(settings.event_retry_seconds * 1_000),
        concurrency=settings.event_concurrency,
        keep_dead_ms=settings.event_dead_days * 24 * 3_600_000,
    )


def object_store(settings: Settings, directory: DataDir, *, owner: str) -> ObjectStore:
    """Where package files are kept.

    Args:
        settings: say which store.
        directory: the data directory.
        owner: tells this server's files in a bucket from another's.

    Raises:
        ValueError: the client of S3 is not installed.
    """
    if settings.objects_bucket is None:
        return LocalObjectStore(directory.objects)
    try:
        from skyferry.objects.bucket import BucketPlace  # noqa: PLC0415 - an extra, and half a second to import
        from skyferry.objects.s3 import S3ObjectStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(f"For objects in a bucket install skyferry[s3]: {error.name} is missing.") from None
    bucket, prefix = settings.objects_bucket
    secret = settings.objects_s3_secret_access_key
    place = BucketPlace(
        bucket,
        endpoint=settings.objects_s3_endpoint,
        public_endpoint=settings.objects_s3_public_endpoint,
        region=settings.objects_s3_region,
        access_key_id=settings.objects_s3_access_key_id,
        secret_access_key=secret.get_secret_value() if secret else None,
        path_style=settings.objects_s3_path_style,
    )
    return S3ObjectStore(place, prefix, owner)


def direct_url(settings: Settings) -> Callable[[str], str] | None:
    """Makes of a blob's name the URL at which anyone may download it; None when there is no such place."""
    if settings.object_template is None or settings.objects_bucket is None:
        return None
    template, (_, prefix) = settings.object_template, settings.objects_bucket
    return lambda blob: template.replace("{key}", prefix + blob)


def serving(
    settings: Settings,
    objects: ObjectStore,
    *,
    told: Callable[[Served], None],
    address_of: Callable[[web.Request], str],
) -> Serving:
    """How downloads are served, and whom others are asked for the bytes."""
    elsewhere: Callable[[str], Awaitable[str]] | None = None
    direct = direct_url(settings)
    if direct is not None:
        elsewhere = _answering_at_once(direct)
    elif settings.object_urls == "presigned" and isinstance(objects, PresigningStore):
        elsewhere = objects.presigned
    return Serving(Gate(serving_limits(settings)), told, address_of, elsewhere, settings.devices_follow_redirects)


def _answering_at_once(url_of: Callable[[str], str]) -> Callable[[str], Awaitable[str]]:
    async def answer(blob: str) -> str:
        return url_of(blob)

    return answer


def tls_sources(settings: Settings, directory: TlsDirectory) -> ContextSources:
    """Where the certificates are."""
    server = directory.server
    if settings.tls_certificate is not None and settings.tls_key is not None:
        server = PairFiles(settings.tls_certificate, settings.tls_key)
    further = [settings.device_ca] if settings.device_ca is not None else []
    return ContextSources(server, [directory.device_authority.certificate, *further], settings.tls_static_rsa)

"""What each part of the server takes of the settings, in the part's own terms and units."""

from typing import Final

from skyferry.console.limits import ConsoleSettings
from skyferry.ddi.limits import DdiSettings
from skyferry.delivery.forwarding import NatsForwarder
from skyferry.delivery.limits import DeliveryLimits
from skyferry.delivery.nats import NatsConnection
from skyferry.devices.limits import GatewaySettings, MqttLimits, RegistrationSettings
from skyferry.devices.throttling import ThrottleSettings
from skyferry.fleet.dynamic_registration import RegistrationLimits
from skyferry.objects.limits import ObjectLimits, ServingLimits
from skyferry.ota.models import EngineLimits
from skyferry.settings import Settings
from skyferry.tls.contexts import ContextSources
from skyferry.tls.files import PairFiles, TlsDirectory

_FORWARD_MS: Final = 3_000
"""Milliseconds that NATS has to take a device's message over: the device's next PUBACKs wait for it."""


def engine_limits(settings: Settings) -> EngineLimits:
    """Of the engine."""
    return EngineLimits(
        connect_delay_ms=round(settings.push_delay_seconds * 1_000),
        push_backoff_ms=round(settings.push_backoff_seconds * 1_000),
        history_ms=settings.history_days * 86_400_000,
        most_packages=settings.most_packages,
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


def tls_sources(settings: Settings, directory: TlsDirectory) -> ContextSources:
    """Where the certificates are."""
    server = directory.server
    if settings.tls_certificate is not None and settings.tls_key is not None:
        server = PairFiles(settings.tls_certificate, settings.tls_key)
    further = [settings.device_ca] if settings.device_ca is not None else []
    return ContextSources(server, [directory.device_authority.certificate, *further], settings.tls_static_rsa)

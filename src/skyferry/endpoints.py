"""The addresses that a server listens on: all are taken before anything starts, so that each port is known early."""

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import structlog

from skyferry.settings import Address, Role, Settings
from skyferry.tls import listener

_ANY_HOST: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

_log = structlog.get_logger()


class AddressError(Exception):
    """An address cannot be listened on; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that is taken, with the port that it really has, and its listening socket."""

    address: Address
    listening: socket.socket


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a server listens.

    Attributes:
        http: API, uploads, downloads, health and metrics.
        mqtt: devices; TLS and plain MQTT alike; None without the role `gateway`, as are `mqtts` and `downloads`.
        mqtts: devices, TLS only.
        https: what `http` serves, over TLS.
        downloads: what devices ask for over HTTP: downloads, registration; TLS and plain HTTP alike.
    """

    http: Endpoint
    mqtt: Endpoint | None
    mqtts: Endpoint | None
    https: Endpoint | None
    downloads: tuple[Endpoint, ...]

    @classmethod
    def take(cls, settings: Settings) -> "Endpoints":
        """Takes the addresses of the settings.

        Raises:
            AddressError: one of them cannot be used; those before it are free again.
        """
        taken: list[Endpoint] = []
        has_devices = Role.GATEWAY in settings.roles
        try:
            return cls(
                _take(settings.http, taken),
                _take(settings.mqtt, taken) if has_devices else None,
                _take(settings.mqtts, taken) if settings.mqtts and has_devices else None,
                _take(settings.https, taken) if settings.https else None,
                tuple(_take(address, taken) for address in settings.downloads if has_devices),
            )
        except AddressError:
            for endpoint in taken:
                endpoint.listening.close()
            raise

    def all(self) -> Iterator[Endpoint]:
        """Every endpoint."""
        yield from (each for each in (self.http, self.mqtt, self.mqtts, self.https) if each is not None)
        yield from self.downloads

    def named(self) -> Mapping[str, str]:
        """The addresses by the names of their settings; several of a name with commas."""
        named = {"http": self.http, "mqtt": self.mqtt, "mqtts": self.mqtts, "https": self.https}
        found = {name: str(endpoint.address) for name, endpoint in named.items() if endpoint is not None}
        if self.downloads:
            found["downloads"] = ",".join(str(endpoint.address) for endpoint in self.downloads)
        return found

    def __str__(self) -> str:
        """The addresses as the ready line tells them: `http=HOST:PORT mqtt=HOST:PORT …`."""
        return " ".join(f"{name}={address}" for name, address in self.named().items())

    def public_url(self, given: str | None) -> str:
        """The URL under which applications and devices come.

        Args:
            given: what the settings say. Without it, it is the HTTP address; the HTTPS address when that can be reached
                from other machines and the HTTP address cannot.
        """
        if given is not None:
            return given
        chosen, scheme = self.http.address, "http"
        if self.https is not None and _is_loopback(chosen.host) and not _is_loopback(self.https.address.host):
            chosen, scheme = self.https.address, "https"
        if chosen.host in _ANY_HOST:
            _log.warning("public_url.missing", advice="devices cannot download from this address: set --public-url")
        return f"{scheme}://{chosen}"


def _take(address: Address, taken: list[Endpoint]) -> Endpoint:
    try:
        listening = listener.bind(*address)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise AddressError(f"{address} cannot be listened on: {reason}. Choose another address.") from error
    endpoint = Endpoint(Address(address.host, listening.getsockname()[1]), listening)
    taken.append(endpoint)
    return endpoint


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""A device that knows its product's secret only, and registers itself as the vendor's C SDK does (§1.8).

The section is of the device-plane reference. Written on raw sockets, so that it shares nothing with the server.
"""

import hashlib
import hmac
import json
import ssl
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import requests

from tests.support.api import Device
from tests.support.device import CDevice, DeviceError
from tests.support.server import Address

_CONNECT, _CONNACK, _DISCONNECT = 0x10, 2, 0xE0
_RANDOM: Final = "8Ygb7ULYh53B6OA"
_TOPICS: Final = {"register": "/ext/register", "regnwl": "/ext/regnwl"}


class RefusedError(Exception):
    """The server did not register the device; `code` is that of the CONNACK or of the answer over HTTPS."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def register(
    broker: Address,
    product_key: str,
    name: str,
    product_secret: str,
    auth_type: str = "register",
    *,
    tls: ssl.SSLContext | None = None,
) -> dict[str, Any]:
    """Registers over MQTT, with TLS where a context is given, and gives what the server tells; leaves as the SDK does.

    Raises:
        RefusedError: the server refuses.
    """
    client = _Registering(broker, Device(product_key, name, product_secret, ""), auth_type, tls)
    try:
        return client.register()
    finally:
        client.drop()


def register_by_http(
    url: str,
    product_key: str,
    name: str,
    product_secret: str,
    *,
    headers: Mapping[str, str] | None = None,
    authority: Path | None = None,
) -> dict[str, Any]:
    """Registers by a form and gives what the server tells.

    Args:
        url: scheme and host.
        product_key: the product.
        name: the DeviceName.
        product_secret: what it signs with.
        headers: further ones.
        authority: the certificate (PEM) to trust where the URL is one of https.

    Raises:
        RefusedError: the server refuses.
    """
    fields = registration_form(product_key, name, product_secret)
    verify = True if authority is None else str(authority)
    answer = requests.post(f"{url}/auth/register/device", data=fields, headers=headers, verify=verify, timeout=30)
    if answer.status_code != 200 or "Content-Length" not in list(answer.headers):
        raise DeviceError(f"{answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    if body["code"] != 200:
        raise RefusedError(body["code"], body["message"])
    data: dict[str, Any] = body["data"]
    return data


def registration_form(product_key: str, name: str, product_secret: str) -> dict[str, str]:
    """The signed form by which a device registers itself."""
    fields = {"productKey": product_key, "deviceName": name, "random": _RANDOM, "signMethod": "hmacsha256"}
    return fields | {"sign": _signature(product_key, name, product_secret)}


class TokenDevice(CDevice):
    """A device that logs in with the clientId and the token that its registration gave it."""

    def __init__(self, broker: Address, registered: Mapping[str, str]) -> None:
        super().__init__(broker, Device(registered["productKey"], registered["deviceName"], "", ""))
        self._registered = registered

    def _connect_body(self) -> bytes:
        extended = "authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.2.0"
        client_id = f"{self._registered['clientId']}|{extended}|"
        return _body(client_id, self._device, self._registered["deviceToken"])


class CertifiedDevice(CDevice):
    """A device that has a certificate, and need not know its own name."""

    def __init__(self, broker: Address, device: Device, tls: ssl.SSLContext, *, named: bool = False) -> None:
        super().__init__(broker, device, tls)
        self._named = named

    def identity(self) -> dict[str, Any]:
        """What the server tells the device about itself."""
        answer: dict[str, Any] = json.loads(self._wait_for_message("/ext/auth/identity/response", 30))
        return answer

    def _connect_body(self) -> bytes:
        device = self._device if self._named else Device("", "", "", "")
        return _body("|securemode=2,signmethod=hmacsha1,_ss=1|", device, "")


class _Registering(CDevice):
    def __init__(self, broker: Address, device: Device, auth_type: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(broker, device, tls)
        self._auth_type = auth_type

    def register(self) -> dict[str, Any]:
        self._socket = self._open()
        self._send(_CONNECT, self._connect_body())
        kind, body = self._packet()
        if kind >> 4 != _CONNACK:
            raise DeviceError(f"packet {kind:#x} instead of a CONNACK")
        if body[1]:
            raise RefusedError(body[1])
        text = self._wait_for_message(_TOPICS[self._auth_type], 30)
        self._send(_DISCONNECT, b"")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def _connect_body(self) -> bytes:
        device = self._device
        extended = f"random={_RANDOM},authType={self._auth_type},securemode=2,signmethod=hmacsha256"
        password = _signature(device.product_key, device.name, device.secret)
        return _body(f"{device.name}.{device.product_key}|{extended}|", device, password)


def _signature(product_key: str, name: str, product_secret: str) -> str:
    signed = f"deviceName{name}productKey{product_key}random{_RANDOM}"
    return hmac.new(product_secret.encode(), signed.encode(), hashlib.sha256).hexdigest().upper()


def _body(client_id: str, device: Device, password: str) -> bytes:
    texts = (client_id, f"{device.name}&{device.product_key}", password)
    head = _text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", 0)
    return head + b"".join(_text(text) for text in texts)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded

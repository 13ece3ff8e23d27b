"""What a product says of its devices beyond what the platform's API knows: how they register, speak and download."""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import products
from skyferry.objects.urls import LONGEST_BASE_URL
from skyferry.store import product_settings as statements
from skyferry.store import products as product_statements
from skyferry.store.product_settings import SettingsRecord

_BASE_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,127}(:[1-9][0-9]{0,4})?/?")


class DynamicRegistration(IntEnum):
    """Which devices may register themselves with the ProductSecret (device-plane reference §1.8)."""

    OFF = 0
    REGISTERED = 1
    """Devices that were registered before get their DeviceSecret."""
    ANY = 2
    """Unknown devices too: they are registered with it."""


class DeviceProtocol(StrEnum):
    """What the devices of a product speak."""

    LINK = "link"
    """The platform's MQTT protocol."""
    HAWKBIT = "hawkbit"
    """The device API of Eclipse hawkBit (DDI)."""


@dataclass(frozen=True, slots=True)
class ChangedSettings:
    """What is to be changed; None leaves a setting as it is, an empty `download_base` removes it."""

    dynamic_registration: str | None = None
    device_protocol: str | None = None
    download_base: str | None = None
    secure_update: bool | None = None


def of_product(tx: Connection, instance_id: int, product_key: str) -> SettingsRecord:
    """The settings of a product.

    Raises:
        ApiError: the instance has no such product.
    """
    return statements.by_id(tx, products.find(tx, instance_id, product_key).id)


def change(tx: Connection, instance_id: int, product_key: str, new: ChangedSettings, *, now: int) -> SettingsRecord:
    """Changes settings of a product and returns all of them; all that is told or, with an error, nothing.

    Raises:
        ApiError: a value that is not allowed, or no such product.
    """
    product = products.find(tx, instance_id, product_key)
    product_statements.change(tx, product.id, {**_values(new), "modified_at": now})
    return statements.by_id(tx, product.id)


def _values(new: ChangedSettings) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if new.dynamic_registration is not None:
        values["dynamic_registration"] = _dynamic_registration(new.dynamic_registration)
    if new.device_protocol is not None:
        values["device_protocol"] = _device_protocol(new.device_protocol)
    if new.download_base is not None:
        values["download_base"] = _download_base(new.download_base)
    if new.secure_update is not None:
        values["secure_update"] = new.secure_update
    return values


def _dynamic_registration(text: str) -> DynamicRegistration:
    if text not in DynamicRegistration.__members__:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "DynamicRegistration is OFF, REGISTERED or ANY.")
    return DynamicRegistration[text]


def _device_protocol(text: str) -> DeviceProtocol:
    if text not in set(DeviceProtocol):
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "DeviceProtocol is link or hawkbit.")
    return DeviceProtocol(text)


def _download_base(text: str) -> str | None:
    if text and (len(text) > LONGEST_BASE_URL or not _BASE_URL.fullmatch(text)):
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            "DownloadBase is http://HOST or https://HOST, with a port where it is not the usual one, in at most"
            f" {LONGEST_BASE_URL} characters.",
        )
    return text.rstrip("/") or None

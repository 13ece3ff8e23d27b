"""Devices: how they are registered one by one, found, named and barred."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import names, products
from skyferry.keys import SecretBox
from skyferry.store import devices as statements
from skyferry.store import products as product_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord
from skyferry.store.tables import DeviceState

MOST_RENAMED: Final = 50
_LONGEST_NICKNAME: Final = 64
_LONGEST_NEW_NICKNAME: Final = 32


class DeviceStatus(StrEnum):
    """What a device's state is called (control-plane reference §9.3)."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    UNACTIVE = "UNACTIVE"
    DISABLE = "DISABLE"


_TEXTS: Final = {
    DeviceState.UNACTIVE: DeviceStatus.UNACTIVE,
    DeviceState.ONLINE: DeviceStatus.ONLINE,
    DeviceState.OFFLINE: DeviceStatus.OFFLINE,
    DeviceState.DISABLED: DeviceStatus.DISABLE,
    DeviceState.DISABLED_UNACTIVE: DeviceStatus.DISABLE,
}


@dataclass(frozen=True, slots=True)
class DeviceReference:
    """How a request names a device: by IotId, which wins, or by product and name together."""

    iot_id: str | None
    product_key: str | None
    device_name: str | None


def status_of(device: DeviceRecord) -> DeviceStatus:
    """The state of a device."""
    return _TEXTS[DeviceState(device.state)]


def states_of(number: int) -> Collection[int]:
    """The states that a `Status` of QueryDeviceByStatus means (control-plane reference §9.3).

    Raises:
        ApiError: it is none.
    """
    if number == DeviceState.DISABLED:
        return DeviceState.DISABLED, DeviceState.DISABLED_UNACTIVE
    if number not in {DeviceState.UNACTIVE, DeviceState.ONLINE, DeviceState.OFFLINE}:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "Status is 0 (never online), 1 (online), 3 (offline) or 8.")
    return (number,)


def find(tx: Connection, instance_id: int, reference: DeviceReference) -> DeviceRecord:
    """The device that a request names.

    Raises:
        ApiError: it names none, or one that does not exist.
    """
    [device] = find_all(tx, instance_id, [reference])
    return device


def find_held(tx: Connection, instance_id: int, reference: DeviceReference) -> DeviceRecord:
    """As `find`; nothing new can refer to the device until the transaction ends.

    Raises:
        ApiError: it names none, or one that does not exist.
    """
    device = find(tx, instance_id, reference)
    if not statements.hold(tx, device.id):
        raise ApiError(codes.NOT_EXISTED_DEVICE)
    return device


def find_all(tx: Connection, instance_id: int, references: Sequence[DeviceReference]) -> Sequence[DeviceRecord]:
    """The devices that a request names, in its order.

    Raises:
        ApiError: it names none somewhere, or one that does not exist.
    """
    by_product: defaultdict[str, list[str]] = defaultdict(list)
    for reference in references:
        if not reference.iot_id and reference.product_key and reference.device_name:
            by_product[reference.product_key].append(reference.device_name)
    iot_ids = [reference.iot_id for reference in references if reference.iot_id]
    by_iot_id = {device.iot_id: device for device in statements.of_iot_ids(tx, instance_id, iot_ids)}
    by_name = {
        (product_key, device.name): device
        for product_key, listed in by_product.items()
        for device in statements.of_names(tx, instance_id, product_key, listed)
    }
    return [_found(tx, instance_id, reference, by_iot_id, by_name) for reference in references]


def _found(
    tx: Connection,
    instance_id: int,
    reference: DeviceReference,
    by_iot_id: Mapping[str, DeviceRecord],
    by_name: Mapping[tuple[str, str], DeviceRecord],
) -> DeviceRecord:
    if reference.iot_id:
        if reference.iot_id not in by_iot_id:
            raise ApiError(codes.INVALID_IOT_ID, f"No device has the IotId {reference.iot_id}.")
        return by_iot_id[reference.iot_id]
    if not reference.product_key or not reference.device_name:
        raise ApiError(codes.NULL_DEVICE_NAME)
    if (reference.product_key, reference.device_name) not in by_name:
        if product_statements.find(tx, instance_id, reference.product_key) is None:
            raise products.unknown(reference.product_key)
        raise ApiError(codes.NOT_EXISTED_DEVICE, f"The product has no device {reference.device_name}.")
    return by_name[reference.product_key, reference.device_name]


def find_iot_ids(tx: Connection, instance_id: int, iot_ids: Sequence[str]) -> Sequence[DeviceRecord]:
    """The devices of these IotIds in the order of the list; unknown ones are left out."""
    found = {device.iot_id: device for device in statements.of_iot_ids(tx, instance_id, iot_ids)}
    return [found[iot_id] for iot_id in dict.fromkeys(iot_ids) if iot_id in found]


def find_names(tx: Connection, product: ProductRecord, device_names: Sequence[str]) -> Sequence[DeviceRecord]:
    """The devices of these names in the product in the order of the list; unknown ones are left out."""
    listed = statements.of_names(tx, product.instance_id, product.product_key, device_names)
    found = {device.name: device for device in listed}
    return [found[name] for name in dict.fromkeys(device_names) if name in found]


def register(
    tx: Connection, product: ProductRecord, name: str | None, nickname: str | None, *, box: SecretBox, now: int
) -> tuple[DeviceRecord, str]:
    """Makes a device and returns it with its secret. Without a name it gets a random one.

    Raises:
        ApiError: a bad name or nickname, or a name that is taken.
    """
    if name is not None and not names.is_device_name(name):
        raise ApiError(codes.INVALID_FORMATTED_DEVICE_NAME)
    if nickname is not None and not is_nickname(nickname):
        raise ApiError(codes.INVALID_DEVICE_NICKNAME)
    secret = identifiers.device_secret()
    values = new_row(product.id, name or identifiers.device_name(), nickname, secret, box=box, now=now)
    if statements.ids_by_name(tx, product.id, [values["name"]]):
        raise ApiError(codes.ALREADY_EXISTED_DEVICE_NAME)
    statements.insert(tx, [values])
    [device] = statements.of_names(tx, product.instance_id, product.product_key, [values["name"]])
    return device, secret


def set_disabled(tx: Connection, instance_id: int, reference: DeviceReference, *, disabled: bool, now: int) -> int:
    """Bars a device from logging in, or lets it in again, and returns its key. What is so already stays so.

    Raises:
        ApiError: the device does not exist.
    """
    device = find(tx, instance_id, reference)
    statements.set_disabled(tx, device.id, disabled=disabled, now=now)
    return device.id


def rename(
    tx: Connection, instance_id: int, nicknames: Sequence[tuple[DeviceReference, str | None]], *, now: int
) -> None:
    """Gives devices nicknames; None and blank ones take them away. All of them or, with an error, none.

    Raises:
        ApiError: too many, a bad nickname, or a device that does not exist.
    """
    if len(nicknames) > MOST_RENAMED:
        raise ApiError(codes.PARAMETER_IS_NOT_LESS_THAN_MAX, f"DeviceNicknameInfo holds at most {MOST_RENAMED} items.")
    for _, nickname in nicknames:
        if nickname and not names.is_title(nickname, most=_LONGEST_NEW_NICKNAME):
            raise ApiError(codes.INVALID_DEVICE_NICKNAME, f"Nickname has 4 to {_LONGEST_NEW_NICKNAME} characters here.")
    found = find_all(tx, instance_id, [reference for reference, _ in nicknames])
    given = {device.id: nickname or None for device, (_, nickname) in zip(found, nicknames, strict=True)}
    statements.set_nicknames(tx, given, now)


def new_row(
    product_id: int, name: str, nickname: str | None, secret: str, *, box: SecretBox, now: int
) -> dict[str, Any]:
    """The values of a device that is to be inserted."""
    return {
        "product_id": product_id,
        "name": name,
        "nickname": nickname,
        "iot_id": identifiers.iot_id(),
        "secret_sealed": box.seal(secret),
        "status_at": now,
        "created_at": now,
        "modified_at": now,
    }


def is_nickname(text: str) -> bool:
    """True for a nickname that a registration may give."""
    return names.is_title(text, most=_LONGEST_NICKNAME)

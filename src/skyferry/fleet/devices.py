"""Devices: how they are registered, one by one or by the thousand, and how they are found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import names
from skyferry.keys import SecretBox
from skyferry.store import devices as statements
from skyferry.store.devices import BatchRecord, DeviceRecord
from skyferry.store.products import ProductRecord

MOST_IN_BATCH: Final = 10_000
_LONGEST_NICKNAME: Final = 64


class DeviceStatus(StrEnum):
    """What a device's state is called (control-plane reference §9.3)."""

    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    UNACTIVE = "UNACTIVE"
    DISABLE = "DISABLE"


class BatchStatus(StrEnum):
    """State of an asynchronous registration (control-plane reference §9.2)."""

    CREATE = "CREATE"
    CREATE_SUCCESS = "CREATE_SUCCESS"


@dataclass(frozen=True, slots=True)
class DeviceReference:
    """How a request names a device: by IotId, which wins, or by product and name together."""

    iot_id: str | None
    product_key: str | None
    device_name: str | None


def status_of(device: DeviceRecord) -> DeviceStatus:
    """The state of a device."""
    if device.disabled:
        return DeviceStatus.DISABLE
    if device.connection_id is not None:
        return DeviceStatus.ONLINE
    return DeviceStatus.UNACTIVE if device.activated_at is None else DeviceStatus.OFFLINE


def find(tx: Connection, instance_id: int, reference: DeviceReference) -> DeviceRecord:
    """The device that a request names.

    Raises:
        ApiError: it names none, or one that does not exist.
    """
    if reference.iot_id:
        device = statements.find_by_iot_id(tx, instance_id, reference.iot_id)
        if device is None:
            raise ApiError(codes.INVALID_IOT_ID)
        return device
    if not reference.product_key or not reference.device_name:
        raise ApiError(codes.NULL_DEVICE_NAME)
    device = statements.find(tx, instance_id, reference.product_key, reference.device_name)
    if device is None:
        raise ApiError(codes.NOT_EXISTED_DEVICE)
    return device


def register(
    tx: Connection, product: ProductRecord, name: str | None, nickname: str | None, *, box: SecretBox, now: int
) -> tuple[DeviceRecord, str]:
    """Makes a device and returns it with its secret. Without a name it gets a random one.

    Raises:
        ApiError: a bad name or nickname, or a name that is taken.
    """
    if name is not None and not names.is_device_name(name):
        raise ApiError(codes.INVALID_FORMATTED_DEVICE_NAME)
    if nickname is not None and not names.is_title(nickname, most=_LONGEST_NICKNAME):
        raise ApiError(codes.INVALID_DEVICE_NICKNAME)
    secret = identifiers.device_secret()
    values = _new(product.id, name or identifiers.device_name(), secret, box, now)
    values["nickname"] = nickname
    if statements.ids_by_name(tx, product.id, [values["name"]]):
        raise ApiError(codes.ALREADY_EXISTED_DEVICE_NAME)
    statements.insert(tx, [values])
    device = statements.find(tx, product.instance_id, product.product_key, values["name"])
    if device is None:
        raise RuntimeError("A device that was registered in this transaction is gone.")
    return device, secret


def start_batch(tx: Connection, product: ProductRecord, wanted: int, *, now: int) -> int:
    """Notes that a number of devices is to be made, and returns the ApplyId. A worker makes them.

    Raises:
        ApiError: a number that is not allowed.
    """
    if not 1 <= wanted <= MOST_IN_BATCH:
        raise ApiError(codes.DEVICE_APPLY_MANY_FAILED)
    return statements.insert_batch(
        tx,
        instance_id=product.instance_id,
        product_id=product.id,
        wanted=wanted,
        status=BatchStatus.CREATE,
        created_at=now,
    )


def continue_batch(tx: Connection, *, box: SecretBox, now: int, most: int) -> bool:
    """Makes up to `most` devices of the oldest unfinished registration; False when there is none."""
    batch = statements.next_batch(tx, BatchStatus.CREATE)
    if batch is None:
        return False
    missing = batch.wanted - statements.count_of_batch(tx, batch.id)
    portion = min(missing, most)
    if portion > 0:
        statements.insert(
            tx,
            [
                _new(batch.product_id, identifiers.device_name(), identifiers.device_secret(), box, now)
                | {"batch_id": batch.id}
                for _ in range(portion)
            ],
        )
    if portion == missing:
        statements.set_batch_status(tx, batch.id, old=BatchStatus.CREATE, new=BatchStatus.CREATE_SUCCESS)
    return True


def find_batch(tx: Connection, instance_id: int, apply_id: int) -> BatchRecord:
    """The registration of this ApplyId.

    Raises:
        ApiError: the instance has none.
    """
    batch = statements.find_batch(tx, instance_id, apply_id)
    if batch is None:
        raise ApiError(codes.DEVICE_APPLY_IS_NOT_FOUND)
    return batch


def _new(product_id: int, name: str, secret: str, box: SecretBox, now: int) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "name": name,
        "iot_id": identifiers.iot_id(),
        "secret_sealed": box.seal(secret),
        "status_at": now,
        "created_at": now,
        "modified_at": now,
    }

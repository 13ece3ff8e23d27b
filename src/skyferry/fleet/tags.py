"""Tags of devices: keys and values that applications give them (control-plane reference §9.5)."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.store import tags as statements
from skyferry.store.tags import HIDDEN_KEY, TaggedDevice

MOST_TAGS: Final = 100
MOST_BYTES: Final = 5 * 1024
MOST_SEARCHED: Final = 10
_UNSTORABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BOOLEANS: Final = {True: "true", False: "false"}


def read(text: str) -> Mapping[str, str]:
    """The tags in the JSON object that SaveDeviceProp takes. Numbers and booleans are taken as they are written.

    Raises:
        ApiError: it is no such object, too long, or has too many members.
    """
    if len(text.encode()) > MOST_BYTES:
        raise ApiError(codes.LONG_DEVICE_PROPERTIES_STRING)
    if not text.strip():
        raise ApiError(codes.NULL_DEVICE_PROPERTIES_STRING)
    try:
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ApiError(codes.INVALID_FORMATTED_DEVICE_PROPERTIES_STRING) from None
    if not isinstance(found, dict):
        raise ApiError(codes.INVALID_FORMATTED_DEVICE_PROPERTIES_STRING)
    if not found:
        raise ApiError(codes.NULL_DEVICE_PROPERTIES_STRING)
    if len(found) > MOST_TAGS:
        raise ApiError(codes.TOO_MANY_DEVICE_PROPERTIES_PER_TIME)
    for key in found:
        if not key.strip():
            raise ApiError(codes.NULL_DEVICE_PROPERTY_KEY, "The key of a tag is empty.")
        if _UNSTORABLE.search(key):
            raise ApiError(codes.INVALID_FORMATTED_DEVICE_PROPERTY_KEY)
    return {key: _value(value) for key, value in found.items()}


def save(tx: Connection, instance_id: int, reference: DeviceReference, tags: Mapping[str, str]) -> None:
    """Gives a device tags; those of the same keys are overwritten.

    Raises:
        ApiError: the device does not exist, or would have too many.
    """
    device = devices.find_held(tx, instance_id, reference)
    if len(statements.of_device(tx, device.id).keys() | tags.keys()) > MOST_TAGS:
        raise ApiError(codes.TOO_MANY_DEVICE_PROPERTIES_PER_TIME, f"A device has at most {MOST_TAGS} tags.")
    statements.put(tx, instance_id, device.id, tags)


def of_device(tx: Connection, instance_id: int, reference: DeviceReference) -> Mapping[str, str]:
    """The tags of a device that a query may tell.

    Raises:
        ApiError: the device does not exist.
    """
    tags = statements.of_device(tx, devices.find(tx, instance_id, reference).id)
    return {key: value for key, value in tags.items() if key != HIDDEN_KEY}


def remove(tx: Connection, instance_id: int, reference: DeviceReference, key: str) -> None:
    """Takes a tag away from a device, if it has one of this key.

    Raises:
        ApiError: no key is named, or the device does not exist.
    """
    if not key.strip():
        raise ApiError(codes.NULL_DEVICE_PROPERTY_KEY)
    statements.remove(tx, devices.find(tx, instance_id, reference).id, key)


def search(
    tx: Connection, instance_id: int, tags: Sequence[tuple[str, str]], *, offset: int, limit: int
) -> tuple[int, Sequence[TaggedDevice]]:
    """How many devices have all of the tags, and a page of them, newest first.

    Raises:
        ApiError: no tag is named, or too many are.
    """
    if not tags or not all(key.strip() for key, _ in tags):
        raise ApiError(codes.NULL_DEVICE_PROPERTY_KEY)
    if len(tags) > MOST_SEARCHED:
        raise ApiError(codes.TOO_MANY_DEVICE_PROPERTIES_PER_TIME, f"A search is for at most {MOST_SEARCHED} tags.")
    if HIDDEN_KEY in dict(tags):
        return 0, []
    return statements.count(tx, instance_id, tags), statements.page(tx, instance_id, tags, offset=offset, limit=limit)


def _value(found: Any) -> str:
    if isinstance(found, bool):
        return _BOOLEANS[found]
    if not isinstance(found, str) or not found.strip() or _UNSTORABLE.search(found):
        raise ApiError(codes.INVALID_FORMATTED_DEVICE_PROPERTIES_STRING, "The values of tags are texts, not empty.")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)

"""Attributes that devices report of themselves (hawkBit's configData), within hawkBit's own limits."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from skyferry.store import attributes as statements

MOST_ATTRIBUTES: Final = 100
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 128


class UpdateMode(StrEnum):
    """What a report does to the attributes that are known."""

    MERGE = "merge"
    """The reported ones are set, the others stay."""
    REPLACE = "replace"
    """Only the reported ones are left."""
    REMOVE = "remove"
    """The reported ones are taken away, whatever their values."""


class TooManyAttributesError(Exception):
    """The device would have more attributes than it may; nothing was changed."""


def are_storable(values: Mapping[str, str]) -> bool:
    """True when keys and values have lengths that may be kept."""
    return all(1 <= len(key) <= LONGEST_KEY and len(value) <= LONGEST_VALUE for key, value in values.items())


def report(tx: Connection, device_id: int, mode: UpdateMode, values: Mapping[str, str]) -> None:
    """Stores what a device reports.

    Raises:
        TooManyAttributesError: it would have more than `MOST_ATTRIBUTES`.
    """
    known = statements.of_device(tx, device_id)
    if mode is UpdateMode.REMOVE:
        statements.remove(tx, device_id, [key for key in values if key in known])
        return
    kept = {} if mode is UpdateMode.REPLACE else known
    if len({**kept, **values}) > MOST_ATTRIBUTES:
        raise TooManyAttributesError
    if mode is UpdateMode.REPLACE:
        statements.remove(tx, device_id, [key for key in known if key not in values])
    changed = {key: value for key, value in values.items() if known.get(key) != value}
    if changed:
        statements.put(tx, device_id, changed)

"""Statements on what devices say of themselves: presence and module versions.

What every batch of reports runs is put together once: building a statement costs more than running it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from skyferry.store import rows
from skyferry.store.dialect import Upsert, begins_with, upserting_in
from skyferry.store.tables import devices, module_versions


@dataclass(frozen=True, slots=True)
class Arrival:
    """A device came online."""

    device_id: int
    connection_id: str
    address: str
    at: int


@dataclass(frozen=True, slots=True)
class Departure:
    """A connection of a device ended."""

    device_id: int
    connection_id: str
    at: int


@dataclass(frozen=True, slots=True)
class ReportedVersion:
    """A device runs this version of a module."""

    device_id: int
    module: str
    version: str
    at: int


_NOTE_ARRIVALS: Final = (
    update(devices)
    .where(devices.c.id == bindparam("device"))
    .values(
        connection_id=bindparam("connection"),
        address=bindparam("source"),
        online_at=bindparam("at"),
        status_at=bindparam("at"),
        activated_at=func.coalesce(devices.c.activated_at, bindparam("at")),
    )
)


def note_arrivals(tx: Connection, arrivals: Sequence[Arrival]) -> None:
    """Marks devices online, on their newest connection."""
    tx.execute(
        _NOTE_ARRIVALS,
        [
            {"device": item.device_id, "connection": item.connection_id, "source": item.address, "at": item.at}
            for item in arrivals
        ],
    )


_NOTE_DEPARTURES: Final = (
    update(devices)
    .where(devices.c.id == bindparam("device"), devices.c.connection_id == bindparam("connection"))
    .values(connection_id=None, status_at=bindparam("at"))
)


def note_departures(tx: Connection, departures: Sequence[Departure]) -> None:
    """Marks devices offline, unless they have a newer connection."""
    tx.execute(
        _NOTE_DEPARTURES,
        [{"device": item.device_id, "connection": item.connection_id, "at": item.at} for item in departures],
    )


def forget_some_connections(tx: Connection, now: int, *, after: int, limit: int) -> Sequence[int]:
    """Marks up to `limit` devices with a key above `after` offline, and gives their keys."""
    online = (
        select(devices.c.id)
        .where(devices.c.id > after, devices.c.connection_id.is_not(None))
        .order_by(devices.c.id)
        .limit(limit)
    )
    statement = (
        update(devices)
        .where(devices.c.id.in_(online.subquery().select()))
        .values(connection_id=None, status_at=now)
        .returning(devices.c.id)
    )
    return sorted(tx.execute(statement).scalars())


def forget_connections(tx: Connection, now: int) -> int:
    """Marks every device offline and tells how many were online: the connections of a stopped server are gone."""
    statement = update(devices).where(devices.c.connection_id.is_not(None)).values(connection_id=None, status_at=now)
    return tx.execute(statement).rowcount


def connections_of(tx: Connection, device_ids: Collection[int]) -> dict[int, str]:
    """The connections of devices; those that have none are absent."""
    found: dict[int, str] = {}
    for chunk in rows.chunks(device_ids):
        statement = select(devices.c.id, devices.c.connection_id).where(
            devices.c.id.in_(chunk), devices.c.connection_id.is_not(None)
        )
        found.update((device_id, connection_id) for device_id, connection_id in tx.execute(statement))
    return found


def connections_named(tx: Connection, prefix: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
    """Devices with a connection whose name begins so, and that name: up to `limit` with a key above `after`."""
    statement = (
        select(devices.c.id, devices.c.connection_id)
        .where(devices.c.id > after, devices.c.connection_id.is_not(None), begins_with(devices.c.connection_id, prefix))
        .order_by(devices.c.id)
        .limit(limit)
    )
    return [(device_id, connection_id) for device_id, connection_id in tx.execute(statement)]


@dataclass(frozen=True, slots=True)
class DevicePresence:
    """A device's product, when its connection began, whether it still stands, and whether there may be one."""

    id: int
    product_id: int
    online_at: int | None
    connection_id: str | None
    disabled: bool


_OF_DEVICES: Final = select(*rows.columns(DevicePresence, devices)).where(
    devices.c.id.in_(bindparam("device_ids", expanding=True))
)


def of_devices(tx: Connection, device_ids: Collection[int]) -> dict[int, DevicePresence]:
    """The presence of devices; devices that do not exist any more are absent."""
    found: dict[int, DevicePresence] = {}
    for chunk in rows.chunks(device_ids):
        result = tx.execute(_OF_DEVICES, {"device_ids": chunk})
        found.update((item.id, item) for item in rows.all_of(DevicePresence, result))
    return found


_VERSIONS_OF: Final = select(module_versions.c.device_id, module_versions.c.module, module_versions.c.version).where(
    module_versions.c.device_id.in_(bindparam("device_ids", expanding=True))
)


def versions_of(tx: Connection, device_ids: Collection[int]) -> dict[tuple[int, str], str]:
    """The versions of devices as last reported, by device and module."""
    found: dict[tuple[int, str], str] = {}
    for chunk in rows.chunks(device_ids):
        result = tx.execute(_VERSIONS_OF, {"device_ids": chunk})
        found.update(((device_id, module), version) for device_id, module, version in result)
    return found


@cache
def _noting_versions(dialect: str) -> Upsert:
    statement = upserting_in(dialect, module_versions)
    return statement.on_conflict_do_update(
        index_elements=[module_versions.c.device_id, module_versions.c.module],
        set_={"version": statement.excluded.version, "reported_at": statement.excluded.reported_at},
    )


def note_versions(tx: Connection, versions: Sequence[ReportedVersion]) -> None:
    """Writes reported versions; each device and module occurs once."""
    tx.execute(
        _noting_versions(tx.dialect.name),
        [
            {"device_id": item.device_id, "module": item.module, "version": item.version, "reported_at": item.at}
            for item in versions
        ],
    )

"""Statements on devices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows, statistics
from skyferry.store.tables import DeviceState, device_counts, devices, module_versions, product_is_kept, products


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A row of `devices`."""

    id: int
    product_id: int
    name: str
    iot_id: str
    secret_sealed: bytes
    nickname: str | None
    state: int
    address: str | None
    activated_at: int | None
    online_at: int | None
    status_at: int
    created_at: int
    modified_at: int


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """How many devices there are, how many of them were ever online, and how many are."""

    devices: int
    activated: int
    online: int


_COLUMNS = rows.columns(DeviceRecord, devices)
_NEVER_ONLINE: Final = (DeviceState.UNACTIVE, DeviceState.DISABLED_UNACTIVE)
STATISTICS: Final = (
    func.count(),
    func.count().filter(devices.c.state.not_in(_NEVER_ONLINE)),
    func.count().filter(devices.c.state == DeviceState.ONLINE),
)
"""What a `DeviceStatistics` is selected by, from `devices`."""


def insert(tx: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Adds devices.

    Raises:
        sqlalchemy.exc.IntegrityError: a name is taken in its product.
    """
    tx.execute(devices.insert(), list(values))


def of_iot_ids(tx: Connection, instance_id: int, iot_ids: Collection[str]) -> Sequence[DeviceRecord]:
    """The devices of these IotIds; unknown ones are absent."""
    if not iot_ids:
        return ()
    # In a form that no index over products serves: without statistics SQLite takes an instance's products for a
    # handful of devices and would read all of them.
    statement = (
        select(*_COLUMNS)
        .join(products, devices.c.product_id + 0 == products.c.id)
        .where(devices.c.iot_id.in_(iot_ids), products.c.instance_id == instance_id, product_is_kept)
    )
    return rows.all_of(DeviceRecord, tx.execute(statement))


def of_names(tx: Connection, instance_id: int, product_key: str, names: Collection[str]) -> Sequence[DeviceRecord]:
    """The devices of these names in the product; unknown ones are absent."""
    statement = (
        select(*_COLUMNS)
        .join(products, devices.c.product_id == products.c.id)
        .where(
            products.c.product_key == product_key,
            products.c.instance_id == instance_id,
            product_is_kept,
            devices.c.name.in_(names),
        )
    )
    return rows.all_of(DeviceRecord, tx.execute(statement))


_IDS_BY_NAME: Final = select(devices.c.name, devices.c.id).where(
    devices.c.product_id == bindparam("product"), devices.c.name.in_(bindparam("names", expanding=True))
)


def ids_by_name(tx: Connection, product_id: int, names: Sequence[str]) -> dict[str, int]:
    """The keys of the named devices; unknown names are absent."""
    found: dict[str, int] = {}
    for chunk in rows.chunks(names):
        found.update((name, key) for name, key in tx.execute(_IDS_BY_NAME, {"product": product_id, "names": chunk}))
    return found


def versions_by_name(
    tx: Connection, product_id: int, names: Sequence[str], module: str
) -> dict[str, tuple[int, str | None]]:
    """Key and version of a module of named devices: None where none was reported; unknown names are absent."""
    same_module = (module_versions.c.device_id == devices.c.id) & (module_versions.c.module == module)
    statement = (
        select(devices.c.name, devices.c.id, module_versions.c.version)
        .select_from(devices.outerjoin(module_versions, same_module))
        .where(devices.c.product_id == product_id, devices.c.name.in_(names))
        .order_by(devices.c.id)
    )
    return {name: (key, version) for name, key, version in tx.execute(statement)}


def count(tx: Connection, product_id: int, *, states: Collection[int] | None = None) -> int:
    """How many devices the product has, in any state or in some."""
    statement = select(func.coalesce(func.sum(device_counts.c.devices), 0))
    statement = statement.where(device_counts.c.product_id == product_id)
    if states is not None:
        statement = statement.where(device_counts.c.state.in_(states))
    return int(tx.execute(statement).scalar_one())


def _in_product(product_id: int, states: Collection[int] | None) -> ColumnElement[bool]:
    matching = devices.c.product_id == product_id
    return matching if states is None else matching & devices.c.state.in_(states)


def statistics_of_product(tx: Connection, product_id: int) -> DeviceStatistics:
    """Counts the devices of a product."""
    return _statistics(tx, device_counts.c.product_id == product_id)


def statistics_of_instance(tx: Connection, instance_id: int) -> DeviceStatistics:
    """Counts the devices of all products of an instance."""
    own = select(products.c.id).where(products.c.instance_id == instance_id, product_is_kept)
    return _statistics(tx, device_counts.c.product_id.in_(own))


def _statistics(tx: Connection, matching: ColumnElement[bool]) -> DeviceStatistics:
    number = func.sum(device_counts.c.devices)
    found = tx.execute(select(device_counts.c.state, number).where(matching).group_by(device_counts.c.state))
    numbers = {state: int(count) for state, count in found}
    return DeviceStatistics(
        devices=sum(numbers.values()),
        activated=sum(count for state, count in numbers.items() if state not in _NEVER_ONLINE),
        online=numbers.get(DeviceState.ONLINE, 0),
    )


def highest_id(tx: Connection, product_id: int) -> int:
    """The key of the product's newest device; 0 when it has none."""
    statement = select(devices.c.id).where(devices.c.product_id == product_id).order_by(devices.c.id.desc()).limit(1)
    return tx.execute(statement).scalar() or 0


def page(
    tx: Connection,
    product_id: int,
    *,
    limit: int,
    offset: int = 0,
    before: int | None = None,
    states: Collection[int] | None = None,
) -> Sequence[DeviceRecord]:
    """Devices of the product, newest first; `before` goes on after the device of that key."""
    statement = select(*_COLUMNS).where(_in_product(product_id, states))
    if before is not None:
        statement = statement.where(devices.c.id < before)
    statement = statement.order_by(devices.c.id.desc()).offset(offset).limit(limit)
    return rows.all_of(DeviceRecord, tx.execute(statement))


def module_version(tx: Connection, device_id: int, module: str) -> str | None:
    """The version of a module as the device last reported it."""
    statement = select(module_versions.c.version).where(
        module_versions.c.device_id == device_id, module_versions.c.module == module
    )
    return tx.execute(statement).scalar()


def set_disabled(tx: Connection, device_id: int, *, disabled: bool, now: int) -> bool:
    """Forbids or allows a device to log in; False when that is how it was."""
    statement = (
        update(devices)
        .where(devices.c.id == device_id, devices.c.disabled != disabled)
        .values(disabled=disabled, status_at=now, modified_at=now)
    )
    return tx.execute(statement).rowcount == 1


def set_nicknames(tx: Connection, nicknames: Mapping[int, str | None], now: int) -> None:
    """Gives devices, by their keys, nicknames; None takes one away."""
    statement = (
        update(devices)
        .where(devices.c.id == bindparam("device"))
        .values(nickname=bindparam("given"), modified_at=bindparam("now"))
    )
    tx.execute(statement, [{"device": key, "given": text, "now": now} for key, text in nicknames.items()])


def hold(tx: Connection, device_id: int) -> bool:
    """Locks a device's row until the transaction ends, so that nothing new refers to it; False when it is gone."""
    return tx.execute(select(devices.c.id).where(devices.c.id == device_id).with_for_update()).first() is not None


def keep(tx: Connection, device_ids: Collection[int]) -> set[int]:
    """Keeps devices from being removed until the transaction ends, and tells which of them there are.

    For a transaction that sees what others commit. Whoever is about to remove one of the devices waits and begins anew,
    with what was made for it in sight: a row that was locked and not changed would let that go on without. Writers of
    SQLite take turns.
    """
    if tx.dialect.name != "postgresql":
        return set(device_ids)
    kept = update(devices).where(devices.c.id.in_(device_ids)).values(modified_at=devices.c.modified_at)
    return set(tx.execute(kept.returning(devices.c.id)).scalars())


def remove(tx: Connection, device_id: int) -> bool:
    """Removes a device with its tasks, versions, tags and memberships; False when it is gone already."""
    statistics.forget_versions_of(tx, device_id)
    return tx.execute(delete(devices).where(devices.c.id == device_id)).rowcount == 1

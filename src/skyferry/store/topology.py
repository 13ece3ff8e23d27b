"""Statements on which sub-devices are behind which gateway."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from skyferry.store import rows
from skyferry.store.devices import DeviceRecord
from skyferry.store.dialect import upserting
from skyferry.store.tables import devices, product_is_kept, products, topology


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """A device that wants to be a gateway."""

    id: int
    instance_id: int
    node_type: int


@dataclass(frozen=True, slots=True)
class SubDeviceRecord:
    """A device that a gateway speaks of; `gateway_id` is the gateway that it is behind, if any."""

    id: int
    product_key: str
    name: str
    secret_sealed: bytes
    disabled: bool
    gateway_id: int | None


@dataclass(frozen=True, slots=True)
class ListedSubDevice:
    """A sub-device of a gateway."""

    id: int
    product_key: str
    name: str
    iot_id: str


_SUBDEVICE_COLUMNS = rows.columns(SubDeviceRecord, devices, products, topology)
_LISTED_COLUMNS = rows.columns(ListedSubDevice, devices, products)


def gateways(tx: Connection, device_ids: Collection[int]) -> dict[int, GatewayRecord]:
    """What decides whether devices may be gateways, and of what; devices that are gone are absent."""
    statement = (
        select(*rows.columns(GatewayRecord, devices, products))
        .join(products, devices.c.product_id == products.c.id)
        .where(devices.c.id.in_(device_ids), product_is_kept)
    )
    return {record.id: record for record in rows.all_of(GatewayRecord, tx.execute(statement))}


def subdevices(tx: Connection, instance_id: int, product_key: str, names: Collection[str]) -> Sequence[SubDeviceRecord]:
    """The named devices of a product of the instance; unknown ones are absent."""
    statement = (
        select(*_SUBDEVICE_COLUMNS)
        .select_from(devices)
        .join(products, devices.c.product_id == products.c.id)
        .outerjoin(topology, topology.c.device_id == devices.c.id)
        .where(
            products.c.product_key == product_key,
            products.c.instance_id == instance_id,
            product_is_kept,
            devices.c.name.in_(names),
        )
    )
    return rows.all_of(SubDeviceRecord, tx.execute(statement))


def hold(tx: Connection, device_ids: Collection[int]) -> set[int]:
    """Locks the rows of devices until the transaction ends and gives the keys of those that exist."""
    found: set[int] = set()
    for chunk in rows.chunks(sorted(device_ids)):
        statement = select(devices.c.id).where(devices.c.id.in_(chunk)).order_by(devices.c.id).with_for_update()
        found.update(tx.execute(statement).scalars())
    return found


def gateways_of(tx: Connection, device_ids: Collection[int]) -> dict[int, int]:
    """The gateways of sub-devices, by their keys; devices behind no gateway are absent."""
    statement = select(topology.c.device_id, topology.c.gateway_id).where(topology.c.device_id.in_(device_ids))
    return dict(tx.execute(statement).all())


def count(tx: Connection, gateway_id: int) -> int:
    """How many sub-devices the gateway has."""
    statement = select(func.count()).select_from(topology).where(topology.c.gateway_id == gateway_id)
    return tx.execute(statement).scalar_one()


def attach(tx: Connection, gateway_id: int, device_ids: Collection[int], *, now: int) -> None:
    """Puts devices behind a gateway, wherever they were."""
    statement = upserting(tx, topology)
    statement = statement.on_conflict_do_update(
        index_elements=[topology.c.device_id],
        set_={"gateway_id": statement.excluded.gateway_id, "created_at": statement.excluded.created_at},
    )
    tx.execute(
        statement, [{"device_id": key, "gateway_id": gateway_id, "created_at": now} for key in sorted(device_ids)]
    )


def detach(tx: Connection, gateway_id: int, device_ids: Collection[int]) -> Sequence[int]:
    """Takes devices away from a gateway and gives the keys of those that were behind it."""
    statement = (
        delete(topology)
        .where(topology.c.gateway_id == gateway_id, topology.c.device_id.in_(device_ids))
        .returning(topology.c.device_id)
    )
    return sorted(tx.execute(statement).scalars())


def page(tx: Connection, gateway_id: int, *, offset: int, limit: int) -> Sequence[ListedSubDevice]:
    """Sub-devices of a gateway, in the order of their keys."""
    statement = (
        select(*_LISTED_COLUMNS)
        .select_from(topology)
        .join(devices, topology.c.device_id == devices.c.id)
        .join(products, devices.c.product_id == products.c.id)
        .where(topology.c.gateway_id == gateway_id, product_is_kept)
        .order_by(topology.c.device_id)
        .offset(offset)
        .limit(limit)
    )
    return rows.all_of(ListedSubDevice, tx.execute(statement))


def listed(tx: Connection, device_ids: Collection[int]) -> Sequence[ListedSubDevice]:
    """What gateways are told of devices, in the order of their keys."""
    found: list[ListedSubDevice] = []
    for chunk in rows.chunks(sorted(device_ids)):
        statement = (
            select(*_LISTED_COLUMNS)
            .join(products, devices.c.product_id == products.c.id)
            .where(devices.c.id.in_(chunk))
            .order_by(devices.c.id)
        )
        found += rows.all_of(ListedSubDevice, tx.execute(statement))
    return found


def gateway_of(tx: Connection, device_id: int) -> DeviceRecord | None:
    """The gateway that a device is behind."""
    statement = (
        select(*rows.columns(DeviceRecord, devices))
        .join(topology, topology.c.gateway_id == devices.c.id)
        .where(topology.c.device_id == device_id)
    )
    return rows.one_of(DeviceRecord, tx.execute(statement))

"""What an application does to topologies, and what gateways are told of it (device-plane reference §2.10)."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.bus.messages import SubDevicesDetached, TellGateway, TopologyChange
from skyferry.errors import ApiError
from skyferry.fleet import devices, topology
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.proofs import Proof, ProofError, read_proof
from skyferry.fleet.topology import GATEWAY, Attachable, Attachment
from skyferry.keys import SecretBox
from skyferry.store import products as product_statements
from skyferry.store import topology as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord
from skyferry.store.topology import ListedSubDevice

MOST_ADDED: Final = 10
"""Sub-devices of one BatchAddThingTopo."""

Told = SubDevicesDetached | TellGateway


def find_gateway(tx: Connection, instance_id: int, reference: DeviceReference) -> DeviceRecord:
    """The gateway that a request names.

    Raises:
        ApiError: it names none, or a device that is no gateway.
    """
    device = devices.find(tx, instance_id, reference)
    if product_statements.by_id(tx, device.product_id).node_type != GATEWAY:
        raise ApiError(
            codes.QUERY_TOPO_RELATION_FAILED,
            f"The device {device.name} is no gateway: the NodeType of its product is not 1.",
        )
    return device


def page(
    tx: Connection, instance_id: int, reference: DeviceReference, *, offset: int, limit: int
) -> tuple[int, Sequence[ListedSubDevice]]:
    """How many sub-devices a gateway has, and some of them.

    Raises:
        ApiError: no such gateway.
    """
    gateway = find_gateway(tx, instance_id, reference)
    return statements.count(tx, gateway.id), statements.page(tx, gateway.id, offset=offset, limit=limit)


def gateway_of(tx: Connection, instance_id: int, reference: DeviceReference) -> tuple[DeviceRecord, ProductRecord]:
    """The gateway that a sub-device is behind, with its product.

    Raises:
        ApiError: no such device, or one that is behind no gateway.
    """
    device = devices.find(tx, instance_id, reference)
    gateway = statements.gateway_of(tx, device.id)
    if gateway is None:
        raise ApiError(codes.QUERY_TOPO_RELATION_FAILED, f"The device {device.name} is behind no gateway.")
    return gateway, product_statements.by_id(tx, gateway.product_id)


def remove(tx: Connection, instance_id: int, reference: DeviceReference) -> Sequence[Told]:
    """Takes all sub-devices from a gateway, or a sub-device from its gateway; gives what gateways are to be told.

    Raises:
        ApiError: no such device, or one that has no sub-devices and is behind no gateway.
    """
    device = devices.find(tx, instance_id, reference)
    told = release(tx, device.id)
    if told:
        return told
    gateway_id = statements.gateways_of(tx, [device.id]).get(device.id)
    if gateway_id is None:
        text = f"The device {device.name} has no sub-devices and is behind no gateway."
        raise ApiError(codes.REMOVE_TOPO_RELATION_FAILED, text)
    return _detached(tx, gateway_id, statements.listed(tx, [device.id]))


def release(tx: Connection, gateway_id: int) -> Sequence[Told]:
    """Takes all sub-devices from a gateway; gives what gateways are to be told, nothing when it had none."""
    listed = topology.subdevices_of(tx, gateway_id)
    return _detached(tx, gateway_id, listed) if listed else ()


def add(
    tx: Connection,
    instance_id: int,
    gateway_reference: DeviceReference,
    said: Sequence[Mapping[str, object]],
    *,
    box: SecretBox,
    now: int,
) -> Sequence[Told]:
    """Puts sub-devices behind a gateway, all or none, and gives what gateways are to be told.

    Raises:
        ApiError: no such gateway or sub-device, a signature that is wrong, or too many sub-devices.
    """
    if not 1 <= len(said) <= MOST_ADDED:
        raise ApiError(codes.PARAMETER_IS_NOT_LESS_THAN_MAX, f"TopoAddItem holds 1 to {MOST_ADDED} sub-devices.")
    proofs = [_proof(fields) for fields in said]
    gateway = devices.find(tx, instance_id, gateway_reference)
    references = [DeviceReference(None, *_names(proof)) for proof in proofs]
    found = devices.find_all(tx, instance_id, references)
    for proof, device in zip(proofs, found, strict=True):
        if not proof.is_right(box.open(device.secret_sealed)):
            raise ApiError(codes.VERIFY_DEVICE_FAILED, f"Sign {device.name} with its DeviceSecret: Sign is wrong.")
        if device.id == gateway.id:
            raise ApiError(codes.ADD_TOPO_RELATION_FAILED, "A gateway is no sub-device of itself.")
    if product_statements.by_id(tx, gateway.product_id).node_type != GATEWAY:
        text = f"The device {gateway.name} is no gateway: the NodeType of its product is not 1."
        raise ApiError(codes.ADD_TOPO_RELATION_FAILED, text)
    attachment = Attachment(gateway.id, frozenset(device.id for device in found))
    [attached] = topology.attach(tx, [attachment], now=now, most=topology.MOST_SUBDEVICES)
    if attached.attachable is Attachable.FULL:
        text = f"A gateway has {topology.MOST_SUBDEVICES} sub-devices at most."
        raise ApiError(codes.TOPO_RELATION_COUNT_EXCEEDED, text)
    if attached.attachable is Attachable.GONE:
        raise ApiError(codes.NOT_EXISTED_DEVICE)
    listed = {item.id: item for item in statements.listed(tx, list(attachment.device_ids))}
    told: list[Told] = []
    for former, keys in attached.left.items():
        told += _left(former, [listed[key] for key in sorted(keys)])
    return [*told, _tell(gateway.id, TopologyChange.ADDED, [listed[device.id] for device in found])]


def ask_to_add(
    tx: Connection, instance_id: int, gateway_reference: DeviceReference, wanted: Sequence[DeviceReference]
) -> TellGateway:
    """Lets a gateway be asked to add sub-devices itself.

    Raises:
        ApiError: no such gateway or sub-device, or none named.
    """
    if not 1 <= len(wanted) <= MOST_ADDED:
        raise ApiError(codes.PARAMETER_IS_NOT_LESS_THAN_MAX, f"DeviceListStr names 1 to {MOST_ADDED} sub-devices.")
    gateway = find_gateway(tx, instance_id, gateway_reference)
    found = devices.find_all(tx, instance_id, wanted)
    return _tell(gateway.id, None, statements.listed(tx, [device.id for device in found]))


def told_of(tx: Connection, device_id: int, change: TopologyChange) -> Sequence[TellGateway]:
    """What the gateway of a device is to be told when the device is disabled, enabled or deleted; mostly nothing."""
    gateway_id = statements.gateways_of(tx, [device_id]).get(device_id)
    if gateway_id is None:
        return ()
    return [_tell(gateway_id, change, statements.listed(tx, [device_id]))]


def _detached(tx: Connection, gateway_id: int, listed: Sequence[ListedSubDevice]) -> Sequence[Told]:
    removed = set(topology.detach(tx, gateway_id, [item.id for item in listed]))
    return _left(gateway_id, [item for item in listed if item.id in removed])


def _left(gateway_id: int, listed: Sequence[ListedSubDevice]) -> Sequence[Told]:
    detached = SubDevicesDetached(gateway_id, tuple(item.id for item in listed))
    return [detached, _tell(gateway_id, TopologyChange.REMOVED, listed)]


def _tell(gateway_id: int, change: TopologyChange | None, listed: Sequence[ListedSubDevice]) -> TellGateway:
    names = tuple((item.product_key, item.name) for item in listed)
    return TellGateway(gateway_id, change, names, identifiers.downlink_id())


def _proof(fields: Mapping[str, object]) -> Proof:
    try:
        return read_proof(fields)
    except ProofError as error:
        raise ApiError(codes.VERIFY_DEVICE_FAILED, str(error)) from None


def _names(proof: Proof) -> tuple[str, str]:
    return proof.address.product_key, proof.address.device_name

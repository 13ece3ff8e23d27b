"""Sub-devices that get their DeviceSecret through a gateway (device-plane reference §2.10).

The rule is that of devices that register themselves, for devices that were registered before: the product allows it,
and the device was never online or was reset. A gateway is told again what the devices behind it have, whatever the
product says: it had to know the secret to have them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from skyferry.fleet import dynamic_registration, topology
from skyferry.fleet.dynamic_registration import Refusal, Registered, RegistrationLimits, Request
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.proofs import Proof
from skyferry.fleet.topology import SubDevice, SubDeviceQuery
from skyferry.keys import SecretBox
from skyferry.store import topology as statements


class NoGatewayError(Exception):
    """Who asks is no gateway."""


class WrongProofError(Exception):
    """A request is not signed with the ProductSecret.

    Attributes:
        address: the sub-device that it is about.
    """

    def __init__(self, address: DeviceAddress) -> None:
        super().__init__(str(address))
        self.address = address


class RegistrationRefusedError(Exception):
    """A sub-device cannot be registered through this gateway.

    Attributes:
        address: the sub-device.
        refusal: why; None when another gateway has it.
    """

    def __init__(self, address: DeviceAddress, refusal: Refusal | None) -> None:
        super().__init__(str(address))
        self.address = address
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class RegisteredSubDevice:
    """What a gateway is told of a sub-device.

    Attributes:
        address: the sub-device.
        iot_id: its identifier in the API.
        secret: its DeviceSecret.
        ended: the key of its row when what it had before is void, so that nobody may be online with it; None otherwise.
    """

    address: DeviceAddress
    iot_id: str
    secret: str = field(repr=False)
    ended: int | None


def register(
    tx: Connection,
    gateway_id: int,
    addresses: Sequence[DeviceAddress],
    *,
    proofs: Sequence[Proof] = (),
    box: SecretBox,
    now: int,
) -> list[RegisteredSubDevice]:
    """Registers sub-devices, all or, with an error, none.

    Args:
        tx: the transaction; it must be rolled back on an error.
        gateway_id: who asks.
        addresses: the sub-devices, in the order of the answer.
        proofs: for each of them a signature with its product's secret, where that is asked for.
        box: opens and seals secrets.
        now: in milliseconds since the Unix epoch.

    Raises:
        NoGatewayError: who asks is no gateway.
        WrongProofError: a signature is wrong.
        RegistrationRefusedError: a sub-device does not exist in the gateway's instance, or may not register.
    """
    known = _known(tx, gateway_id, addresses, box)
    _check_proofs(tx, proofs, box)
    new = [address for address, device in known.items() if device.gateway_id != gateway_id]
    outcomes = dynamic_registration.register_all(
        tx, [Request(address, unregistered=False) for address in new], box=box, limits=RegistrationLimits(), now=now
    )
    given: dict[DeviceAddress, Registered] = {}
    for address, outcome in zip(new, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            raise RegistrationRefusedError(address, outcome)
        given[address] = outcome
    iot_ids = {item.id: item.iot_id for item in statements.listed(tx, [device.device_id for device in known.values()])}
    return [_told(address, known[address], given.get(address), iot_ids) for address in addresses]


def _known(
    tx: Connection, gateway_id: int, addresses: Sequence[DeviceAddress], box: SecretBox
) -> dict[DeviceAddress, SubDevice]:
    found = topology.find_subdevices(tx, [SubDeviceQuery(gateway_id, address) for address in addresses], box)
    known: dict[DeviceAddress, SubDevice] = {}
    for address, each in zip(addresses, found, strict=True):
        if not each.by_gateway:
            raise NoGatewayError
        if each.subdevice is None:
            raise RegistrationRefusedError(address, Refusal.UNKNOWN_DEVICE)
        if each.subdevice.disabled:
            raise RegistrationRefusedError(address, Refusal.DISABLED)
        if each.subdevice.gateway_id not in {None, gateway_id}:
            raise RegistrationRefusedError(address, None)
        known[address] = each.subdevice
    return known


def _check_proofs(tx: Connection, proofs: Sequence[Proof], box: SecretBox) -> None:
    secrets = dynamic_registration.find_secrets(tx, [proof.address.product_key for proof in proofs], box)
    for proof, secret in zip(proofs, secrets, strict=True):
        if secret is None or not proof.is_right(secret):
            raise WrongProofError(proof.address)


def _told(
    address: DeviceAddress, device: SubDevice, given: Registered | None, iot_ids: Mapping[int, str]
) -> RegisteredSubDevice:
    secret = device.secret if given is None else given.credential
    assert isinstance(secret, str), "a registered device asked for a secret"
    ended = None if given is None else given.device_id
    return RegisteredSubDevice(address, iot_ids[device.device_id], secret, ended)

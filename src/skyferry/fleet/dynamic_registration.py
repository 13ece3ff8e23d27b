"""Devices that register themselves with the ProductSecret that all devices of a product share (§1.8).

Whoever has the ProductSecret can register any device of the product that was never online: that is the platform's rule,
and the price of one firmware image for all. A device that was online is safe: it must be reset first. The section is of
the device-plane reference.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.fleet import devices, names
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.logins import DeviceAddress, DeviceToken
from skyferry.fleet.product_settings import DynamicRegistration
from skyferry.keys import SecretBox
from skyferry.store import devices as device_statements
from skyferry.store import dynamic_registration as statements
from skyferry.store import products as product_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.dynamic_registration import CandidateRecord, ProductRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLimits:
    """What devices that register themselves are held to.

    Attributes:
        most_devices: devices of a product; above, no unknown device registers itself.
    """

    most_devices: int = 1_000_000


class Refusal(StrEnum):
    """Why a device may not register."""

    SWITCHED_OFF = "switched_off"
    """The product allows no dynamic registration, or its devices have certificates."""
    UNKNOWN_DEVICE = "unknown_device"
    """The device was not registered before, and the product or the kind of registration asks for that."""
    BAD_NAME = "bad_name"
    DISABLED = "disabled"
    ACTIVATED = "activated"
    """The device was online before and was not reset since."""
    TOO_MANY_DEVICES = "too_many_devices"
    OVERTAKEN = "overtaken"
    """The device asked for the other kind of credential a moment later."""


@dataclass(frozen=True, slots=True)
class Request:
    """A device that has proved to know its product's secret.

    Attributes:
        address: how it names itself.
        unregistered: it may be unknown, and asks for a token; otherwise it asks for a DeviceSecret.
    """

    address: DeviceAddress
    unregistered: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """What a device got: a secret, or clientId and token. What it had before is void."""

    device_id: int
    credential: str | DeviceToken = field(repr=False)
    is_new: bool


Outcome = Registered | Refusal


def find_secrets(tx: Connection, product_keys: Sequence[str], box: SecretBox) -> list[str | None]:
    """Looks up the ProductSecrets of many products at once; None where there is no such product."""
    found = statements.products_of(tx, set(product_keys))
    return [_opened(found[key], box) if key in found else None for key in product_keys]


def register_all(
    tx: Connection, requests: Sequence[Request], *, box: SecretBox, limits: RegistrationLimits, now: int
) -> list[Outcome]:
    """Registers devices, or says for each why not. The same request more than once in a batch has one outcome.

    The requests must have been authenticated. The same device with both kinds of request gets what it asked for last.
    """
    found = statements.products_of(tx, {request.address.product_key for request in requests})
    by_product: defaultdict[str, dict[str, Request]] = defaultdict(dict)
    for request in requests:
        by_product[request.address.product_key][request.address.device_name] = request
    outcomes: dict[Request, Outcome] = {}
    for product_key, wanted in by_product.items():
        batch = _Batch(tx, found.get(product_key), box, limits, now)
        outcomes |= batch.register(wanted)
    return [outcomes.get(request, Refusal.OVERTAKEN) for request in requests]


def reset(tx: Connection, instance_id: int, reference: DeviceReference, *, now: int) -> int:
    """Lets a device register itself once more, and returns its key. The right ends when it registers or logs in.

    What it logs in with stays valid until then, as on the platform: only a registration makes something new.

    Raises:
        ApiError: the device does not exist.
    """
    device = devices.find_held(tx, instance_id, reference)
    statements.open_registration(tx, device.id, now=now)
    return device.id


@dataclass(frozen=True, slots=True)
class ResetSecret:
    """A device with the secret that it has from now on."""

    device: DeviceRecord
    product_key: str
    secret: str = field(repr=False)


def reset_secret(
    tx: Connection, instance_id: int, reference: DeviceReference, *, box: SecretBox, now: int
) -> ResetSecret:
    """Gives a device a new secret and takes its token away.

    Raises:
        ApiError: the device does not exist.
    """
    device = devices.find_held(tx, instance_id, reference)
    secret = identifiers.device_secret()
    statements.set_secrets(tx, {device.id: box.seal(secret)}, now=now)
    statements.forget_registration(tx, device.id)
    return ResetSecret(device, product_statements.by_id(tx, device.product_id).product_key, secret)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The requests of one product in one transaction."""

    tx: Connection
    product: ProductRecord | None
    box: SecretBox
    limits: RegistrationLimits
    now: int

    def register(self, wanted: Mapping[str, Request]) -> dict[Request, Outcome]:
        product = self.product
        if product is None or product.auth_type == "x509" or product.dynamic_registration == DynamicRegistration.OFF:
            return dict.fromkeys(wanted.values(), Refusal.SWITCHED_OFF)
        known = statements.candidates(self.tx, product.id, list(wanted))
        outcomes: dict[Request, Outcome] = {}
        accepted: list[Request] = []
        unknown: list[str] = []
        for name, request in wanted.items():
            refusal = _refusal_of_known(known[name]) if name in known else self._refusal_of_unknown(product, request)
            if refusal is not None:
                outcomes[request] = refusal
                continue
            accepted.append(request)
            if name not in known:
                unknown.append(name)
        refused = set(unknown[self._room(product, unknown) :])
        outcomes |= {wanted[name]: Refusal.TOO_MANY_DEVICES for name in refused}
        made = [name for name in unknown if name not in refused]
        keys = {name: candidate.id for name, candidate in known.items()} | self._made(product, made)
        accepted = [request for request in accepted if request.address.device_name in keys]
        return outcomes | self._give(accepted, keys, new=set(made))

    def _refusal_of_unknown(self, product: ProductRecord, request: Request) -> Refusal | None:
        if not request.unregistered or product.dynamic_registration != DynamicRegistration.ANY:
            return Refusal.UNKNOWN_DEVICE
        return None if names.is_device_name(request.address.device_name) else Refusal.BAD_NAME

    def _room(self, product: ProductRecord, unknown: Sequence[str]) -> int:
        """How many of the unknown devices may be made."""
        if not unknown:
            return 0
        return max(0, self.limits.most_devices - device_statements.count(self.tx, product.id))

    def _made(self, product: ProductRecord, made: Sequence[str]) -> dict[str, int]:
        if not made:
            return {}
        values = [
            devices.new_row(product.id, name, None, identifiers.device_secret(), box=self.box, now=self.now)
            for name in made
        ]
        statements.insert_unknown(self.tx, values)
        return device_statements.ids_by_name(self.tx, product.id, made)

    def _give(self, accepted: Sequence[Request], keys: Mapping[str, int], *, new: set[str]) -> dict[Request, Outcome]:
        """New secrets for all, and tokens for those who asked for them: nothing that was valid before stays so."""
        if not accepted:
            return {}
        outcomes: dict[Request, Outcome] = {}
        secrets: dict[int, bytes] = {}
        tokens: dict[int, tuple[str, bytes] | None] = {}
        for request in accepted:
            name = request.address.device_name
            key, secret = keys[name], identifiers.device_secret()
            token = DeviceToken(identifiers.registered_client(), identifiers.device_token())
            secrets[key] = self.box.seal(secret)
            tokens[key] = (token.client_id, self.box.seal(token.token)) if request.unregistered else None
            outcomes[request] = Registered(key, token if request.unregistered else secret, name in new)
        statements.set_secrets(self.tx, secrets, now=self.now)
        statements.save_registrations(self.tx, tokens, now=self.now)
        return outcomes


def _refusal_of_known(device: CandidateRecord) -> Refusal | None:
    if device.disabled:
        return Refusal.DISABLED
    return Refusal.ACTIVATED if device.activated_at is not None and not device.open else None


def _opened(product: ProductRecord, box: SecretBox) -> str | None:
    try:
        return box.open(product.secret_sealed)
    except InvalidTag:
        return None

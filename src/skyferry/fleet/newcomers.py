"""Devices that move in from another platform: they keep what they log in with, and what applications know them by."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from skyferry.fleet import devices
from skyferry.fleet.certificates import GivenCertificate
from skyferry.keys import SecretBox
from skyferry.store import certificates as certificate_statements
from skyferry.store import devices as statements
from skyferry.store import dynamic_registration as secret_statements
from skyferry.store import tags as tag_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord
from skyferry.store.tables import DeviceState

_DISABLED = frozenset({DeviceState.DISABLED, DeviceState.DISABLED_UNACTIVE})


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A device as another platform knows it; times are milliseconds since the Unix epoch.

    Attributes:
        name: its DeviceName.
        iot_id: its IotId.
        secret: its DeviceSecret.
        nickname: its nickname, if it has one.
        disabled: whether it may not log in.
        activated_at: when it was online for the first time; None when it never was.
        created_at: when it was registered.
        tags: its tags.
        certificate: what it logs in with instead of a secret, where its product says so.
        private_key: of the certificate, in PEM; None where nobody but the device has it.
    """

    name: str
    iot_id: str
    secret: str = field(repr=False)
    nickname: str | None
    disabled: bool
    activated_at: int | None
    created_at: int
    tags: Mapping[str, str] = field(default_factory=dict)
    certificate: GivenCertificate | None = None
    private_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of devices that moved in.

    Attributes:
        added: these are new.
        changed: these were here and got what has changed over there.
        kept: these were here with another secret and have been online here, so they stay as they are.
        uncertified: these are new, and their certificates are other devices'.
    """

    added: Collection[str]
    changed: Collection[str]
    kept: Collection[str]
    uncertified: Collection[str]


def known(tx: Connection, product: ProductRecord, device_names: Sequence[str]) -> Collection[str]:
    """Which of these devices the product has."""
    return statements.ids_by_name(tx, product.id, device_names).keys()


def settle(
    tx: Connection, product: ProductRecord, newcomers: Sequence[Newcomer], *, box: SecretBox, now: int
) -> Settled:
    """Makes the devices that the product does not have, and brings the others to the state of the other platform.

    Only while a device has never been online here does the other platform have the say about it: one that has moved
    in already is left alone. Tags are added and overwritten, none are taken away.

    Raises:
        sqlalchemy.exc.IntegrityError: an IotId is taken, or a name was taken meanwhile.
    """
    found = {
        device.name: device
        for device in statements.of_names(
            tx, product.instance_id, product.product_key, [newcomer.name for newcomer in newcomers]
        )
    }
    new = [newcomer for newcomer in newcomers if newcomer.name not in found]
    if new:
        statements.insert(tx, [_row(product, newcomer, box, now) for newcomer in new])
    there = [newcomer for newcomer in newcomers if newcomer.name in found]
    changed = {newcomer.name for newcomer in there if _bring_up_to_date(tx, found[newcomer.name], newcomer, box, now)}
    kept = {
        newcomer.name
        for newcomer in there
        if found[newcomer.name].online_at is not None and _differs(found[newcomer.name], newcomer, box)
    }
    _tag(tx, product, [newcomer for newcomer in newcomers if newcomer.tags])
    uncertified = _certify(tx, product, [newcomer for newcomer in new if newcomer.certificate], box, now)
    return Settled({newcomer.name for newcomer in new}, changed, kept, uncertified)


def _row(product: ProductRecord, newcomer: Newcomer, box: SecretBox, now: int) -> dict[str, object]:
    row = devices.new_row(product.id, newcomer.name, newcomer.nickname, newcomer.secret, box=box, now=now)
    return {
        **row,
        "iot_id": newcomer.iot_id,
        "disabled": newcomer.disabled,
        "activated_at": newcomer.activated_at,
        "created_at": newcomer.created_at,
    }


def _differs(device: DeviceRecord, newcomer: Newcomer, box: SecretBox) -> bool:
    return box.open(device.secret_sealed) != newcomer.secret


def _bring_up_to_date(tx: Connection, device: DeviceRecord, newcomer: Newcomer, box: SecretBox, now: int) -> bool:
    if device.online_at is not None:
        return False
    changed = False
    if _differs(device, newcomer, box):
        secret_statements.set_secrets(tx, {device.id: box.seal(newcomer.secret)}, now=now)
        changed = True
    if device.nickname != newcomer.nickname:
        statements.set_nicknames(tx, {device.id: newcomer.nickname}, now)
        changed = True
    if (device.state in _DISABLED) != newcomer.disabled:
        statements.set_disabled(tx, device.id, disabled=newcomer.disabled, now=now)
        changed = True
    return changed


def _tag(tx: Connection, product: ProductRecord, tagged: Sequence[Newcomer]) -> None:
    keys = statements.ids_by_name(tx, product.id, [newcomer.name for newcomer in tagged])
    for newcomer in tagged:
        tag_statements.put(tx, product.instance_id, keys[newcomer.name], newcomer.tags)


def _certify(
    tx: Connection, product: ProductRecord, certified: Sequence[Newcomer], box: SecretBox, now: int
) -> Collection[str]:
    """Gives devices their certificates; tells whose are taken."""
    keys = statements.ids_by_name(tx, product.id, [newcomer.name for newcomer in certified])
    taken = set()
    for newcomer in certified:
        certificate = newcomer.certificate
        assert certificate is not None
        if not certificate_statements.insert(
            tx,
            device_id=keys[newcomer.name],
            digest=certificate.digest,
            serial=certificate.serial,
            pem=certificate.pem,
            key_sealed=box.seal(newcomer.private_key) if newcomer.private_key else None,
            created_at=now,
        ):
            taken.add(newcomer.name)
    return taken

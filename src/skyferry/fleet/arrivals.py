"""Devices that move in from another platform: they keep what they log in with, and what applications know them by."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from skyferry.fleet import devices
from skyferry.keys import SecretBox
from skyferry.store import devices as statements
from skyferry.store import dynamic_registration as secret_statements
from skyferry.store import tags as tag_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord
from skyferry.store.tables import DeviceState

_DISABLED = frozenset({DeviceState.DISABLED, DeviceState.DISABLED_UNACTIVE})


@dataclass(frozen=True, slots=True)
class Arrival:
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
    """

    name: str
    iot_id: str
    secret: str = field(repr=False)
    nickname: str | None
    disabled: bool
    activated_at: int | None
    created_at: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of devices that moved in.

    Attributes:
        added: these are new.
        changed: these were here and got what has changed over there.
        kept: these were here with another secret and have been online here, so they stay as they are.
    """

    added: Collection[str]
    changed: Collection[str]
    kept: Collection[str]


def known(tx: Connection, product: ProductRecord, device_names: Sequence[str]) -> Collection[str]:
    """Which of these devices the product has."""
    return statements.ids_by_name(tx, product.id, device_names).keys()


def settle(tx: Connection, product: ProductRecord, arrivals: Sequence[Arrival], *, box: SecretBox, now: int) -> Settled:
    """Makes the devices that the product does not have, and brings the others to the state of their arrival.

    Only while a device has never been online here does the other platform have the say about it: one that has moved
    in already is left alone. Tags are added and overwritten, none are taken away.

    Raises:
        sqlalchemy.exc.IntegrityError: an IotId is taken, or a name was taken meanwhile.
    """
    found = {
        device.name: device
        for device in statements.of_names(
            tx, product.instance_id, product.product_key, [arrival.name for arrival in arrivals]
        )
    }
    new = [arrival for arrival in arrivals if arrival.name not in found]
    if new:
        statements.insert(tx, [_row(product, arrival, box, now) for arrival in new])
    there = [arrival for arrival in arrivals if arrival.name in found]
    changed = {arrival.name for arrival in there if _bring_up_to_date(tx, found[arrival.name], arrival, box, now)}
    kept = {
        arrival.name
        for arrival in there
        if found[arrival.name].online_at is not None and _differs(found[arrival.name], arrival, box)
    }
    _tag(tx, product, [arrival for arrival in arrivals if arrival.tags])
    return Settled({arrival.name for arrival in new}, changed, kept)


def _row(product: ProductRecord, arrival: Arrival, box: SecretBox, now: int) -> dict[str, object]:
    row = devices.new_row(product.id, arrival.name, arrival.nickname, arrival.secret, box=box, now=now)
    return {
        **row,
        "iot_id": arrival.iot_id,
        "disabled": arrival.disabled,
        "activated_at": arrival.activated_at,
        "created_at": arrival.created_at,
    }


def _differs(device: DeviceRecord, arrival: Arrival, box: SecretBox) -> bool:
    return box.open(device.secret_sealed) != arrival.secret


def _bring_up_to_date(tx: Connection, device: DeviceRecord, arrival: Arrival, box: SecretBox, now: int) -> bool:
    if device.online_at is not None:
        return False
    changed = False
    if _differs(device, arrival, box):
        secret_statements.set_secrets(tx, {device.id: box.seal(arrival.secret)}, now=now)
        changed = True
    if device.nickname != arrival.nickname:
        statements.set_nicknames(tx, {device.id: arrival.nickname}, now)
        changed = True
    if (device.state in _DISABLED) != arrival.disabled:
        statements.set_disabled(tx, device.id, disabled=arrival.disabled, now=now)
        changed = True
    return changed


def _tag(tx: Connection, product: ProductRecord, tagged: Sequence[Arrival]) -> None:
    keys = statements.ids_by_name(tx, product.id, [arrival.name for arrival in tagged])
    for arrival in tagged:
        tag_statements.put(tx, product.instance_id, keys[arrival.name], arrival.tags)

"""Registrations of devices by the thousand: checked and carried out by a worker, portion by portion (§9.2).

A registration with names of its own goes CHECK -> CHECK_SUCCESS -> CREATE -> CREATE_SUCCESS, with CHECK_FAILED and
CREATE_FAILED where names turn out to be taken; one without begins with CREATE. The section is of the control-plane
reference.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import devices, names
from skyferry.keys import SecretBox
from skyferry.store import devices as device_statements
from skyferry.store import registrations as statements
from skyferry.store.products import ProductRecord
from skyferry.store.registrations import BatchRecord, NameRecord

MOST_DEVICES: Final = 10_000
_BAD_NAME: Final = "The device name is not of the form."
_BAD_NICKNAME: Final = "The nickname is not of the form."
_REPEATED: Final = "The device name occurs more than once in the list."
_TAKEN: Final = "The product has a device of this name."


class BatchStatus(StrEnum):
    """State of a registration (control-plane reference §9.2)."""

    CHECK = "CHECK"
    CHECK_SUCCESS = "CHECK_SUCCESS"
    CHECK_FAILED = "CHECK_FAILED"
    CREATE = "CREATE"
    CREATE_SUCCESS = "CREATE_SUCCESS"
    CREATE_FAILED = "CREATE_FAILED"


_FAILED: Final = frozenset({BatchStatus.CHECK_FAILED, BatchStatus.CREATE_FAILED})
_RUNNING: Final = frozenset({BatchStatus.CHECK, BatchStatus.CREATE})


@dataclass(frozen=True, slots=True)
class WantedDevice:
    """A device as BatchCheckDeviceNames asks for it."""

    name: str
    nickname: str | None = None


@dataclass(frozen=True, slots=True)
class Misfit:
    """A device that cannot be as it is wanted; several reasons are parted by `|`."""

    name: str
    nickname: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Misfits:
    """What is wrong with a list of wanted devices by its look alone."""

    bad_names: Sequence[str]
    bad_nicknames: Sequence[str]
    repeated_names: Sequence[str]
    details: Sequence[Misfit]


def misfits(wanted: Sequence[WantedDevice]) -> Misfits | None:
    """What is wrong with a list; None when nothing is. Whether names are taken is found out later.

    Raises:
        ApiError: the list is empty or too long.
    """
    if not wanted:
        raise ApiError(codes.NONE_DEVICE_NAME_ELEMENT)
    if len(wanted) > MOST_DEVICES:
        raise ApiError(codes.DEVICE_APPLY_MANY_FAILED, f"A call names at most {MOST_DEVICES} devices.")
    counts = Counter(device.name for device in wanted)
    bad_names = {name for name in counts if not names.is_device_name(name)}
    repeated = {name for name, count in counts.items() if count > 1}
    nicknames = dict.fromkeys(device.nickname for device in wanted if device.nickname)
    bad_nicknames = {nickname for nickname in nicknames if not devices.is_nickname(nickname)}
    if not bad_names and not bad_nicknames and not repeated:
        return None
    details = []
    for device in wanted:
        reasons = [_BAD_NAME] * (device.name in bad_names) + [_BAD_NICKNAME] * (device.nickname in bad_nicknames)
        reasons += [_REPEATED] * (device.name in repeated)
        if reasons:
            details.append(Misfit(device.name, device.nickname, "|".join(reasons)))
    return Misfits(
        bad_names=[name for name in counts if name in bad_names],
        bad_nicknames=[nickname for nickname in nicknames if nickname in bad_nicknames],
        repeated_names=[name for name in counts if name in repeated],
        details=details,
    )


def start(tx: Connection, product: ProductRecord, wanted: int, *, now: int) -> int:
    """Notes that a number of devices is to be made, and returns the ApplyId. A worker makes them and their names.

    Raises:
        ApiError: a number that is not allowed.
    """
    if not 1 <= wanted <= MOST_DEVICES:
        raise ApiError(codes.DEVICE_APPLY_MANY_FAILED)
    return _insert(tx, product, wanted, BatchStatus.CREATE, named=False, now=now)


def start_check(tx: Connection, product: ProductRecord, wanted: Sequence[WantedDevice], *, now: int) -> int:
    """Notes names that a worker is to check, and returns the ApplyId. The list must have no `misfits`."""
    apply_id = _insert(tx, product, len(wanted), BatchStatus.CHECK, named=True, now=now)
    statements.insert_names(tx, apply_id, [(device.name, device.nickname or None) for device in wanted])
    return apply_id


def start_checked(tx: Connection, product: ProductRecord, apply_id: int) -> None:
    """Lets a worker make the devices whose names were checked.

    Raises:
        ApiError: there is no such registration of the product, it is being worked on, or its names cannot be used.
    """
    batch = find_of_product(tx, product, apply_id)
    if batch.status in _RUNNING:
        raise ApiError(codes.CREATE_DEVICE_TASK_IS_RUNNING)
    if batch.status != BatchStatus.CHECK_SUCCESS:
        raise ApiError(
            codes.INCORRECT_DEVICE_APPLY_INFO, f"Only what is in CHECK_SUCCESS can be carried out, not {batch.status}."
        )
    if not statements.move_on(tx, batch, done=0, status=BatchStatus.CREATE):
        raise ApiError(codes.CREATE_DEVICE_TASK_IS_RUNNING)


def continue_next(tx: Connection, *, box: SecretBox, now: int, most: int) -> bool:
    """Checks or makes up to `most` devices of the oldest unfinished registration; False when there is none.

    Raises:
        RuntimeError: someone else has worked on it; the caller's transaction is rolled back.
    """
    batch = statements.next_unfinished(tx)
    if batch is None:
        return False
    end = min(batch.done + most, batch.wanted)
    if batch.named:
        statements.mark_taken(tx, batch, _TAKEN, start=batch.done, end=end)
    if batch.status == BatchStatus.CREATE:
        _make(tx, batch, end, box=box, now=now)
    done, status = end, batch.status
    if end == batch.wanted:
        done, status = _ended(batch, failed=batch.named and statements.has_problems(tx, batch.id))
        if status == BatchStatus.CREATE_SUCCESS:
            statements.remove_names(tx, batch.id)  # the devices have them
    if not statements.move_on(tx, batch, done=done, status=status):
        raise RuntimeError(f"The registration {batch.id} is not where it was.")
    return True


def find(tx: Connection, instance_id: int, apply_id: int) -> BatchRecord:
    """The registration of this ApplyId.

    Raises:
        ApiError: the instance has none.
    """
    if apply_id < 1:
        raise ApiError(codes.INVALID_FORMATTED_APPLY_ID)
    batch = statements.find(tx, instance_id, apply_id)
    if batch is None:
        raise ApiError(codes.DEVICE_APPLY_IS_NOT_FOUND)
    return batch


def find_of_product(tx: Connection, product: ProductRecord, apply_id: int) -> BatchRecord:
    """The registration of this ApplyId for devices of the product.

    Raises:
        ApiError: the instance has none, or it is for another product.
    """
    batch = find(tx, product.instance_id, apply_id)
    if batch.product_id != product.id:
        raise ApiError(codes.INCORRECT_DEVICE_APPLY_INFO)
    return batch


def names_of_failed(tx: Connection, batch: BatchRecord) -> Sequence[NameRecord]:
    """The names of a registration that failed, with what is wrong with some; none while nothing has failed."""
    return statements.names(tx, batch.id, start=0, end=batch.wanted) if batch.status in _FAILED else ()


def _insert(tx: Connection, product: ProductRecord, wanted: int, status: BatchStatus, *, named: bool, now: int) -> int:
    return statements.insert(
        tx,
        instance_id=product.instance_id,
        product_id=product.id,
        named=named,
        wanted=wanted,
        status=status,
        created_at=now,
    )


def _make(tx: Connection, batch: BatchRecord, end: int, *, box: SecretBox, now: int) -> None:
    """Makes the devices up to a position, but for those whose names were taken in between."""
    if batch.named:
        listed = statements.names(tx, batch.id, start=batch.done, end=end)
        wanted = [(entry.name, entry.nickname) for entry in listed if entry.problem is None]
    else:
        wanted = [(identifiers.device_name(), None) for _ in range(batch.done, end)]
    if wanted:
        device_statements.insert(
            tx,
            [
                devices.new_row(batch.product_id, name, nickname, identifiers.device_secret(), box=box, now=now)
                | {"batch_id": batch.id}
                for name, nickname in wanted
            ],
        )


def _ended(batch: BatchRecord, *, failed: bool) -> tuple[int, BatchStatus]:
    """How far it is and how it is called when the last position is worked off; the second way begins anew."""
    if batch.status == BatchStatus.CHECK:
        return 0, BatchStatus.CHECK_FAILED if failed else BatchStatus.CHECK_SUCCESS
    return batch.wanted, BatchStatus.CREATE_FAILED if failed else BatchStatus.CREATE_SUCCESS

"""Removing a device: what it was in the middle of ends first, so that no job waits for it."""

from typing import Final

from sqlalchemy import Connection

from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.ota import changes
from skyferry.ota.states import PackageStatus, TaskEvent, TaskStatus, sources
from skyferry.store import cancelling as statements
from skyferry.store import devices as device_statements
from skyferry.store import packages as package_statements

_DESCRIPTION: Final = "the device was deleted"


def remove_device(tx: Connection, instance_id: int, reference: DeviceReference, *, now: int) -> int:
    """Cancels a device's open tasks, then removes it with all that is known of it, and returns the key that it had.

    A verification that loses a device before its success has failed (control-plane reference §5.6): its task is not
    there any more to say so when the job ends.

    Raises:
        ApiError: the device does not exist.
    """
    device = devices.find_held(tx, instance_id, reference)
    package_statements.move_verified_by(
        tx,
        device.id,
        old=PackageStatus.VERIFYING,
        new=PackageStatus.FAILED,
        but_in=TaskStatus.SUCCEEDED,
        now=now,
    )
    event = TaskEvent.CANCEL_OPEN
    canceled = statements.cancel_of_devices(
        tx,
        [device.id],
        package_id=None,
        job_id=None,
        sources=sources(event),
        target=TaskStatus.CANCELED,
        description=_DESCRIPTION,
        now=now,
    )
    changes.follow(tx, changes.alike(canceled, event, TaskStatus.CANCELED, at=now, description=_DESCRIPTION), now)
    device_statements.remove(tx, device.id)
    return device.id

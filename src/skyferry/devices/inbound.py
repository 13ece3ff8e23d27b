"""What a device says, as reports for the workers (device-plane reference §2)."""

from skyferry.bus.messages import PackageRequested, ProgressReported, PullForm, VersionReported
from skyferry.devices.payloads import (
    DEFAULT_MODULE,
    Message,
    PayloadError,
    read_description,
    read_message,
    read_module,
    read_step,
    read_version,
)
from skyferry.devices.topics import Uplink


def read_report(
    uplink: Uplink, payload: bytes, device_id: int, at: int
) -> VersionReported | ProgressReported | PackageRequested:
    """Turns a message on one of a device's own OTA topics into a report.

    Args:
        uplink: what the topic stands for; not `Uplink.OTHER`.
        payload: the message.
        device_id: the row of the device that said it.
        at: now, in milliseconds since the Unix epoch.

    Raises:
        PayloadError: the message cannot be read.
    """
    message = read_message(payload)
    if uplink is Uplink.INFORM:
        module = read_module(message.params) or DEFAULT_MODULE
        return VersionReported(device_id, module, read_version(message.params), at)
    if uplink is Uplink.PROGRESS:
        step, description = read_step(message.params), read_description(message.params)
        return ProgressReported(device_id, read_module(message.params), step, description, at)
    return _read_request(uplink, message, device_id, at)


def _read_request(uplink: Uplink, message: Message, device_id: int, at: int) -> PackageRequested:
    module = read_module(message.params)
    if uplink is Uplink.GET:
        return PackageRequested(device_id, PullForm.GET, message.request_id, module, None, at)
    assert uplink is Uplink.REQUEST
    try:
        version = read_version(message.params)
    except PayloadError:  # only a hint: the package is looked up by what the device reported
        version = None
    return PackageRequested(device_id, PullForm.REQUEST, message.request_id, module, version, at)

"""What travels between the device gateways and the workers. Plain data, so that any bus can carry it.

Reports go up (a device said or did something); notices go down (a device must be told something). Devices are named by
the key of their row: the gateway learnt it when the device logged in. Times are milliseconds since the Unix epoch.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


@dataclass(frozen=True, slots=True)
class Connected:
    """A device logged in on a new connection."""

    device_id: int
    connection_id: str
    address: str
    at: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection ended. Ignored when the device has a newer connection by then."""

    device_id: int
    connection_id: str
    at: int


@dataclass(frozen=True, slots=True)
class VersionReported:
    """A device said which version of a module it runs (device-plane reference §2.1)."""

    device_id: int
    module: str
    version: str
    at: int


@dataclass(frozen=True, slots=True)
class ProgressReported:
    """A device told a step of its update: 0…100 percent, or -1…-4 for a failure (device-plane reference §2.6).

    `module` is None when the device named none.
    """

    device_id: int
    module: str | None
    step: int
    description: str
    at: int


class PullForm(StrEnum):
    """The two ways to ask for a package: they differ in the topic and form of the answer."""

    GET = "get"
    """`…/thing/ota/firmware/get`, answered on `…/get_reply` with code 200 (device-plane reference §2.7)."""

    REQUEST = "request"
    """`/ota/device/request/…`, answered on the same topic in the form of a push (older SDKs)."""


@dataclass(frozen=True, slots=True)
class PackageRequested:
    """A device asked for a package.

    Attributes:
        request_id: the `id` of the device's message as JSON text (`"1"` with quotes, or `1`), to be echoed as it came.
        module: None when the device named none.
        version: the version that the older form carries; None otherwise.
    """

    device_id: int
    form: PullForm
    request_id: str
    module: str | None
    version: str | None
    at: int


@dataclass(frozen=True, slots=True)
class NoticeUndelivered:
    """A push could not be handed to the device: it was not connected any more."""

    device_id: int
    task_id: int
    at: int


@dataclass(frozen=True, slots=True)
class DeploymentRequested:
    """A device that asks for its updates over HTTP came by while this task waits for it.

    The device is told of the task when its job allows that: the task is then as if a push had gone out.
    """

    device_id: int
    task_id: int
    at: int


@dataclass(frozen=True, slots=True)
class CancellationSettled:
    """A device that was told of a task knows that it was cancelled, or has had its chance to learn it."""

    device_id: int
    task_id: int
    at: int


Report = (
    Connected
    | Disconnected
    | VersionReported
    | ProgressReported
    | PackageRequested
    | NoticeUndelivered
    | DeploymentRequested
    | CancellationSettled
)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Something of a package was sent for a task. A count and no report: nobody waits until it is stored.

    Attributes:
        task_id: the row of the task.
        bytes: how many bytes of the package's files were sent.
        requests: in how many requests.
        failures: how many of these broke off or could not be answered.
        at: when the last of them ended.
    """

    task_id: int
    bytes: int
    requests: int
    failures: int
    at: int


class NoticeKind(StrEnum):
    """Where a notice goes to."""

    PUSH = "push"
    """`/ota/device/upgrade/…`, held back until the device can hear it (device-plane reference §1.4, §3)."""

    GET_REPLY = "get_reply"
    """`…/thing/ota/firmware/get_reply`, at once."""

    REQUEST_REPLY = "request_reply"
    """`/ota/device/request/…`, at once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to publish to one device.

    Attributes:
        payload: the complete message, ready to be sent.
        task_id: the row of the task that a push belongs to; None in an answer that offers nothing.
        claimed_at: when the push was claimed: it is for the connection that the device had then. None in an answer.
    """

    device_id: int
    kind: NoticeKind
    payload: bytes
    task_id: int | None
    claimed_at: int | None = None


@dataclass(frozen=True, slots=True)
class WithdrawPush:
    """Takes a push back that is still held for the device, and ends its download over MQTT: its task has ended.

    Attributes:
        told_at: when this was said: what was claimed later belongs to a task that runs again. None, from a process of
            an older version, takes back only what is there.
    """

    device_id: int
    task_id: int
    told_at: int | None = None


class Cause(StrEnum):
    """Why the server ends a session of a device; the gateway of a sub-device is told (device-plane reference §2.10)."""

    DISABLED = "disabled"
    DELETED = "deleted"
    OTHER = "other"
    """Its secret is another one now, or its log-in was stored too late."""


@dataclass(frozen=True, slots=True)
class DisconnectDevice:
    """Ends the device's session, wherever it is: its connection, or the part it has in its gateway's.

    Attributes:
        connection_id: only the session on this connection; whichever it has when None.
    """

    device_id: int
    cause: Cause = Cause.OTHER
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubDevicesDetached:
    """Sub-devices are not behind this gateway any more: those that are logged in through it are logged out."""

    gateway_id: int
    device_ids: tuple[int, ...]


class TopologyChange(IntEnum):
    """What has become of sub-devices, by the number that their gateway is told (device-plane reference §2.10)."""

    ADDED = 0
    REMOVED = 1
    ENABLED = 2
    DISABLED = 8


@dataclass(frozen=True, slots=True)
class TellGateway:
    """Tells a gateway of sub-devices, if it is connected; it is not tried again.

    Attributes:
        gateway_id: the row of the gateway.
        change: what has become of the sub-devices; None asks the gateway to add them itself.
        devices: ProductKey and DeviceName of each.
        message_id: the `id` of the message.
    """

    gateway_id: int
    change: TopologyChange | None
    devices: tuple[tuple[str, str], ...]
    message_id: str


Command = Notice | WithdrawPush | DisconnectDevice | SubDevicesDetached | TellGateway

"""What can be subscribed to, and what the engine tells so that messages can be made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class EventType(StrEnum):
    """Types of messages (control-plane reference §6.11; the guide's page on events)."""

    TASK_ENDED = "task.ended"
    """A task succeeded, failed or was cancelled."""
    TASK_STATUS = "task.status"
    """A task changed its state in any way, an end among them."""
    MODULE_VERSION = "module.version"
    """A device reported another version of a module than before."""
    DEVICE_STATUS = "device.status"
    """A device logged in, or its connection ended."""
    JOB_STATUS = "job.status"
    """A job was made, started, or ended."""


TEST: Final = "test"
"""The type of a message that somebody asked for, to see whether it arrives. Nobody subscribes to it."""


class Kind(StrEnum):
    """How messages are delivered."""

    WEBHOOK = "webhook"
    NATS = "nats"


SIGNING_PREFIX: Final = "whsec_"
"""What a webhook's secret begins with; Base64 follows."""

SUCCESS: Final = "SUCCEEDED"
"""The state of a task that did what it was for."""


@dataclass(frozen=True, slots=True)
class TaskMoved:
    """A task changed its state.

    Attributes:
        task_id: key of the task.
        status: the name of the state that it has since.
        ended: whether it is over.
        description: what the task says of it.
        at: when, in milliseconds since the Unix epoch.
    """

    task_id: int
    status: str
    ended: bool
    description: str
    at: int


@dataclass(frozen=True, slots=True)
class VersionChanged:
    """A device reported another version of a module than before; times as in `TaskMoved`."""

    device_id: int
    module: str
    version: str
    at: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """A device logged in, from an address, or its connection ended; times as in `TaskMoved`."""

    device_id: int
    online: bool
    address: str | None
    at: int


Happening = TaskMoved | VersionChanged | PresenceChanged

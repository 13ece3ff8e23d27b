"""What an operation knows about the call that it serves."""

from dataclasses import dataclass
from typing import Generic, TypeVar

ServicesT = TypeVar("ServicesT")


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of one account: the fence around all data (gateway reference §6).

    Attributes:
        id: the row's key; every statement on an account's data carries it.
        account_id: the row of the account that owns the instance.
        name: the `IotInstanceId` on the wire.
        cancel_by_device: `pending` or `open`: which tasks CancelOTATaskByDevice may cancel (control-plane §12, 3).
    """

    id: int
    account_id: int
    name: str
    cancel_by_device: str


@dataclass(frozen=True, slots=True)
class Call(Generic[ServicesT]):
    """An authenticated, authorised call.

    Attributes:
        services: what operations work with; made once by the composition root.
        instance: the instance that the call is about.
        account_uid: the account's number as shown to people.
        caller: `root`, or the name of the RAM user that signed.
        request_id: the identifier in the answer and in the logs.
        source_address: the IP address that the call came from.
    """

    services: ServicesT
    instance: Instance
    account_uid: str
    caller: str
    request_id: str
    source_address: str

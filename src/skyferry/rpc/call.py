"""What an operation knows about the call that it serves."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from skyferry.ram.principal import Instance

ServicesT = TypeVar("ServicesT")


@dataclass(frozen=True, slots=True)
class Call(Generic[ServicesT]):
    """An authenticated, authorised call.

    Attributes:
        services: what operations work with; made once by the composition root.
        instance: the instance that the call is about.
        account_uid: the account's number as shown to people.
        caller: who signed: `root`, the name of a RAM user, or the names of a role and its session, `role:session`.
        request_id: the identifier in the answer and in the logs.
        source_address: the IP address that the call came from.
    """

    services: ServicesT
    instance: Instance
    account_uid: str
    caller: str
    request_id: str
    source_address: str

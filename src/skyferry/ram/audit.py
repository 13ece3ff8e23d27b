"""What is written down of a call that changes something."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

BEGUN: Final = "BEGUN"
"""The outcome of a call that has begun and not ended: its server is at it, or ended before the call did."""
OK: Final = "OK"
"""The outcome of a call that did what it should."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One call.

    Attributes:
        account_id: the account's row.
        instance_id: the instance's row; None when the call ended before it was known, or is about no instance.
        at: when the call arrived, in milliseconds.
        caller: who called, as in `skyferry.rpc.call.Call`; `cli` for a command.
        access_key_id: the access key that signed; empty for a command.
        source_address: where the call came from; empty for a command.
        action: the operation, or the command.
        parameters: what was asked for, shortened and without secrets.
        request_id: the call's identifier.
        outcome: `BEGUN`, `OK` or the code of the error.
    """

    account_id: int
    instance_id: int | None
    at: int
    caller: str
    access_key_id: str
    source_address: str
    action: str
    parameters: Mapping[str, str]
    request_id: str
    outcome: str


class AuditTrail(Protocol):
    """Where calls are written down."""

    async def record(self, record: AuditRecord) -> None:
        """Returns when the record is stored."""
        ...

    async def end(self, request_id: str, outcome: str) -> None:
        """Returns when the outcome of a call that had begun is stored."""
        ...

"""What the gateway says about a refusal besides the vendor's sentence, which stays in front: clients may compare it."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from skyferry.errors import ApiError, ErrorKind, either
from skyferry.ram.policies import Decision
from skyferry.ram.principal import Denial, Principal
from skyferry.rpc.operation import Operation

TIMESTAMP_FORMAT: Final = "It is in UTC: YYYY-MM-DDThh:mm:ssZ."
NO_ACTION: Final = "The request names no operation: it stands in Action, or in the header x-acs-action."
_LONGEST_SHOWN: Final = 64
_MOST_LISTED: Final = 5
_MINUTE_MS: Final = 60_000


def refusal(
    kind: ErrorKind, advice: str, *, data: Mapping[str, Any] | None = None, retry_after_ms: int | None = None
) -> ApiError:
    """An error whose sentence is that of its kind with the advice behind it; the rest as `ApiError` has it."""
    return ApiError(kind, f"{kind.fill(kind.text)} {advice}", data=data, retry_after_ms=retry_after_ms)


def on_timestamp(now_ms: int, window_ms: int) -> str:
    """For a request that was signed too long ago, or in the future."""
    now = datetime.fromtimestamp(now_ms // 1_000, UTC)
    return (
        f"The server's clock says {now:%Y-%m-%dT%H:%M:%SZ}, and the caller's may differ from it "
        f"by {window_ms // _MINUTE_MS} minutes: set the one that is wrong."
    )


def on_version(versions: Iterable[str]) -> str:
    """For a version that is not served: those of the operation, or all."""
    return f"It is {either(sorted(versions))}."


def on_action(operations: Mapping[str, Operation[Any]], action: str, version: str) -> str:
    """For an operation that is not there, not in this version, or not by this HTTP method."""
    operation = operations.get(action)
    if operation is None:
        alike = next((name for name in operations if name.lower() == action.lower()), None)
        if alike is not None:
            return f"Letter case matters: write {alike}."
        shown = action if len(action) <= _LONGEST_SHOWN else f"{action[:_LONGEST_SHOWN]}…"
        return f"This server has no operation {shown}: docs/reference/coverage.md lists those that it has."
    if version not in operation.versions:
        return f"{action} is called with the Version {either(sorted(operation.versions))}."
    return f"{action} is there: call it with {either(sorted(operation.methods))}."


def on_denial(principal: Principal, denial: Denial, action: str, *, operator: bool) -> str:
    """For a call that no policy allows, or that one denies.

    Args:
        principal: who calls.
        denial: why it is denied.
        action: what policies call the operation.
        operator: whether the operation is for the account that operates the server only.
    """
    who = f"{principal.kind.value} {principal.name}"
    if operator and not principal.operator:
        return f"{action} is for the account that operates this server only."
    if denial.decision is Decision.EXPLICIT_DENY:
        return f"A policy of the {who} denies {action}."
    return f"The {who} needs a policy that allows {action}."


def on_quota(operation: str, limit: int) -> str:
    """For a call too many in a second."""
    return f"Calls of {operation} by the account and its RAM users together: at most {limit} a second."


def on_instance(names: Iterable[str]) -> str:
    """For an instance that the account does not have."""
    return (
        f"Leave IotInstanceId out, or give {either(list(names)[:_MOST_LISTED])}. "
        "skyferry account instance rename gives an instance the id that applications send."
    )

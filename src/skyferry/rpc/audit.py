"""Writes down calls that change something: before they begin, and how they ended before they are answered.

What is written before the operation begins cannot be lost when the server dies in the middle of it: there is no change
without a record. A record can lack its outcome: then the change may have been made or not.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from skyferry.errors import ApiError
from skyferry.ram.audit import BEGUN, OK, AuditRecord
from skyferry.rpc import access_log, gateway_errors
from skyferry.rpc.context import RequestContext
from skyferry.rpc.operation import Access, RequestModel, Shortened
from skyferry.rpc.shapes import structure_of

_MOST_CHARACTERS: Final = 256
_MOST_ENTRIES: Final = 10
_MOST_LINES: Final = 200


async def begin(context: RequestContext[Any]) -> None:
    """Writes down that an operation begins that changes something; without a record it does not begin."""
    if _changes(context):
        await context.environment.audit.record(_record(context, BEGUN))
        context.begun = True


async def end(context: RequestContext[Any], error: ApiError | None) -> None:
    """Writes down how a call ended. What cannot be written is in the log, and the caller hears what happened."""
    if not _changes(context):
        return
    outcome = OK if error is None else error.kind.code
    try:
        if context.begun:
            await context.environment.audit.end(context.request_id, outcome)
        elif await _is_kept(context, error):
            await context.environment.audit.record(_record(context, outcome))
    except Exception as failure:  # noqa: BLE001 - whatever it was, the change was made or refused
        access_log.write_failure(context, failure)


def written(model: type[RequestModel], sent: Mapping[str, str]) -> dict[str, str]:
    """The parameters that the operation knows, by the names of the wire.

    Of a list the entries that were sent first are kept, and how many there were: `DeviceName.N: 200 in all`.
    """
    known = {wire.lower(): wire for wire, _ in structure_of(model).members}
    shorteners = _shorteners(model)
    found: dict[str, str] = {}
    entries: dict[str, set[str]] = {}
    for name, value in sent.items():
        first, _, rest = name.partition(".")
        wire = known.get(first.lower())
        if wire is None or len(found) == _MOST_LINES:
            continue
        seen = entries.setdefault(wire, set())
        seen.add(rest.partition(".")[0])
        if len(seen) <= _MOST_ENTRIES:
            found[f"{wire}.{rest}" if rest else wire] = _cut(shorteners.get(wire, str)(value))
    counted = {f"{wire}.N": f"{len(seen)} in all" for wire, seen in entries.items() if len(seen) > _MOST_ENTRIES}
    return found | counted


def _changes(context: RequestContext[Any]) -> bool:
    """True for an operation that changes something. Who called is certain once the operation is known."""
    return context.operation is not None and context.operation.access is Access.WRITE


async def _is_kept(context: RequestContext[Any], error: ApiError | None) -> bool:
    """False for refusals that would only fill the audit trail: callers who do not stop, without rights or quota."""
    operation, principal = context.operation, context.principal
    assert operation is not None
    assert principal is not None
    if error is None or error.kind is not gateway_errors.NO_PERMISSION:
        return error is None or error.kind is not gateway_errors.THROTTLING_USER
    denied = f"{operation.name} denied"
    quota = context.environment.quota
    wait_ms = await quota.take(principal.account_id, denied, operation.qps, now_ms=context.received_ms)
    return wait_ms is None


def _record(context: RequestContext[Any], outcome: str) -> AuditRecord:
    operation, principal, public, signed = context.operation, context.principal, context.public, context.signed
    assert operation is not None
    assert principal is not None
    assert public is not None
    assert signed is not None
    return AuditRecord(
        account_id=principal.account_id,
        instance_id=context.instance.id if context.instance else None,
        at=context.received_ms,
        caller=principal.name,
        access_key_id=public.access_key_id,
        source_address=context.origin.address,
        action=operation.name,
        parameters=written(operation.request, signed.parameters),
        request_id=context.request_id,
        outcome=outcome,
    )


@cache
def _shorteners(model: type[RequestModel]) -> Mapping[str, Callable[[str], str]]:
    return {
        info.alias or name: mark.by
        for name, info in model.model_fields.items()
        for mark in info.metadata
        if isinstance(mark, Shortened)
    }


def _cut(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:_MOST_CHARACTERS]}… ({len(text)} characters)"

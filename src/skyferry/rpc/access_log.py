"""One line in the log for each request, and its count in the metrics."""

from typing import Any, Final

import structlog

from skyferry.errors import ApiError
from skyferry.rpc import metrics
from skyferry.rpc.context import RequestContext

_MOST_ACTION_CHARACTERS: Final = 64
_log = structlog.get_logger("skyferry.rpc")


def write(context: RequestContext[Any], error: ApiError | None, *, status: int) -> None:
    """Logs and counts the request: who called what, from where, and how it ended.

    Parameters and secrets stay out of it.
    """
    principal, public = context.principal, context.public
    milliseconds = context.environment.clock.now_ms() - context.received_ms
    # Only names that exist become labels: a stranger must not be able to make new ones.
    operation = context.operation.name if context.operation else "none"
    metrics.REQUESTS.labels(operation, error.kind.code if error and context.operation else "").inc()
    metrics.DURATION.labels(operation).observe(milliseconds / 1_000)
    _log.info(
        "request",
        request_id=context.request_id,
        action=public.action[:_MOST_ACTION_CHARACTERS] if public else None,
        account=principal.account_uid if principal else None,
        caller=principal.name if principal else None,
        source_ip=context.origin.address,
        code=error.kind.code if error else None,
        status=status,
        ms=milliseconds,
    )


def write_failure(context: RequestContext[Any], failure: Exception) -> None:
    """Logs an exception that no one expected, with its traceback."""
    _log.error("request failed", request_id=context.request_id, exc_info=failure)

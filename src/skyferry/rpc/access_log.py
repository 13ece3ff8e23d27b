"""One line in the log for each request."""

from typing import Any, Final

import structlog

from skyferry.errors import ApiError
from skyferry.rpc.context import RequestContext

_MOST_ACTION_CHARACTERS: Final = 64
_log = structlog.get_logger("skyferry.rpc")


def write(context: RequestContext[Any], error: ApiError | None, *, status: int) -> None:
    """Logs the request: who called what, from where, and how it ended. Parameters and secrets stay out of it."""
    principal, public = context.principal, context.public
    _log.info(
        "request",
        request_id=context.request_id,
        action=public.action[:_MOST_ACTION_CHARACTERS] if public else None,
        account=principal.account_uid if principal else None,
        caller=(principal.user or "root") if principal else None,
        source_ip=context.source_address,
        code=error.kind.code if error else None,
        status=status,
        ms=context.environment.clock.now_ms() - context.received_ms,
    )


def write_failure(context: RequestContext[Any], failure: Exception) -> None:
    """Logs an exception that no one expected, with its traceback."""
    _log.error("request failed", request_id=context.request_id, exc_info=failure)

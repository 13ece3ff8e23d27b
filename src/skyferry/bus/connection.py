"""The connection to NATS: made again for ever once it was made."""

import asyncio
from typing import Final

import structlog
from nats.aio.client import Client

_log = structlog.get_logger()

_RECONNECT_SECONDS: Final = 1
_FOR_EVER: Final = -1


async def connect(url: str, *, name: str, timeout_s: float) -> Client:
    """Connects to NATS. While the connection is gone, publishing fails at once: nothing is kept in the client.

    Args:
        url: `nats://HOST:PORT` or `tls://HOST:PORT`; several are separated by commas.
        name: what the server calls the connection.
        timeout_s: seconds that the first connection may take.

    Raises:
        nats.errors.Error: the server refuses.
        OSError: no server is reached.
        TimeoutError: there was no answer.
    """
    client = Client()
    try:
        async with asyncio.timeout(timeout_s):
            await client.connect(
                url.split(","),
                name=name,
                error_cb=_log_error,
                max_reconnect_attempts=_FOR_EVER,
                reconnect_time_wait=_RECONNECT_SECONDS,
                pending_size=0,
            )
    except BaseException:
        await client.close()
        raise
    return client


async def _log_error(error: Exception) -> None:
    _log.warning("nats.error", error=str(error))

"""NATS: JetStream where a stream captures the subject, core NATS where none does.

The MessageId goes along as `Nats-Msg-Id`, so that JetStream drops what was sent twice within its window.
"""

import asyncio
import math
from collections import OrderedDict
from typing import Final
from urllib.parse import quote

from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ServiceUnavailableError

from skyferry.bus.connection import connect
from skyferry.delivery.interface import DeliveryError, envelope
from skyferry.store.outbox import OutboxMessage

_PRESENCE: Final = ("as", "mqtt", "status")
_REMEMBERED_SECONDS: Final = 60
_MOST_REMEMBERED: Final = 50_000
_NO_JETSTREAM: Final = frozenset({None, 10_039, 10_076})
"""What the server answers that has no JetStream for the account; nothing answers on a server that has none at all."""


def subject(prefix: str, topic: str) -> str:
    """The subject of a message: what its topic is about first, so that a product or a device can be subscribed to.

    `/a1B2/dev.1/ota/upgrade` becomes `skyferry.events.a1B2.dev%2E1.ota.upgrade`, the presence of that device
    `skyferry.events.a1B2.dev%2E1.as.mqtt.status`.
    """
    parts = tuple(topic.strip("/").split("/"))
    if parts[: len(_PRESENCE)] == _PRESENCE:
        parts = parts[len(_PRESENCE) :] + _PRESENCE
    return ".".join([prefix, *(escaped(part) for part in parts)])


def escaped(part: str) -> str:
    """A word of a subject: a dot, a blank or a wildcard in it would make something else of it."""
    return quote(part, safe="@:").replace(".", "%2E")


class NatsConnection:
    """The connection that all subscriptions share: made when the first message goes, and made again for ever."""

    def __init__(self, url: str, timeout_ms: int) -> None:
        """Connects nothing yet.

        Args:
            url: `nats://HOST:PORT` or `tls://HOST:PORT`; several are separated by commas.
            timeout_ms: milliseconds that NATS has for each answer.
        """
        self._url = url
        self._timeout = timeout_ms / 1_000
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._captured = _Captured()

    async def publish(self, name: str, body: bytes, message_id: str) -> None:
        """Returns when a stream has stored the message, or, where none captures it, when the server has got it.

        Whether a stream captures a subject is remembered for a minute: a stream that is made meanwhile stores the
        messages as well, and one that was deleted fails the next of them, which makes the connection ask anew.

        Raises:
            nats.errors.Error: it has not.
            TimeoutError: there was no answer.
        """
        client = await self._connected()
        streams = client.jetstream(timeout=self._timeout)
        headers = {"Nats-Msg-Id": message_id}
        try:
            if await self._captured.look_up(streams, name):
                await streams.publish(name, body, headers=headers)
            else:
                await client.publish(name, body, headers=headers)
                await client.flush(timeout=math.ceil(self._timeout))
        except BaseException:
            self._captured.forget(name)
            raise

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                # While the connection is gone, the outbox keeps the messages and not the client.
                self._client = await connect(self._url, name="skyferry", timeout_s=self._timeout)
            return self._client


class _Captured:
    """Which subjects streams capture, as far as it was asked lately."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[bool, float]] = OrderedDict()

    async def look_up(self, streams: JetStreamContext, name: str) -> bool:
        """Whether a stream stores what goes to this subject."""
        now = asyncio.get_running_loop().time()
        known = self._answers.get(name)
        if known is not None and now < known[1]:
            return known[0]
        captured = await _is_captured(streams, name)
        self._answers[name] = captured, now + _REMEMBERED_SECONDS
        self._answers.move_to_end(name)
        if len(self._answers) > _MOST_REMEMBERED:
            self._answers.popitem(last=False)
        return captured

    def forget(self, name: str) -> None:
        """The next look-up of a subject asks."""
        self._answers.pop(name, None)


class NatsSender:
    """Publishes under one prefix."""

    def __init__(self, connection: NatsConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    async def send(self, message: OutboxMessage) -> None:
        """See `Sender.send`."""
        try:
            await self._connection.publish(subject(self._prefix, message.topic), envelope(message), message.message_id)
        except TimeoutError:
            raise DeliveryError("No answer from NATS in time.") from None
        except (Error, OSError) as error:
            raise DeliveryError(str(error)) from error


async def _is_captured(streams: JetStreamContext, name: str) -> bool:
    """Whether a stream stores what goes to this subject. A server or account without JetStream has no streams."""
    try:
        await streams.find_stream_name_by_subject(name)
    except NotFoundError:
        return False
    except ServiceUnavailableError as error:
        if error.err_code in _NO_JETSTREAM:
            return False
        raise
    return True

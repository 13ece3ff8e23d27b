"""What every way to the business server has in common."""

import json
from typing import Protocol

from skyferry.store.outbox import OutboxMessage


class DeliveryError(Exception):
    """A message did not arrive, or nobody knows whether it did; the text says why."""


class Sender(Protocol):
    """One way to one business server."""

    async def send(self, message: OutboxMessage) -> None:
        """Returns when the message has arrived.

        Raises:
            DeliveryError: it has not, as far as is known.
        """
        ...


def envelope(message: OutboxMessage) -> bytes:
    """The JSON text that is delivered: the same at every attempt."""
    head = {
        "messageId": message.message_id,
        "type": message.type,
        "topic": message.topic,
        "generateTime": message.created_at,
    }
    text = json.dumps(head, separators=(",", ":"))
    return f'{text[:-1]},"payload":{message.body}}}'.encode("ascii")

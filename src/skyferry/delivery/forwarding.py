"""Messages of devices on custom topics, forwarded to NATS."""

import secrets
from typing import Final

from nats.errors import Error

from skyferry.delivery.nats import NatsConnection, escaped

_EMPTY: Final = "%"
"""Stands for an empty level of a topic, which a subject cannot have; no escaped level looks like it."""
_MESSAGE_ID_BYTES: Final = 12


def subject(prefix: str, topic: str) -> str:
    """The subject of a topic: its levels behind the prefix.

    `/a1B2/dev.1/user/update` becomes `skyferry.devices.a1B2.dev%2E1.user.update`.
    """
    levels = topic.removeprefix("/").split("/")
    return ".".join([prefix, *(escaped(level) or _EMPTY for level in levels)])


class NatsForwarder:
    """Publishes what devices say, as it came, under one prefix."""

    def __init__(self, connection: NatsConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    async def forward(self, topic: str, payload: bytes) -> None:
        """Returns when a stream has stored the message, or, where none captures it, when the server has got it.

        Raises:
            OSError: it has not, as far as is known.
        """
        try:
            await self._connection.publish(subject(self._prefix, topic), payload, secrets.token_hex(_MESSAGE_ID_BYTES))
        except TimeoutError:
            raise
        except Error as error:
            raise OSError(str(error)) from error

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.close()

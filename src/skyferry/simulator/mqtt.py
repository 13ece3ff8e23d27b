"""One MQTT 3.1.1 connection of one device, on gmqtt.

gmqtt reconnects by itself, for ever and with other flags than the first time. A simulated device decides that on its
own, so every connection is a client of its own that never comes back.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import gmqtt
from gmqtt.mqtt.constants import MQTTCommands, MQTTv311
from gmqtt.mqtt.handler import MQTTConnectError

from skyferry.simulator.identity import Credentials

_ANSWER_SECONDS = 30
_GOODBYE_SECONDS = 5
_SUBSCRIPTION_REFUSED = 0x80

# A lost connection is daily business of a fleet; gmqtt warns about every one.
logging.getLogger("gmqtt").setLevel(logging.CRITICAL)


class ConnectionFailedError(Exception):
    """The server cannot be reached, or it hung up or fell silent before it answered."""


class ConnectionRefusedByServerError(Exception):
    """The server answered the CONNECT with a code other than 0.

    Attributes:
        code: the CONNACK code (device-plane reference §1.5).
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"CONNACK {code}")
        self.code = code


class _OneConnection(gmqtt.Client):  # type: ignore[misc] # gmqtt has no type information
    async def reconnect(self, delay: bool = False) -> None:
        """Does nothing: see the module's docstring."""

    def ping(self) -> None:
        """Sends a PINGREQ, as the C SDK 4 does right after the CONNACK."""
        self._send_simple_command(MQTTCommands.PINGREQ)


class Connection:
    """A connection, from its CONNACK to its end.

    Attributes:
        lost: set when the connection has ended, whoever ended it.
    """

    def __init__(
        self, credentials: Credentials, *, clean_session: bool, on_message: Callable[[str, bytes], None]
    ) -> None:
        self.lost = asyncio.Event()
        self._granted: asyncio.Future[Sequence[int]] | None = None
        self._on_message = on_message
        self._client = _OneConnection(credentials.client_id, clean_session=clean_session)
        self._client.set_auth_credentials(credentials.username, credentials.password)
        self._client.on_message = self._deliver
        self._client.on_disconnect = self._end
        self._client.on_subscribe = self._resolve_subscription

    async def open(self, host: str, port: int, keepalive_seconds: int) -> None:
        """Connects and waits for the CONNACK.

        Raises:
            ConnectionFailedError: no server, or no answer.
            ConnectionRefusedByServerError: the answer was no.
        """
        connecting = asyncio.ensure_future(
            self._client.connect(host, port, keepalive=keepalive_seconds, version=MQTTv311)
        )
        try:
            await self._answer(connecting, f"{host}:{port}")
        except OSError as error:
            raise ConnectionFailedError(f"No connection to {host}:{port}: {error}.") from error
        except MQTTConnectError as error:
            await self.close()
            raise ConnectionRefusedByServerError(error.args[0]) from error
        except (ConnectionFailedError, asyncio.CancelledError):
            connecting.cancel()
            await self.close()
            raise
        self._client.ping()

    async def _answer(self, connecting: asyncio.Future[None], server: str) -> None:
        await self._first(connecting)
        if not connecting.done():
            raise ConnectionFailedError(f"{server} did not answer the CONNECT.")
        connecting.result()

    async def subscribe(self, topics: Sequence[str]) -> bool:
        """Subscribes with QoS 1 and waits for the SUBACK; False when that does not grant every topic or never comes."""
        self._granted = asyncio.get_running_loop().create_future()
        self._client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in topics])
        await self._first(self._granted)
        if not self._granted.done():
            return False
        granted = self._granted.result()
        return len(granted) == len(topics) and max(granted) < _SUBSCRIPTION_REFUSED

    def publish(self, topic: str, payload: bytes, qos: int = 0) -> None:
        """Sends a message; without a connection it is lost."""
        if not self.lost.is_set() and self._client.is_connected:
            self._client.publish(topic, payload, qos=qos)

    async def close(self) -> None:
        """Says DISCONNECT and closes."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._client.disconnect()
        self.lost.set()

    async def _first(self, future: asyncio.Future[Any]) -> None:
        """Waits until the future is done, the connection is lost, or the time is up."""
        losing = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({future, losing}, timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losing.cancel()

    def _deliver(self, _client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        self._on_message(topic, payload)
        return 0

    def _end(self, _client: object, _packet: object, _error: object = None) -> None:
        self.lost.set()

    def _resolve_subscription(self, _client: object, _mid: int, granted: Sequence[int], _properties: object) -> None:
        if self._granted is not None and not self._granted.done():
            self._granted.set_result(granted)

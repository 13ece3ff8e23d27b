"""An MQTT server on a loopback socket, with a handler that the test plays."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.interface import Channel, Peer, Session
from skyferry.devices.mqtt.packets import ConnAck, Connect, ConnectCode
from skyferry.devices.mqtt.server import MqttServer
from tests.unit.devices.support import Client

ACCEPTED: Final = ConnAck(ConnectCode.ACCEPTED)
CONNECT: Final = Connect("c", keepalive=60)


class FakeSession:
    def __init__(self) -> None:
        self.channel: Channel | None = None
        self.published: list[tuple[str, bytes]] = []
        self.outcomes: list[asyncio.Future[None] | None] = []
        self.acknowledged_ids: list[int] = []
        self.unsubscribed: list[str] = []
        self.ends: list[str] = []
        self.on_subscribed: Callable[[], None] = lambda: None

    def opened(self, channel: Channel) -> None:
        self.channel = channel

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        self.published.append((topic, payload))
        return self.outcomes.pop(0) if self.outcomes else None

    def acknowledged(self, packet_id: int) -> None:
        self.acknowledged_ids.append(packet_id)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> Sequence[int]:
        return [min(qos, 1) for _, qos in filters]

    def subscribed(self) -> None:
        self.on_subscribed()

    def unsubscribe(self, filters: Sequence[str]) -> None:
        self.unsubscribed += filters

    def closed(self, reason: str) -> None:
        self.ends.append(reason)


class FakeHandler:
    def __init__(self) -> None:
        self.session = FakeSession()
        self.refusal: ConnectCode | None = None
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[tuple[Connect, Peer]] = []

    async def log_in(self, connect: Connect, peer: Peer) -> Session | ConnectCode:
        self.asked.append((connect, peer))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.session if self.refusal is None else self.refusal


class Endpoint:
    def __init__(self, handler: FakeHandler, server: MqttServer, port: int) -> None:
        self.handler = handler
        self.session = handler.session
        self.server = server
        self.port = port

    def client(self) -> Client:
        return Client(self.port)


Serve = Callable[[MqttLimits], Awaitable[Endpoint]]


def stored() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()

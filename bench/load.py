"""Devices that only make load: one asyncio protocol each, no more work than the measurement needs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

from bench.carriers import Carrier
from bench.processes import MqttProcess
from skyferry.devices import topics
from skyferry.devices.mqtt.codec import Decoder, encode
from skyferry.devices.mqtt.packets import ConnAck, Connect, ConnectCode, PubAck, Publish, SubAck, Subscribe
from skyferry.simulator import payloads
from skyferry.simulator.identity import ConnectStyle, DeviceIdentity

_LARGEST_PACKET: Final = 1 << 20
_CONNECTING: Final = 200
_KEEPALIVE_SECONDS: Final = 1_200
_STYLE: Final = ConnectStyle()

OnPush = Callable[[Publish], None]


class LoadDevice(asyncio.Protocol):
    """A device on one connection."""

    def __init__(self, identity: DeviceIdentity, on_push: OnPush | None) -> None:
        self._identity = identity
        self._on_push = on_push
        self._decoder = Decoder(_LARGEST_PACKET)
        self._transport = cast("asyncio.Transport", None)
        self._topic = identity.topic(topics.INFORM)
        self._packet_id = 0
        self._unanswered: dict[int, asyncio.Future[None]] = {}
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends with the CONNACK."""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends with the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Logs in."""
        self._transport = cast("asyncio.Transport", transport)
        said = _STYLE.credentials(self._identity)
        packet = Connect(said.client_id, said.username, said.password.encode(), _KEEPALIVE_SECONDS)
        self._transport.write(encode(packet))

    def data_received(self, data: bytes) -> None:
        """Hears the server."""
        for packet in self._decoder.feed(data):
            match packet:
                case PubAck(packet_id) | SubAck(packet_id):
                    self._unanswered.pop(packet_id).set_result(None)
                case Publish():
                    if packet.qos:
                        self._transport.write(encode(PubAck(packet.packet_id)))
                    if self._on_push:
                        self._on_push(packet)
                case ConnAck(code):
                    assert code is ConnectCode.ACCEPTED, code
                    self.accepted.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended; what was not acknowledged fails."""
        self.gone.set_result(None)
        for future in [self.accepted, *self._unanswered.values()]:
            if not future.done():
                future.set_exception(exc or ConnectionResetError("The server hung up."))

    def report(self, version: str) -> asyncio.Future[None]:
        """Reports a version at QoS 1; the future ends with the PUBACK, which says that the report is stored."""
        packet_id, answered = self._next()
        report = payloads.inform(packet_id, version, None)
        self._transport.write(encode(Publish(self._topic, report, 1, packet_id)))
        return answered

    def publish(self, topic: str, payload: bytes) -> asyncio.Future[None]:
        """Publishes at QoS 1; the future ends with the PUBACK."""
        packet_id, answered = self._next()
        self._transport.write(encode(Publish(topic, payload, 1, packet_id)))
        return answered

    def subscribe(self, topic: str) -> asyncio.Future[None]:
        """Subscribes at QoS 1; the future ends with the SUBACK."""
        packet_id, answered = self._next()
        self._transport.write(encode(Subscribe(packet_id, ((topic, 1),))))
        return answered

    def hang_up(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def _next(self) -> tuple[int, asyncio.Future[None]]:
        self._packet_id = self._packet_id % 65_535 + 1
        answered = self._unanswered[self._packet_id] = asyncio.get_running_loop().create_future()
        return self._packet_id, answered


@asynccontextmanager
async def online(
    server: MqttProcess,
    identities: Sequence[DeviceIdentity],
    on_push: OnPush | None = None,
    *,
    below: Carrier | None = None,
) -> AsyncIterator[list[LoadDevice]]:
    """Devices that are logged in, a few hundred at a time, until the end of the block.

    Args:
        server: where they connect.
        identities: who they are.
        on_push: hears of their pushes.
        below: what carries their MQTT; TCP itself when None.
    """
    devices: list[LoadDevice] = []
    try:
        for start in range(0, len(identities), _CONNECTING):
            made = await asyncio.gather(
                *(
                    _connect(server, LoadDevice(identity, on_push), below)
                    for identity in identities[start : start + _CONNECTING]
                )
            )
            devices += made
            await asyncio.gather(*(device.accepted for device in made))
        yield devices
    finally:
        for device in devices:
            device.hang_up()
        await asyncio.gather(*(device.gone for device in devices))


async def _connect(server: MqttProcess, device: LoadDevice, below: Carrier | None) -> LoadDevice:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: device if below is None else below(device), *server.mqtt)
    return device


async def report_all(devices: Sequence[LoadDevice], version: str) -> None:
    """One version report of each device, all at once; returns when all of them are stored.

    Reports are stored in the order in which they came, log-ins and log-outs among them: whatever the server had to
    write before is written as well when this returns.
    """
    await asyncio.gather(*(device.report(version) for device in devices))

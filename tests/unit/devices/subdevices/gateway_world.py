"""A gateway under test with sub-devices in its store, and a client that speaks as a gateway does."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.limits import GatewaySettings, MqttLimits
from skyferry.devices.mqtt.packets import (
    ConnAck,
    Connect,
    ConnectCode,
    Packet,
    PingReq,
    PingResp,
    Publish,
    SubAck,
    Subscribe,
)
from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from tests.unit.devices.fleet import SECRET, add_devices, add_instance, add_product, make_store
from tests.unit.devices.support import NO_OBJECTS, Client, RecordingBus

BOX: Final = SecretBox(bytes(32))
NOW: Final = 1_700_000_000_000
GATEWAYS: Final = "a1Gateway01"
SUBDEVICES: Final = "a1SubDev001"
FOREIGN: Final = "a1Foreign01"
"""A product of another account."""
TIMESTAMP: Final = "1524448722000"
OFFER: Final = b'{"code":"1000","data":{"version":"2.0.0"},"id":1,"message":"success"}'
SESSIONS: Final = GatewaySettings(
    push_delay_ms=3_600_000,
    pushes_in_flight=2,
    mqtt=MqttLimits(linger_s=0.5),
    subdevices=SubDeviceLimits(subdevices=3, session_batch=3),
)
"""For tests of log-ins: few sub-devices, few pushes at once, and no push before a device listens."""


class FixedClock:
    def now_ms(self) -> int:
        return NOW


class GatewayWorld:
    """Two gateways, three sub-devices, and a device of another account with the name of the first sub-device."""

    def __init__(self, store: Store, ids: Mapping[str, int], settings: GatewaySettings) -> None:
        self.store = store
        self.ids = ids
        self.bus = RecordingBus()
        self.gateway = DeviceGateway(store, BOX, self.bus, FixedClock(), settings, objects=NO_OBJECTS)
        self.bus.on_commands = self.gateway.on_commands
        self.port = 0

    @classmethod
    async def make(cls, folder: Path, settings: GatewaySettings) -> "GatewayWorld":
        store = await make_store(folder)
        await store.write(add_product, GATEWAYS, node_type=1)
        await store.write(add_product, SUBDEVICES)
        await store.write(add_instance, 2)
        await store.write(add_product, FOREIGN, instance_id=2)
        ids = await store.write(add_devices, BOX, GATEWAYS, ["gateway-1", "gateway-2"])
        ids |= await store.write(add_devices, BOX, SUBDEVICES, ["sub-1", "sub-2", "sub-3"])
        foreign = await store.write(add_devices, BOX, FOREIGN, ["sub-1"])
        world = cls(store, ids | {"foreign": foreign["sub-1"]}, settings)
        world.port = await world.gateway.start("127.0.0.1", 0)
        return world

    async def stop(self) -> None:
        self.bus.hold = False
        self.bus.store()
        await self.gateway.stop()
        await self.store.close()

    def client(self, name: str = "gateway-1", product_key: str = GATEWAYS) -> "GatewayClient":
        return GatewayClient(self.port, name, product_key)


class GatewayClient(Client):
    """A connection of a gateway, or of a device that is none."""

    def __init__(self, port: int, name: str, product_key: str) -> None:
        super().__init__(port)
        self.name = name
        self.product_key = product_key

    async def log_in(self, *, silent: bool = True) -> None:
        system = ",_ss=1" if silent else ""
        signed = f"clientIdbdeviceName{self.name}productKey{self.product_key}"
        password = hmac.new(SECRET.encode(), signed.encode(), "sha256").hexdigest().encode()
        client_id = f"b|securemode=3,signmethod=hmacsha256{system}|"
        await self.send(Connect(client_id, f"{self.name}&{self.product_key}", password, 1_200))
        assert await self.receive() == ConnAck(ConnectCode.ACCEPTED)

    async def say(self, topic: str, params: object, request_id: object = "1") -> None:
        """Publishes a request at QoS 0."""
        payload = json.dumps({"id": request_id, "version": "1.0", "params": params}).encode()
        await self.send(Publish(topic, payload))

    async def ask(self, service: str, params: object, request_id: object = "1") -> dict[str, Any]:
        """A request of the gateway and its answer; nothing else may come before it."""
        family = "/ext/session" if service.startswith("combine/") else "/sys"
        topic = f"{family}/{self.product_key}/{self.name}/{service}"
        await self.say(topic, params, request_id)
        return self.message(await self.receive(), topic + "_reply")

    @staticmethod
    def message(packet: Packet, topic: str) -> dict[str, Any]:
        assert isinstance(packet, Publish), packet
        assert packet.topic == topic
        message: dict[str, Any] = json.loads(packet.payload)
        return message

    async def subscribe(self, topic_filter: str) -> int:
        await self.send(Subscribe(7, ((topic_filter, 1),)))
        packet = await self.receive()
        assert isinstance(packet, SubAck)
        return packet.codes[0]

    async def attach(self, *names: str) -> None:
        answer = await self.ask("thing/topo/add", [proof(name) for name in names])
        assert answer["code"] == 200, answer

    async def open(self, *names: str) -> None:
        """Adds sub-devices and logs them in."""
        await self.attach(*names)
        answer = await self.ask("combine/batch_login", {"deviceList": [proof(name) for name in names]})
        assert answer["code"] == 200, answer


def proof(
    name: str,
    *,
    product_key: str = SUBDEVICES,
    secret: str = SECRET,
    client_id: str = "c",
    timestamp: object = TIMESTAMP,
    method: str = "hmacSha1",
    key: str = "signmethod",
    **more: object,
) -> dict[str, Any]:
    """What a gateway says of a sub-device."""
    content = f"clientId{client_id}deviceName{name}productKey{product_key}timestamp{timestamp}"
    digest = {"hmacsha1": hashlib.sha1, "hmacmd5": hashlib.md5, "hmacsha256": hashlib.sha256}[method.lower()]
    return {
        "productKey": product_key,
        "deviceName": name,
        "clientId": client_id,
        "timestamp": timestamp,
        key: method,
        "sign": hmac.new(secret.encode(), content.encode(), digest).hexdigest(),
        **more,
    }


def named(*names: str) -> Sequence[dict[str, str]]:
    return [{"productKey": SUBDEVICES, "deviceName": name} for name in names]


def push(world: GatewayWorld, name: str, task_id: int = 9) -> Notice:
    return Notice(world.ids[name], NoticeKind.PUSH, OFFER, task_id)


async def pushed(client: GatewayClient) -> tuple[str, int]:
    """The sub-device and the packet id of the push that comes next."""
    packet = await client.receive()
    assert isinstance(packet, Publish)
    assert packet.topic.startswith(f"/ota/device/upgrade/{SUBDEVICES}/"), packet
    return packet.topic.rpartition("/")[2], packet.packet_id


async def quiet(client: GatewayClient) -> None:
    """Nothing has come."""
    await client.send(PingReq())
    assert await client.receive() == PingResp()

"""A gateway under test with three devices in its store, and their log-ins."""

from pathlib import Path
from typing import Final

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.limits import GatewaySettings, MqttLimits
from skyferry.devices.mqtt.packets import ConnAck, Connect, ConnectCode
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from tests.unit.devices.fleet import PRODUCT_KEY, add_devices, add_product, make_store
from tests.unit.devices.support import NO_OBJECTS, Client, RecordingBus
from tests.unit.devices.test_authentication import signed

BOX: Final = SecretBox(bytes(32))
NOW: Final = 1_700_000_000_000
ACCEPTED: Final = ConnAck(ConnectCode.ACCEPTED)
INFORM: Final = "/ota/device/inform/" + PRODUCT_KEY
RETOLD_S: Final = 0.05
UPGRADE: Final = "/ota/device/upgrade/" + PRODUCT_KEY
SOURCE: Final = b'{"id":1, "params":{"version":"1.0.0"}}'
OFFER: Final = b'{"code":"1000","data":{"version":"2.0.0"},"id":1,"message":"success"}'


class FixedClock:
    def now_ms(self) -> int:
        return NOW


class World:
    """A gateway with three devices in its store."""

    def __init__(self, store: Store, ids: dict[str, int], settings: GatewaySettings) -> None:
        self.store = store
        self.bus = RecordingBus()
        self.gateway = DeviceGateway(store, BOX, self.bus, FixedClock(), settings, objects=NO_OBJECTS)
        self.ids = ids
        self.port = 0

    @classmethod
    async def make(cls, folder: Path) -> "World":
        store = await make_store(folder)
        await store.write(add_product, PRODUCT_KEY)
        ids = await store.write(add_devices, BOX, PRODUCT_KEY, ["dev-1", "dev-2", "dev-3"])
        settings = GatewaySettings(push_delay_ms=3_600_000, retold_s=RETOLD_S, mqtt=MqttLimits(linger_s=0.5))
        world = cls(store, ids, settings)
        world.port = await world.gateway.start("127.0.0.1", 0)
        return world

    async def stop(self) -> None:
        self.bus.hold = False
        self.bus.store()
        await self.gateway.stop()
        await self.store.close()

    def client(self) -> Client:
        return Client(self.port)

    def push(self, name: str, task_id: int | None = 9, payload: bytes = OFFER) -> Notice:
        return Notice(self.ids[name], NoticeKind.PUSH, payload, task_id)

    async def log_in(self, client: Client, name: str, *, silent: bool = True) -> None:
        await client.send(login(name, silent=silent))
        assert await client.receive() == ACCEPTED


def login(name: str, *, silent: bool = True) -> Connect:
    system = ",_ss=1" if silent else ""
    password = signed("b", name, "1").upper().encode()
    return Connect(
        f"b|securemode=3,signmethod=hmacsha256,timestamp=1{system}|", f"{name}&{PRODUCT_KEY}", password, 1_200
    )

"""Gateways that do exactly what a test says, and sub-devices behind them."""

import hashlib
import hmac
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Device

SUCCESS: Final = 200
_TIMESTAMP: Final = "1524448722000"
_BATCH: Final = 30
_serial = itertools.count(1)


class ScriptedGateway(ScriptedDevice):
    """A gateway on a connection of its own."""

    def ask(self, service: str, params: object) -> dict[str, Any]:
        """A request of the gateway and its answer."""
        family = "/ext/session" if service.startswith("combine/") else "/sys"
        topic = f"{family}/{self.own}/{service}"
        self._say(topic, {"id": "1", "version": "1.0", "params": params})
        return self._message(f"{topic}_reply", 30)

    def must(self, service: str, params: object) -> Any:
        """As `ask`; gives the data of an answer that must be a success."""
        answer = self.ask(service, params)
        assert answer["code"] == SUCCESS, answer
        return answer["data"]

    def add(self, *devices: Device) -> None:
        """Adds sub-devices to the topology."""
        for some in batches(devices):
            self.must("thing/topo/add", [proof(device) for device in some])

    def log_in_all(self, *devices: Device) -> None:
        """Logs sub-devices in."""
        for some in batches(devices):
            self.must("combine/batch_login", {"deviceList": [proof(device) for device in some]})

    def open(self, *devices: Device, version: str | None = "1.0.0") -> None:
        """Adds sub-devices, logs them in and reports their version, unless that is None."""
        self.add(*devices)
        self.log_in_all(*devices)
        if version is not None:
            for device in devices:
                self.say_version_of(device, version)

    @contextmanager
    def speaking_for(self, device: Device) -> Iterator[Self]:
        """Until the end of the block it says and hears what the sub-device would on a connection of its own."""
        itself, self._device = self._device, device
        try:
            yield self
        finally:
            self._device = itself

    def say_version_of(self, device: Device, version: str, *, stored: bool = True) -> None:
        """Reports the version of a sub-device."""
        with self.speaking_for(device):
            self.report_version(version, stored=stored)

    def push_of(self, device: Device, seconds: float = 30) -> dict[str, Any]:
        """The next upgrade notice for a sub-device; what came for others is lost."""
        with self.speaking_for(device):
            return self.push(seconds)

    def pushes_now(self) -> list[str]:
        """The names of the devices whose upgrade notices are here already."""
        self.ping()
        topics = [topic for topic, _ in self._messages if topic.startswith("/ota/device/upgrade/")]
        self._messages.clear()
        return [topic.rpartition("/")[2] for topic in topics]

    def heard_nothing(self) -> bool:
        """True when no message is here."""
        self.ping()
        return not self._messages

    def next_push(self) -> tuple[str, str]:
        """The name of the device that the next upgrade notice is for, and the notice."""
        while True:
            while self._messages:
                topic, text = self._messages.popleft()
                if topic.startswith("/ota/device/upgrade/"):
                    return topic.rpartition("/")[2], text.decode()
            self._packet_or_message()

    def told(self, topic: str) -> dict[str, Any]:
        """The next message on a topic of the gateway: `thing/topo/change`, or `error`."""
        whole = f"/ext/error/{self.own}" if topic == "error" else f"/sys/{self.own}/{topic}"
        return self._message(whole, 30)


class Site:
    """A product of gateways, beside the fleet's own product, whose devices are the sub-devices."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        parameters = {"ProductName": f"gateways_{next(_serial)}", "NodeType": 1}
        self.product = str(fleet.api.call("CreateProduct", **parameters)["Data"]["ProductKey"])

    def register(self, name: str = "gateway-1") -> Device:
        """A gateway."""
        return self.fleet.api.register(self.product, name)

    def connect(self, gateway: Device) -> ScriptedGateway:
        """A gateway on a new connection."""
        return self.fleet.stack.enter_context(ScriptedGateway(self.fleet.server.mqtt, gateway))

    def gateway(self, name: str = "gateway-1") -> ScriptedGateway:
        """A new gateway, connected."""
        return self.connect(self.register(name))

    def subdevices(self, count: int) -> list[Device]:
        """New sub-devices."""
        return [self.fleet.api.register(self.fleet.product, f"sub-{number}") for number in range(1, count + 1)]


def proof(device: Device, method: str = "hmacSha1") -> dict[str, str]:
    """What a gateway says of a sub-device, and an application in BatchAddThingTopo."""
    client_id = f"{device.product_key}.{device.name}"
    content = f"clientId{client_id}deviceName{device.name}productKey{device.product_key}timestamp{_TIMESTAMP}"
    digest = {"hmacSha1": hashlib.sha1, "hmacSha256": hashlib.sha256}[method]
    return {
        "productKey": device.product_key,
        "deviceName": device.name,
        "clientId": client_id,
        "timestamp": _TIMESTAMP,
        "signMethod": method,
        "sign": hmac.new(device.secret.encode(), content.encode(), digest).hexdigest(),
    }


def item(device: Device, **changed: str) -> Mapping[str, str]:
    """One TopoAddItem."""
    return {name[0].upper() + name[1:]: value for name, value in proof(device).items()} | changed


def names(*devices: Device) -> Sequence[dict[str, str]]:
    """Sub-devices as gateways name them."""
    return [{"productKey": device.product_key, "deviceName": device.name} for device in devices]


def batches(devices: Sequence[Device]) -> Iterator[Sequence[Device]]:
    """The devices in lists that fit any request."""
    for start in range(0, len(devices), _BATCH):
        yield devices[start : start + _BATCH]

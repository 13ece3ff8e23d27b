"""A device speaks for itself only: every topic, service and URL is tried with the identity of another (DESIGN, rule 3).

The one who tries is another device of the product, a device of another product with the victim's name, and one of
another account. The victim has a task that it has been told of, over MQTT and by URL.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from skyferry.clock import SystemClock
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.topics import DeviceTopics, Uplink
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from tests.scenario.support import Accounts, Fleet, ScriptedDevice, application
from tests.support import blocks
from tests.support.api import Application, Device
from tests.unit.devices.support import NO_OBJECTS, RecordingBus

pytestmark = pytest.mark.rule("devices")

VERSION: Final[Mapping[str, Any]] = {"id": 1, "params": {"version": "2.0.0"}}
FAILURE: Final[Mapping[str, Any]] = {"id": 1, "params": {"step": "-1", "desc": "stolen"}}
NOTHING: Final[Mapping[str, Any]] = {"id": 1, "params": {}}

REPORTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "/ota/device/inform/{owner}": VERSION,
    "/ota/device/progress/{owner}": FAILURE,
    "/ota/device/request/{owner}": {"id": "0", "params": {"version": "2.0.0"}},
    "/sys/{owner}/thing/ota/firmware/get": NOTHING,
    "/{owner}/user/anything": NOTHING,
    "/shadow/update/{owner}": {"method": "get"},
}
"""Each thing that a device says, with what it would do if it counted."""


def services(folder: Path) -> set[str]:
    """Every service that a gateway answers in a way of its own."""
    gateway = DeviceGateway(
        Store(str(folder / "none.db")), SecretBox(bytes(32)), RecordingBus(), SystemClock(), objects=NO_OBJECTS
    )
    return set(gateway._context.requests._handlers)


SERVICES: Final[Mapping[str, str]] = {
    "ntp/request": "/ext/ntp/{owner}/request",
    "shadow/update": "/shadow/update/{owner}",
    "thing/config/log/get": "/sys/{owner}/thing/config/log/get",
    "thing/file/download": "/sys/{owner}/thing/file/download",
    "thing/proxy/provisioning/product_register": "/sys/{owner}/thing/proxy/provisioning/product_register",
    "thing/sub/register": "/sys/{owner}/thing/sub/register",
    "thing/sub/unregister": "/sys/{owner}/thing/sub/unregister",
    "thing/topo/add": "/sys/{owner}/thing/topo/add",
    "thing/topo/delete": "/sys/{owner}/thing/topo/delete",
    "thing/topo/get": "/sys/{owner}/thing/topo/get",
    "session/combine/login": "/ext/session/{owner}/combine/login",
    "session/combine/batch_login": "/ext/session/{owner}/combine/batch_login",
    "session/combine/logout": "/ext/session/{owner}/combine/logout",
    "session/combine/batch_logout": "/ext/session/{owner}/combine/batch_logout",
}
"""The topic of each service."""


@dataclass
class Scene:
    """A victim with a task that it was told of, and one who is not the victim."""

    fleet: Fleet
    job: str
    victim: Device
    victim_client: ScriptedDevice
    offer: Mapping[str, Any]
    other: ScriptedDevice

    @property
    def owner(self) -> str:
        return f"{self.victim.product_key}/{self.victim.name}"

    def try_all(self, topics: Mapping[str, bytes]) -> None:
        """The other publishes on the victim's topics; all has been handled when this returns."""
        for pattern, payload in topics.items():
            self.other.say(pattern.format(owner=self.owner), payload, acknowledged=True)
        self.other.ping()

    def assert_untouched(self) -> None:
        """Nothing became of the victim's task, and neither of the two heard anything."""
        self.victim_client.ping()
        assert list(self.victim_client._messages) == []
        assert list(self.other._messages) == []
        assert self.fleet.state(self.job, self.victim) == "NOTIFIED"
        assert self.fleet.api.version(self.victim) == "1.0.0"


OTHERS: Final[Mapping[str, Callable[[Fleet, Accounts, str], Device]]] = {
    "another device": lambda fleet, _accounts, _name: fleet.device("neighbour"),
    "another product": lambda fleet, _accounts, name: fleet.api.register(
        fleet.api.create_product(f"iso_{fleet.product}"), name
    ),
    "another account": lambda fleet, accounts, name: _of_another_account(
        application(accounts.create(f"iso_{fleet.product}")), name
    ),
}


def _of_another_account(api: Application, name: str) -> Device:
    return api.register(api.create_product("isolation"), name)


@pytest.fixture(params=["HTTPS", "MQTT"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=OTHERS)
def scene(request: pytest.FixtureRequest, fleet: Fleet, accounts: Accounts, protocol: str) -> Scene:
    victim = fleet.device("victim")
    other = OTHERS[request.param](fleet, accounts, victim.name)
    job = fleet.job(fleet.package(), [victim], DownloadProtocol=protocol)
    client = fleet.connect(victim)
    offer = client.offer()
    return Scene(fleet, job, victim, client, offer, fleet.connect(other))


def test_nobody_reports_or_asks_for_another(scene: Scene) -> None:
    scene.try_all({pattern: json.dumps(message).encode() for pattern, message in REPORTS.items()})
    scene.assert_untouched()


def test_no_service_is_there_for_another(scene: Scene) -> None:
    scene.try_all({pattern: json.dumps(NOTHING).encode() for pattern in SERVICES.values()})
    scene.assert_untouched()


@pytest.mark.parametrize("protocol", ["MQTT"], indirect=True)
def test_a_stream_is_for_the_device_that_it_was_offered_to(scene: Scene) -> None:
    """On one's own topic the number of another's stream opens nothing; it can be guessed, so it must not."""
    block = blocks.request(scene.offer["streamId"], 0, 256)

    assert blocks.ask(scene.other, block).code == 404
    assert blocks.ask(scene.victim_client, block).code == 200


@pytest.mark.parametrize("protocol", ["HTTPS"], indirect=True)
def test_a_signature_is_for_one_file_and_one_time(scene: Scene) -> None:
    url = str(scene.offer["url"])
    mine = scene.fleet.api.upload(b"the other's own file")
    path, _, query = url.partition("?")

    later = query.replace("Expires=1", "Expires=2")
    for tried in (f"{mine}?{query}", f"{path}?{later}", path, f"{path}?{query[:-4]}AAAA"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(tried, timeout=30)
        assert error.value.code == 403
        error.value.close()


def test_all_that_a_device_can_say_is_tried(tmp_path: Path) -> None:
    topics = DeviceTopics("pk", "dn")
    said = [pattern.format(owner="pk/dn") for pattern in (*REPORTS, *SERVICES.values())]

    assert {topics.uplink(topic) for topic in said} == set(Uplink)
    assert {topics.service(pattern.format(owner="pk/dn")) for pattern in SERVICES.values()} == set(SERVICES)
    assert set(SERVICES) == services(tmp_path), "a service that nobody has tried with another's identity"

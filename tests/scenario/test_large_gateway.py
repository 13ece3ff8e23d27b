"""As many sub-devices as a gateway may have, all updated by one job (device-plane reference §1.2, §2.10)."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.scenario.gateways import ScriptedGateway, Site, item, names, proof
from tests.scenario.support import Fleet
from tests.support.api import Device
from tests.support.server import wait_until

MOST = 2_000
_TIMEOUT = 120


@pytest.fixture
def site(fleet: Fleet) -> Site:
    return Site(fleet)


@pytest.fixture
def devices(site: Site) -> Sequence[Device]:
    apply_id = site.fleet.api.register_many(site.fleet.product, MOST)
    return site.fleet.api.registered(site.fleet.product, apply_id, MOST)


def online(site: Site) -> int:
    counts = site.fleet.api.call("QueryDeviceStatistics", ProductKey=site.fleet.product)["Data"]
    return int(counts["onlineCount"])


def wait_until_online(site: Site, count: int) -> None:
    wait_until(lambda: online(site) == count, interval=0.1, what=f"{count} devices online")


def report_all(gateway: ScriptedGateway, devices: Sequence[Device], version: str) -> None:
    """All reports at once, as a gateway sends them that does not wait; returns when they are stored."""
    *others, last = devices
    for device in others:
        gateway.say_version_of(device, version, stored=False)
    gateway.say_version_of(last, version)


def update_all(gateway: ScriptedGateway, devices: Sequence[Device]) -> Counter[str]:
    """Does what each notice says; gives how many there were for each device."""
    by_name = {device.name: device for device in devices}
    noticed: Counter[str] = Counter()
    while len(noticed) < len(devices):
        name, text = gateway.next_push()
        noticed[name] += 1
        gateway.say_version_of(by_name[name], json.loads(text)["data"]["version"], stored=False)
    gateway.ping()
    return noticed


@pytest.mark.rule("devices", "BatchAddThingTopo", "GetThingTopo")
def test_a_job_updates_all_that_a_gateway_can_have(site: Site, devices: Sequence[Device]) -> None:
    """Each is told once, whatever the gateway has not yet acknowledged; and nobody more can be behind it."""
    known = site.register()
    gateway = site.connect(known)
    gateway.open(*devices, version=None)
    wait_until_online(site, MOST)
    report_all(gateway, devices, "1.0.0")
    job = site.fleet.job(site.fleet.package(), MaximumPerMinute=10_000)

    noticed = update_all(gateway, devices)

    assert set(noticed.values()) == {1}
    wait_until(lambda: counts(site, job) == {"SUCCEEDED": MOST}, seconds=_TIMEOUT, what="the end of the job")
    extra = site.fleet.api.register(site.fleet.product, "one-too-many")
    assert gateway.ask("thing/topo/add", [proof(extra)])["code"] == 6400
    where = {"GwProductKey": known.product_key, "GwDeviceName": known.name}
    code = site.fleet.api.refusal("BatchAddThingTopo", **where, TopoAddItem=[item(extra)])
    assert code == "iot.device.TopoRelationCountExceeded"
    assert site.fleet.api.call("GetThingTopo", IotId=known.iot_id, PageNo=40, PageSize=50)["Data"]["Total"] == MOST
    assert len(gateway.must("thing/topo/get", {})) == MOST
    gateway.must("thing/topo/delete", names(*devices))
    wait_until_online(site, 0)


def counts(site: Site, job: str) -> dict[str, int]:
    """How many tasks are in each state."""
    states = site.fleet.api.call("QueryOTAJobProgress", JobId=job)["Data"]["States"]
    return {state["Status"]: state["Count"] for state in states}

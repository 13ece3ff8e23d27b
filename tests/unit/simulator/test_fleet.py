"""Many devices at once."""

import asyncio

import pytest

from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet
from skyferry.simulator.identity import DeviceIdentity
from skyferry.simulator.tally import DeviceState
from tests.unit.simulator.broker import Broker, Report, Session, eventually
from tests.unit.simulator.conftest import CONTENT, Packages

DEVICES = [DeviceIdentity("pk", f"d{number}", "secret") for number in range(50)]


async def test_all_connect_report_and_leave(broker: Broker) -> None:
    tasks = asyncio.all_tasks()
    async with Fleet(DEVICES, "127.0.0.1", broker.port, max_connecting=7) as fleet:
        await fleet.wait_until(lambda tally: tally.online == 50 and len(broker.reports) == 50)
        assert fleet.versions == {"1.0.0": 50}
    assert fleet.states == dict.fromkeys(DeviceState, 0) | {DeviceState.OFFLINE: 50}
    await eventually(lambda: asyncio.all_tasks() == tasks)


async def test_behaviour_of_each_device(broker: Broker) -> None:
    def behaviour(identity: DeviceIdentity) -> Behaviour:
        return Behaviour(initial_version="1.1.0" if identity.device_name == "d3" else "1.0.0")

    async with Fleet(DEVICES, "127.0.0.1", broker.port, behaviour) as fleet:
        await fleet.wait_until(lambda tally: len(broker.reports) == 50)
        assert fleet.versions == {"1.0.0": 49, "1.1.0": 1}


async def test_counts_of_simultaneous_downloads_add_up(broker: Broker, packages: Packages) -> None:
    def push(session: Session, report: Report) -> None:
        if report.message["params"].get("version") == "1.0.0":
            session.publish(report.topic.replace("inform", "upgrade"), packages.push())

    broker.on_report = push
    async with Fleet(DEVICES, "127.0.0.1", broker.port, Behaviour(break_download=1)) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 50)
    assert (fleet.tally.resumes, fleet.tally.downloads) == (50, 50)
    assert fleet.tally.downloaded_bytes == 50 * len(CONTENT)


async def test_waiting_in_vain_tells_the_tally(broker: Broker) -> None:
    async with Fleet(DEVICES, "127.0.0.1", broker.port) as fleet:
        with pytest.raises(TimeoutError, match=r"at 1\.0\.0; 0 pushes"):
            await fleet.wait_until(lambda tally: tally.pushes == 1, timeout_seconds=0.1)


async def test_error_of_the_simulator_itself_comes_out(broker: Broker) -> None:
    fleet = Fleet(DEVICES[:1], "127.0.0.1", broker.port, Behaviour(module="{"))
    await fleet.start()
    fleet.devices[0]._report_version = None  # type: ignore[assignment,method-assign]
    with pytest.raises(ExceptionGroup):
        await fleet.wait_until(lambda tally: tally.reports == 1)
    with pytest.raises(ExceptionGroup, match="have failed"):
        await fleet.stop()

"""What one device does with what a server sends it."""

from pathlib import Path
from typing import Any

import pytest

from skyferry.simulator.behaviour import Behaviour, Pull
from skyferry.simulator.device import WRONG_VERSION
from skyferry.simulator.fleet import Fleet
from skyferry.simulator.identity import ConnectStyle, DeviceIdentity
from skyferry.simulator.tally import DeviceState
from tests.unit.simulator.broker import Broker, Report, Session
from tests.unit.simulator.conftest import CONTENT, Packages

UPGRADE = "/ota/device/upgrade/pk/d1"
GET_REPLY = "/sys/pk/d1/thing/ota/firmware/get_reply"
REQUEST = "/ota/device/request/pk/d1"


def one(broker: Broker, **knobs: Any) -> Fleet:
    settings: dict[str, Any] = {"reconnect_seconds": 0.01} | knobs
    return Fleet([DeviceIdentity("pk", "d1", "secret")], "127.0.0.1", broker.port, Behaviour(**settings))


def push_on_report(broker: Broker, payload: bytes, old: str = "1.0.0") -> None:
    """Pushes whenever the device reports its old version, as a server does."""

    def answer(session: Session, report: Report) -> None:
        if report.message["params"].get("version") == old:
            session.publish(UPGRADE, payload)

    broker.on_report = answer


async def test_full_cycle(broker: Broker, packages: Packages, tmp_path: Path) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, download_dir=tmp_path) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
        assert fleet.states[DeviceState.IDLE] == 1
        assert fleet.versions == {"2.0.0": 1}
    tally = fleet.tally
    assert broker.versions() == ["1.0.0", "2.0.0"]
    assert broker.steps() == ["0", "25", "50", "75", "100"]
    assert (tally.pushes, tally.connects, tally.downloads, tally.downloaded_bytes) == (1, 2, 1, len(CONTENT))
    assert (tally.violations, tally.losses, tally.resumes) == (0, 0, 0)
    assert (tmp_path / "d1-2.0.0-0.bin").read_bytes() == CONTENT


async def test_strict_reader_and_broken_download(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, strict_http=True, break_download=1) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert packages.requests == ["bytes=0-", f"bytes={len(CONTENT) // 2}-"]
    assert fleet.tally.resumes == 1


async def test_silent_about_progress(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, report_progress=False) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert broker.steps() == []


async def test_module(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push(module="MCU"))
    async with one(broker, module="MCU") as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert {report.message["params"]["module"] for report in broker.reports} == {"MCU"}


async def test_package_of_another_module_is_a_violation(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push(module="MCU"))
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.bad_messages == 1)
    assert packages.requests == []
    assert "module MCU" in fleet.tally.complaints[0]


async def test_package_that_runs_already_is_a_violation(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push("1.0.0"))
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.violations == 1)
    assert packages.requests == []


async def test_several_files(broker: Broker, packages: Packages) -> None:
    flat = packages.data()
    file = {
        "fileSize": flat["size"],
        "fileName": "f",
        "fileUrl": flat["url"],
        "fileMd5": flat["md5"],
        "fileSign": flat["sign"],
    }
    data = {"version": "2.0.0", "signMethod": "Md5", "files": [file, file]}
    push_on_report(broker, packages.envelope({"code": "1000", "data": data, "id": 1}))
    async with one(broker, progress_steps=1) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert broker.steps() == ["0", "100", "0", "100"]
    assert fleet.tally.downloads == 2


@pytest.mark.parametrize(
    ("fate", "steps"),
    [
        ("fail_upgrade", ["-1"]),
        ("fail_download", ["0", "-2"]),
        ("fail_verify", ["0", "100", "-3"]),
        ("fail_flash", ["0", "100", "-4"]),
    ],
)
async def test_failures(broker: Broker, packages: Packages, fate: str, steps: list[str]) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, progress_steps=1, **{fate: 1}) as fleet:
        await fleet.wait_until(lambda tally: tally.failures.total() == 1)
        await fleet.wait_until(lambda tally: broker.steps() == steps)
        assert fleet.states[DeviceState.IDLE] == 1
    assert fleet.versions == {"1.0.0": 1}
    assert fleet.tally.failures == {int(steps[-1]): 1}


async def test_wrong_version(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, wrong_version=1) as fleet:
        await fleet.wait_until(lambda tally: tally.wrong_versions == 1)
        await fleet.wait_until(lambda tally: len(broker.versions()) == 2)
    assert broker.versions() == ["1.0.0", WRONG_VERSION]


async def test_ignored_push(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, ignore=1) as fleet:
        await fleet.wait_until(lambda tally: tally.pushes == 1 and tally.states[DeviceState.IDLE] == 1)
    assert (broker.steps(), packages.requests) == ([], [])


async def test_vanishing_device_stays_away(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, vanish=1) as fleet:
        await fleet.wait_until(lambda tally: tally.states[DeviceState.GONE] == 1)
        assert fleet.tally.online == 0
    assert broker.versions() == ["1.0.0"]


async def test_power_cut_brings_the_old_version_back(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push())
    async with one(broker, power_cut=1) as fleet:
        await fleet.wait_until(lambda tally: len(broker.versions()) >= 3)
    assert set(broker.versions()) == {"1.0.0"}
    assert fleet.tally.violations == 0


async def test_wrong_digest_is_reported_as_failed_verification(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push(md5="0" * 32))
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.failures[-3] == 1)
    assert fleet.tally.digest_failures == 1
    assert "md5 digest" in fleet.tally.complaints[0]


async def test_missing_file_is_reported_as_failed_download(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push("2.0.0", "/missing"))
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.failures[-2] == 1)
    assert fleet.tally.http_errors == 1


async def test_second_push_during_the_download_is_a_violation(broker: Broker, packages: Packages) -> None:
    packages.gate.clear()
    push_on_report(broker, packages.push())
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: len(packages.requests) == 1)
        broker.sessions[0].publish(UPGRADE, packages.push())
        broker.sessions[0].publish(UPGRADE, packages.push("3.0.0"))
        await fleet.wait_until(lambda tally: tally.pushes == 3)
        assert (fleet.tally.duplicate_pushes, fleet.tally.overlapping_pushes) == (1, 1)
        packages.gate.set()
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert len(packages.requests) == 1


async def test_push_on_a_new_connection_is_none(broker: Broker, packages: Packages) -> None:
    packages.gate.clear()
    push_on_report(broker, packages.push())
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: len(packages.requests) == 1)
        broker.sessions[0].drop()
        await fleet.wait_until(lambda tally: tally.overlapping_pushes == 1)
        assert fleet.states[DeviceState.UPDATING] == 1
        packages.gate.set()
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert (fleet.tally.duplicate_pushes, fleet.tally.losses, len(packages.requests)) == (0, 1, 1)


async def test_message_for_a_json_parser_is_a_violation(broker: Broker, packages: Packages) -> None:
    push_on_report(broker, packages.push().replace(b":", b": "))
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.bad_messages == 1)
    assert packages.requests == []


async def test_pull(broker: Broker, packages: Packages) -> None:
    def answer(session: Session, report: Report) -> None:
        if report.topic == "/sys/pk/d1/thing/ota/firmware/get":
            data = packages.data() if len(broker.sessions) == 1 else {}
            session.publish(GET_REPLY, packages.envelope({"id": report.message["id"], "code": 200, "data": data}))

    broker.on_report = answer
    async with one(broker, pull=Pull.GET) as fleet:
        await fleet.wait_until(lambda tally: tally.pull_replies == 2)
    assert broker.versions() == ["1.0.0", "2.0.0"]
    assert (fleet.tally.pushes, fleet.tally.violations) == (0, 0)


async def test_older_request(broker: Broker, packages: Packages) -> None:
    def answer(session: Session, report: Report) -> None:
        if report.topic == REQUEST and report.message["params"]["version"] == "1.0.0":
            session.publish(REQUEST, b'{"id":"2","params":{"version":"1.0.0"}}')
            session.publish(REQUEST, packages.push())

    broker.on_report = answer
    async with one(broker, pull=Pull.REQUEST, report_qos=1) as fleet:
        await fleet.wait_until(lambda tally: tally.updates == 1)
    assert {report.qos for report in broker.reports if "/progress/" not in report.topic} == {1}
    assert (fleet.tally.pull_replies, fleet.tally.violations) == (1, 0)


async def test_explicit_subscription_comes_before_the_report(broker: Broker) -> None:
    async with one(broker, subscribe=True, connect=ConnectStyle(expects_system_topics=False)) as fleet:
        await fleet.wait_until(lambda tally: len(broker.reports) == 1)
    assert broker.sessions[0].subscribed == [UPGRADE, GET_REPLY, REQUEST]
    assert broker.sessions[0].packets[:3] == [12, 8, 3]
    assert b"_ss" not in broker.sessions[0].connect


async def test_refused_subscription_is_counted(broker: Broker) -> None:
    broker.suback = 0x80
    async with one(broker, subscribe=True) as fleet:
        await fleet.wait_until(lambda tally: tally.refused_subscriptions == 1)


async def test_refused_device_tries_again(broker: Broker) -> None:
    broker.connack = 5
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.refusals[5] == 2)
        assert fleet.states[DeviceState.OFFLINE] == 1
        broker.connack = 0
        await fleet.wait_until(lambda tally: tally.online == 1)


async def test_restart_by_hand(broker: Broker) -> None:
    async with one(broker) as fleet:
        await fleet.wait_until(lambda tally: tally.reports == 1)
        await fleet.devices[0].restart()
        await fleet.wait_until(lambda tally: tally.reports == 2)
    assert fleet.tally.losses == 0

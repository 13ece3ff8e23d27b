"""One open task per device and module (control-plane reference §5.7 static rule 4, §6.10)."""

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Device

pytestmark = pytest.mark.rule("CreateOTAStaticUpgradeJob")

PENDING = ("CONFIRM", "QUEUED", "NOTIFIED")


def begun(fleet: Fleet, state: str, device: Device, firmware: str) -> tuple[str, ScriptedDevice | None]:
    """A job whose task for the device is in this state."""
    job = fleet.job(firmware, [device], NeedConfirm=state == "CONFIRM")
    client = None
    if state in {"NOTIFIED", "IN_PROGRESS"}:
        client = fleet.connect(device)
        client.push()
    if client and state == "IN_PROGRESS":
        client.say_progress(1)
    assert fleet.state(job, device) == state
    return job, client


@pytest.mark.parametrize("state", [*PENDING, "IN_PROGRESS"])
@pytest.mark.parametrize("mode", [None, 1])
def test_mode_1_keeps_the_older_task_and_fails_the_newer_at_once(fleet: Fleet, state: str, mode: int | None) -> None:
    """§6.10, first line; 1 is the default."""
    device = fleet.device()
    older, _ = begun(fleet, state, device, fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [device], **({"OverwriteMode": mode} if mode else {}))

    assert (fleet.state(older, device), fleet.state(newer, device)) == (state, "FAILED")
    assert fleet.task(newer, device)["TaskDesc"]
    assert fleet.api.job_status(newer) == "COMPLETED"
    assert fleet.api.job_status(older) == "IN_PROGRESS"


@pytest.mark.parametrize("state", PENDING)
def test_mode_2_replaces_an_older_task_that_has_not_begun(fleet: Fleet, state: str) -> None:
    """§6.10, second line; the replaced job has nothing left and completes."""
    device = fleet.device()
    older, client = begun(fleet, state, device, fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [device], OverwriteMode=2)

    assert fleet.state(older, device) == "CANCELED"
    assert fleet.task(older, device)["TaskDesc"]
    assert fleet.api.job_status(older) == "COMPLETED"
    client = client or fleet.connect(device)
    assert client.offer()["version"] == "3.0.0"
    assert fleet.state(newer, device) == "NOTIFIED"


def test_mode_2_never_replaces_a_task_in_progress(fleet: Fleet) -> None:
    """§6.10, second line: the old one runs on, the new one fails."""
    device = fleet.device()
    older, client = begun(fleet, "IN_PROGRESS", device, fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [device], OverwriteMode=2)

    assert (fleet.state(older, device), fleet.state(newer, device)) == ("IN_PROGRESS", "FAILED")
    assert client
    client.say_version("2.0.0")
    assert fleet.state(older, device) == "SUCCEEDED"


def test_only_the_devices_of_both_jobs_are_concerned(fleet: Fleet) -> None:
    """§6.10: a job replaces the tasks of its own devices only."""
    first, second = fleet.devices(2)
    older = fleet.job(fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [second], OverwriteMode=2)

    assert fleet.api.states(older) == {first.name: "QUEUED", second.name: "CANCELED"}
    assert fleet.api.states(newer) == {second.name: "QUEUED"}
    assert fleet.api.job_status(older) == "IN_PROGRESS"


def with_two_modules(fleet: Fleet) -> Device:
    device = fleet.device()
    fleet.connect(device, None).say_version("0.1", "MCU")
    return device


def test_without_multi_module_mode_other_modules_are_in_the_way(fleet: Fleet) -> None:
    """§5.7 static rule 4: one job at a time for the whole device."""
    device = with_two_modules(fleet)
    older = fleet.job(fleet.package("2.0.0"), [device], NeedPush=False)

    newer = fleet.job(fleet.package("0.2", ModuleName="MCU"), [device])

    assert (fleet.state(older, device), fleet.state(newer, device)) == ("QUEUED", "FAILED")


def test_with_multi_module_mode_other_modules_run_side_by_side(fleet: Fleet) -> None:
    """§6.10, fourth line."""
    device = with_two_modules(fleet)
    older = fleet.job(fleet.package("2.0.0"), [device], MultiModuleMode=True)
    newer = fleet.job(fleet.package("0.2", ModuleName="MCU"), [device], MultiModuleMode=True)
    client = fleet.connect(device)
    client.say_version("0.1", "MCU")

    offers = {client.offer().get("module"): None for _ in range(2)}
    client.say_progress(10, "MCU")
    client.say_version("2.0.0")

    assert set(offers) == {None, "MCU"}
    assert (fleet.state(older, device), fleet.state(newer, device)) == ("SUCCEEDED", "IN_PROGRESS")
    client.say_version("0.2", "MCU")
    assert fleet.state(newer, device) == "SUCCEEDED"


@pytest.mark.parametrize("state", PENDING)
def test_with_multi_module_mode_the_same_module_is_replaced(fleet: Fleet, state: str) -> None:
    """§6.10, third line."""
    device = fleet.device()
    older, _ = begun(fleet, state, device, fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [device], MultiModuleMode=True, NeedPush=False)

    assert (fleet.state(older, device), fleet.state(newer, device)) == ("CANCELED", "QUEUED")


def test_with_multi_module_mode_a_task_in_progress_runs_on(fleet: Fleet) -> None:
    """§6.10, third line."""
    device = fleet.device()
    older, _ = begun(fleet, "IN_PROGRESS", device, fleet.package("2.0.0"))

    newer = fleet.job(fleet.package("3.0.0"), [device], MultiModuleMode=True)

    assert (fleet.state(older, device), fleet.state(newer, device)) == ("IN_PROGRESS", "FAILED")


def test_a_device_that_is_done_is_free_for_the_next_job(fleet: Fleet) -> None:
    """§5.7 static rules 4 and 5: several static jobs per package are allowed."""
    device, other = fleet.devices(2)
    firmware = fleet.package("2.0.0")
    first = fleet.job(firmware, [device])
    second = fleet.job(firmware, [other])
    client = fleet.connect(device)
    client.push()
    client.say_progress(-1)

    third = fleet.job(firmware, [device])

    assert [fleet.api.job_status(job) for job in (first, second, third)] == ["COMPLETED", "IN_PROGRESS", "IN_PROGRESS"]
    assert client.offer()["version"] == "2.0.0"

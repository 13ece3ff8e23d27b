"""ConfirmOTATask and the tasks that wait for it (control-plane reference §6.2, §6.3, §6.7; §12, 4)."""

import time

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Device, items

pytestmark = pytest.mark.rule("ConfirmOTATask")


def waiting(fleet: Fleet, count: int = 1, **options: object) -> tuple[str, list[Device], list[str]]:
    """A job with NeedConfirm, its devices and their TaskIds."""
    devices = fleet.devices(count)
    job = fleet.job(fleet.package(), devices, NeedConfirm=True, **options)
    return job, devices, [fleet.task(job, device)["TaskId"] for device in devices]


def confirm(fleet: Fleet, *task_ids: str) -> None:
    fleet.api.call("ConfirmOTATask", TaskId=list(task_ids))


def refused(fleet: Fleet, *task_ids: str) -> str:
    return fleet.api.refusal("ConfirmOTATask", TaskId=list(task_ids))


def test_the_intended_flow_lists_shows_and_confirms(fleet: Fleet) -> None:
    """§6.3: ListOTAUnfinishedTaskByDevice(TaskStatus=CONFIRM), show to the end user, ConfirmOTATask."""
    job, [device], _ = waiting(fleet)
    client = fleet.connect(device)
    answer = fleet.api.call("ListOTAUnfinishedTaskByDevice", IotId=device.iot_id, TaskStatus="CONFIRM")
    [task] = items(answer["Data"], "SimpleOTATaskInfo")

    confirm(fleet, task["TaskId"])

    assert client.offer()["version"] == "2.0.0"
    client.say_progress(50)
    client.say_version("2.0.0")
    assert fleet.state(job, device) == "SUCCEEDED"


def test_a_device_that_is_offline_is_told_at_its_next_connection(fleet: Fleet) -> None:
    """§6.3, §6.7: QUEUED until then."""
    job, [device], tasks = waiting(fleet)

    confirm(fleet, *tasks)

    assert fleet.state(job, device) == "QUEUED"
    assert fleet.connect(device).offer()["version"] == "2.0.0"


def test_without_push_a_confirmed_device_has_to_ask(fleet: Fleet) -> None:
    """§6.3: otherwise it waits for the device's request."""
    job, [device], tasks = waiting(fleet, NeedPush=False)
    client = fleet.connect(device)
    assert client.pull()["data"] == {}

    confirm(fleet, *tasks)

    assert client.pull()["data"]["version"] == "2.0.0"
    assert client.pushes() == []
    assert fleet.state(job, device) == "NOTIFIED"


def test_one_bad_task_id_fails_the_whole_call(fleet: Fleet) -> None:
    """§12 (4): nothing changes."""
    job, devices, [first, second] = waiting(fleet, 2)
    confirm(fleet, second)

    assert refused(fleet, first, "x" * 26) == "iot.firmware.InvalidOTATaskId"
    assert refused(fleet, first, "no task") == "iot.firmware.InvalidOTATaskId"
    assert refused(fleet, first, " ") == "iot.firmware.NullTaskId"
    assert refused(fleet, first, second) == "iot.firmware.InvalidTaskStatus"
    assert refused(fleet, first, first) == "iot.common.InvalidFormattedParameter"
    assert fleet.api.states(job) == {devices[0].name: "CONFIRM", devices[1].name: "QUEUED"}


def test_one_to_ten_task_ids(fleet: Fleet) -> None:
    """§6.3."""
    job, devices, tasks = waiting(fleet, 11)

    assert refused(fleet, *tasks) == "iot.firmware.ParameterSizeExceedMax"
    assert refused(fleet) == "MissingTaskId"
    confirm(fleet, *tasks[:10])
    states = fleet.api.states(job)
    assert [states[device.name] for device in devices] == ["QUEUED"] * 10 + ["CONFIRM"]


@pytest.mark.parametrize("pending", [True, False])
def test_what_waits_for_no_confirmation_is_refused(fleet: Fleet, pending: bool) -> None:
    """§6.3: acts on tasks in CONFIRM."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    if not pending:
        fleet.cancel(firmware, [device.name])

    assert refused(fleet, fleet.task(job, device)["TaskId"]) == "iot.firmware.InvalidTaskStatus"


def test_a_planned_job_is_not_confirmed_before_its_schedule(fleet: Fleet) -> None:
    """§6.3: a scheduled batch must be confirmed inside its schedule window."""
    begin = int(time.time() * 1_000) + 600_000
    job, [device], tasks = waiting(fleet, ScheduleTime=begin)

    assert refused(fleet, *tasks) == "iot.firmware.InvalidTaskStatus"
    assert fleet.state(job, device) == "CONFIRM"

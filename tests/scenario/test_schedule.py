"""Jobs by the clock (control-plane reference §5.7, §7.2; §12, 8 and 9)."""

import time

import pytest

from tests.scenario.support import Fleet
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("CreateOTAStaticUpgradeJob")

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def in_ms(milliseconds: int) -> int:
    return round(time.time() * 1_000) + milliseconds


@pytest.mark.rule("QueryOTAJob")
def test_a_scheduled_job_is_planned_until_its_time(fleet: Fleet) -> None:
    """§7.2, §12 (9): named devices have their task and are not told yet."""
    device = fleet.device()
    start = in_ms(HOUR)
    job = fleet.job(fleet.package(), [device], ScheduleTime=start, ScheduleFinishTime=start + HOUR)
    client = fleet.connect(device)

    assert fleet.api.states(job) == {device.name: "QUEUED"}
    assert client.pull()["data"] == {}
    assert client.pushes() == []
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["JobStatus"] == "PLANNED"
    assert "UtcStartTime" not in details
    assert details["UtcScheduleTime"][:19] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start // 1_000))
    assert details["UtcScheduleFinishTime"] > details["UtcScheduleTime"]


@pytest.mark.rule("QueryOTAJob")
def test_a_scheduled_job_starts_at_its_time(fleet: Fleet) -> None:
    """§7.2, §12 (9): ALL looks at the fleet then."""
    firmware = fleet.package()
    device = fleet.device()
    named = fleet.job(firmware, [device], ScheduleTime=in_ms(HOUR))
    everyone = fleet.job(fleet.package("3.0.0"), ScheduleTime=in_ms(HOUR), OverwriteMode=1)
    client = fleet.connect(device)
    late = fleet.device("late-1")
    assert fleet.api.states(everyone) == {}

    fleet.bring_forward(named, "schedule_at")
    assert client.offer()["version"] == "2.0.0"
    fleet.bring_forward(everyone, "schedule_at")
    wait_until(lambda: len(fleet.api.states(everyone)) == 2, interval=0.05, what="the start of the second job")

    assert fleet.api.states(everyone) == {device.name: "FAILED", late.name: "QUEUED"}
    assert fleet.api.call("QueryOTAJob", JobId=named)["Data"]["UtcStartTime"]


def test_the_end_of_a_schedule_cancels_what_has_not_begun(fleet: Fleet) -> None:
    """§12 (8)."""
    begun, waiting = fleet.devices(2)
    start = in_ms(HOUR)
    job = fleet.job(fleet.package(), [begun, waiting], ScheduleTime=start, ScheduleFinishTime=start + HOUR)
    client = fleet.connect(begun)
    fleet.bring_forward(job, "schedule_at")
    client.push()
    client.say_progress(10)

    fleet.bring_forward(job, "finish_at")
    fleet.wait_for_state(job, waiting, "CANCELED")

    assert fleet.state(job, begun) == "IN_PROGRESS"
    assert fleet.api.job_status(job) == "COMPLETED"
    client.say_version("2.0.0")
    assert fleet.state(job, begun) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("start", "finish", "code"),
    [
        (-HOUR, None, "FireTimeMustLargeThanCurrentTime"),
        (MINUTE, None, "FireTimeTooShort"),
        (8 * DAY, None, "FireTimeTooLate"),
        (HOUR, HOUR - MINUTE, "ScheduleFinishTimeEarlierThanStartTime"),
        (HOUR, HOUR + MINUTE, "ScheduleFinishTimeTooEarly"),
        (HOUR, 32 * DAY, "ScheduleFinishTimeTooLate"),
    ],
)
def test_a_schedule_out_of_its_bounds_has_its_documented_code(
    fleet: Fleet, start: int, finish: int | None, code: str
) -> None:
    """§5.7 (ScheduleTime, ScheduleFinishTime), §8.2."""
    times = {"ScheduleTime": in_ms(start)} | ({} if finish is None else {"ScheduleFinishTime": in_ms(finish)})
    device = fleet.device()

    assert fleet.refused_job(fleet.package(), [device], **times) == f"iot.firmware.{code}"

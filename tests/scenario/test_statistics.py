"""What updates came to, what devices run, and which jobs there are: operations of Skyferry alone."""

import time
from typing import Any

import pytest

from tests.scenario.support import Fleet

HOUR_MS = 3_600_000


def statistics(fleet: Fleet, **more: Any) -> dict[str, Any]:
    """QueryOTAStatistics of the fleet's product, the last hours."""
    now = round(time.time() * 1_000)
    given = {"ProductKey": fleet.product, "StartTime": now - 2 * HOUR_MS, "EndTime": now + HOUR_MS} | more
    data: dict[str, Any] = fleet.api.call("QueryOTAStatistics", **given)["Data"]
    return data


def jobs(fleet: Fleet, **more: Any) -> dict[str, Any]:
    """ListOTAJobs of the fleet's product."""
    return fleet.api.call("ListOTAJobs", ProductKey=fleet.product, **more)


def distribution(fleet: Fleet, **more: Any) -> dict[str, Any]:
    data: dict[str, Any] = fleet.api.call("QueryOTAVersionDistribution", **more)["Data"]
    return data


@pytest.mark.rule("QueryOTAStatistics")
def test_successes_failures_and_their_causes_are_counted(fleet: Fleet) -> None:
    devices = fleet.devices(3)
    firmware = fleet.package()
    job = fleet.job(firmware, devices)
    other = fleet.job(fleet.package("3.0.0"), devices[:1])
    first, second, _third = [fleet.connect(device) for device in devices]
    first.offer()
    first.say_version("2.0.0")
    second.offer()
    second.say_progress(-2, description="no room")

    found = statistics(fleet)
    assert (found["Succeeded"], found["Failed"]) == (1, 2)
    assert sum(period["Succeeded"] for period in found["Periods"]) == 1
    assert found["Periods"][0]["UtcTime"].endswith(":00:00Z")
    assert {item["Cause"]: item["Count"] for item in found["Causes"]} == {
        "the download failed: no room": 1,
        "another update of the device is not finished": 1,
    }
    assert statistics(fleet, JobId=job, Interval="DAY")["Failed"] == 1
    assert statistics(fleet, FirmwareId=firmware)["Failed"] == 1
    assert statistics(fleet, JobId=other)["Causes"][0]["Cause"] == "another update of the device is not finished"


@pytest.mark.rule("QueryOTAStatistics")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"Interval": "WEEK"}, "iot.common.InvalidFormattedParameter"),
        ({"StartTime": 1, "EndTime": 1}, "iot.common.InvalidFormattedParameter"),
        ({"StartTime": 0, "EndTime": 32 * 24 * HOUR_MS}, "iot.common.InvalidFormattedParameter"),
        ({"ProductKey": "nothing"}, "iot.prod.NotExistedProduct"),
        ({"FirmwareId": "nothing"}, "iot.firmware.FirmwareNotFound"),
        ({"JobId": "nothing"}, "iot.firmware.InvalidOTAJobId"),
    ],
)
def test_statistics_of_what_there_is_not_are_refused(fleet: Fleet, wrong: dict[str, Any], code: str) -> None:
    given = {"StartTime": 0, "EndTime": HOUR_MS} | wrong

    assert fleet.api.refusal("QueryOTAStatistics", **given) == code


@pytest.mark.rule("QueryOTAVersionDistribution")
def test_versions_are_told_by_product_and_module_and_by_job(fleet: Fleet) -> None:
    for number in range(1, 8):
        fleet.device(f"device-{number}", version=f"1.0.{min(number, 6)}")
    fleet.device("device-8", version="7", module="mcu")
    job = fleet.job(fleet.package())

    found = distribution(fleet, ProductKey=fleet.product, JobId=job)
    assert (found["Total"], found["Others"]) == (7, 1)
    assert found["Versions"][0] == {"Version": "1.0.6", "Count": 2}
    assert len(found["Versions"]) == 5
    assert len(distribution(fleet, ProductKey=fleet.product, TopVersions=50)["Versions"]) == 6
    assert found["Modules"] == [{"ModuleName": "default", "Count": 7}, {"ModuleName": "mcu", "Count": 1}]
    assert found["SourceTotal"] == 7
    assert found["SourceVersions"][0] == {"Version": "1.0.6", "Count": 2}
    mcu = distribution(fleet, ProductKey=fleet.product, ModuleName="mcu")
    assert (mcu["Total"], mcu["Versions"], mcu["SourceVersions"]) == (1, [{"Version": "7", "Count": 1}], [])


@pytest.mark.rule("QueryOTAVersionDistribution")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({}, "iot.prod.NullProductKey"),
        ({"ProductKey": "nothing"}, "iot.prod.NotExistedProduct"),
        ({"JobId": "nothing"}, "iot.firmware.InvalidOTAJobId"),
        ({"JobId": " "}, "iot.firmware.NullOTAJobId"),
        ({"ProductKey": "nothing", "TopVersions": 0}, "iot.common.InvalidFormattedParameter"),
        ({"ProductKey": "nothing", "TopVersions": 51}, "iot.common.InvalidFormattedParameter"),
    ],
)
def test_versions_of_what_there_is_not_are_refused(fleet: Fleet, wrong: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal("QueryOTAVersionDistribution", **wrong) == code


@pytest.mark.rule("ListOTAJobs")
def test_jobs_of_the_instance_are_paged_newest_first(fleet: Fleet) -> None:
    devices = fleet.devices(2)
    made = [fleet.job(fleet.package(f"2.0.{number}"), [devices[number % 2]]) for number in range(3)]

    first = jobs(fleet, PageSize=2)
    listed = first["Data"]["JobInfo"]
    rest = jobs(fleet, PageSize=2, NextToken=first["NextToken"])
    listed += rest["Data"]["JobInfo"]
    assert [job["JobId"] for job in listed] == made[::-1]
    assert "NextToken" not in rest
    assert (listed[-1]["DestVersion"], listed[-1]["ProductKey"], listed[-1]["Total"]) == ("2.0.0", fleet.product, 1)
    assert listed[-1]["States"] == [{"Status": "QUEUED", "Count": 1}]
    assert listed[0]["States"] == [{"Status": "FAILED", "Count": 1}]


@pytest.mark.rule("ListOTAJobs")
def test_jobs_are_listed_by_their_state(fleet: Fleet) -> None:
    device = fleet.device()
    running = fleet.job(fleet.package("2.0.0"), [device])
    ended = fleet.job(fleet.package("3.0.0"), [device])
    fleet.api.call("PauseOTAJob", JobId=running, Reason="smoke")

    found = {state: jobs(fleet, JobStatus=state)["Data"]["JobInfo"] for state in ("IN_PROGRESS", "COMPLETED")}
    assert [job["JobId"] for job in found["COMPLETED"]] == [ended]
    assert (found["IN_PROGRESS"][0]["Paused"], found["IN_PROGRESS"][0]["PauseReason"]) == (
        True,
        "paused by root: smoke",
    )


@pytest.mark.rule("ListOTAJobs")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"JobStatus": "RUNNING"}, "iot.common.InvalidFormattedParameter"),
        ({"PageSize": 51}, "iot.common.InvalidPageParams"),
        ({"NextToken": "nothing"}, "iot.common.InvalidPageParams"),
        ({"ProductKey": "nothing"}, "iot.prod.NotExistedProduct"),
    ],
)
def test_a_list_of_jobs_that_cannot_be_is_refused(fleet: Fleet, wrong: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal("ListOTAJobs", **wrong) == code

"""Automatic retry, as a device and an application see it (control-plane reference §6.8)."""

import pytest

from tests.scenario.support import Fleet

pytestmark = pytest.mark.rule("CreateOTAStaticUpgradeJob")


@pytest.mark.rule("QueryOTAJob", "ListOTATaskByJob")
def test_a_failed_update_is_pushed_again_and_fails_after_the_last_try(fleet: Fleet) -> None:
    """§6.8: the state stays as it is while another try is to come."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], RetryInterval=0, RetryCount=1)
    client = fleet.connect(device)
    client.push()
    client.say_progress(10)

    client.say_progress(-2)
    client.push()
    assert fleet.state(job, device) == "IN_PROGRESS"
    assert "try 1 of 2" in fleet.task(job, device)["TaskDesc"]
    client.say_progress(-2)

    assert fleet.state(job, device) == "FAILED"
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (details["RetryInterval"], details["RetryCount"]) == (0, 1)


def test_a_second_try_can_succeed(fleet: Fleet) -> None:
    """§6.8."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], RetryInterval=0, RetryCount=2)
    client = fleet.connect(device)
    client.push()
    client.say_progress(-4)
    client.push()

    client.say_version("2.0.0")

    assert (fleet.state(job, device), fleet.task(job, device)["TaskDesc"]) == ("SUCCEEDED", "")


def test_with_an_interval_nothing_is_sent_before_it_is_over(fleet: Fleet) -> None:
    """§6.8 (RetryInterval)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], RetryInterval=10, RetryCount=1)
    client = fleet.connect(device)
    client.push()
    client.say_progress(-1)

    client.say_version("1.0.0")

    assert client.pushes() == []
    assert client.pull()["data"] == {}
    assert fleet.state(job, device) == "NOTIFIED"

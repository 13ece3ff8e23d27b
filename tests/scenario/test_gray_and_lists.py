"""Shares of a fleet and list files (control-plane reference §3.2, §5.7; §12, 10 and 28)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("CreateOTAStaticUpgradeJob")


def uploaded_list(fleet: Fleet, text: str) -> dict[str, Any]:
    """Parameters of a job for the names in a text."""
    return {"TargetSelection": "SPECIFIC", "DnListFileUrl": fleet.api.upload_list(text.encode())}


@pytest.mark.rule("QueryOTAJob")
def test_a_gray_job_takes_the_floor_of_its_share(fleet: Fleet) -> None:
    """§5.7 (GrayPercent)."""
    fleet.devices(7)

    job = fleet.job(fleet.package(), TargetSelection="GRAY", GrayPercent="33.333")

    assert len(fleet.api.states(job)) == 2
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (details["TargetSelection"], details["GrayPercent"]) == ("GRAY", "33.33")


def test_a_gray_job_takes_one_device_at_least(fleet: Fleet) -> None:
    """§5.7 (GrayPercent)."""
    fleet.devices(3)

    assert len(fleet.api.states(fleet.job(fleet.package(), TargetSelection="GRAY", GrayPercent="0.001"))) == 1


def test_a_gray_job_may_be_for_source_versions(fleet: Fleet) -> None:
    """§5.7 (SrcVersion.N: ALL and GRAY)."""
    fleet.device("one-1", "1.0.0")
    fleet.device("two-1", "1.1.0")

    job = fleet.job(fleet.package(), TargetSelection="GRAY", GrayPercent="100", SrcVersion=["1.1.0"])

    assert set(fleet.api.states(job)) == {"two-1"}


def test_a_list_file_names_the_devices_by_lines_and_commas(fleet: Fleet) -> None:
    """§3.2, §5.7 (DnListFileUrl): devices at the target, unknown ones and repeated names are passed over."""
    first, second, _ = fleet.devices(3)
    fleet.device("updated-1", "2.0.0")
    listed = uploaded_list(fleet, f"\ufeff{first.name}\r\n{second.name},updated-1\r\nnobody-1\r\n{first.name}\r\n")

    job = fleet.job(fleet.package(), **listed)

    assert fleet.api.states(job) == {first.name: "QUEUED", second.name: "QUEUED"}


def test_a_package_file_is_no_list(fleet: Fleet) -> None:
    """§3.2: a list goes to a ticket of its own."""
    device = fleet.device()
    url = fleet.api.upload(device.name.encode())

    refused = fleet.refused_job(fleet.package(), TargetSelection="SPECIFIC", DnListFileUrl=url)
    assert refused == "iot.common.InvalidFormattedParameter"


def test_a_list_file_of_nobody_is_refused(fleet: Fleet) -> None:
    """§5.7 static rule 3."""
    fleet.device("updated-1", "2.0.0")
    firmware = fleet.package()

    assert fleet.refused_job(firmware, **uploaded_list(fleet, "updated-1\n")) == "iot.firmware.NoDeviceCanUpgrade"
    assert fleet.refused_job(firmware, **uploaded_list(fleet, "\n,\r\n")) == "iot.firmware.NullTargetDeviceNames"


def test_a_list_file_with_more_than_a_million_names_is_refused(fleet: Fleet) -> None:
    """§3.2."""
    listed = uploaded_list(fleet, "abcd\n" * 1_000_001)

    assert fleet.refused_job(fleet.package(), **listed) == "iot.firmware.TooManyDeviceUpgrade"


def test_a_long_list_file_is_worked_off_after_the_call(fleet: Fleet) -> None:
    """§3.2: names beyond the first portion become tasks too."""
    first, last = fleet.devices(2)
    names = "".join(f"nobody-{number:06}\n" for number in range(30_000))
    listed = uploaded_list(fleet, f"{first.name}\n{names}{last.name}")

    job = fleet.job(fleet.package(), **listed)

    wait_until(lambda: len(fleet.api.states(job)) == 2, interval=0.05, what="a task for the last name")
    assert set(fleet.api.states(job)) == {first.name, last.name}

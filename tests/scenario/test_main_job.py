"""The whole job: a package is uploaded, verified, rolled out to a fleet, and a part of the fleet is taken back."""

import random

import pytest

from tests.scenario.support import Fleet
from tests.support.device import Notice, download

CONTENT = random.Random(8).randbytes(200_000)


@pytest.mark.rule("devices")
def test_a_fleet_is_verified_updated_and_partly_cancelled(fleet: Fleet) -> None:
    """control-plane reference §4.1, §5.6, §5.7, §6.5, §6.9, §7; device-plane reference §2, §3."""
    tester, runner, late, never = fleet.devices(4)
    firmware = fleet.package(NeedToVerify=True, FirmwareUrl=fleet.api.upload(CONTENT), Udi="be careful")

    check = fleet.verification(firmware, [tester])
    testing = fleet.connect(tester)
    push = testing.push()
    testing.say_version("2.0.0")
    assert push["data"]["extData"] == {"_package_udi": "be careful"}
    assert (fleet.state(check, tester), fleet.package_info(firmware)["Status"]) == ("SUCCEEDED", 1)

    job = fleet.job(firmware, Tag=[{"Key": "wave", "Value": "1"}])
    assert fleet.api.states(job) == dict.fromkeys(("device-2", "device-3", "device-4"), "QUEUED")
    running = fleet.connect(runner)
    notice = running.wait_for_notice()
    running.say_progress(0)
    notice.verify(download(notice, drop_at=70_000))
    running.say_progress(100)
    assert fleet.api.states(job) == {"device-2": "IN_PROGRESS", "device-3": "QUEUED", "device-4": "QUEUED"}

    fleet.cancel(firmware, [runner.name, never.name])
    running.say_version("2.0.0")
    fleet.connect(late).offer()
    fleet.connect(never)

    assert fleet.api.states(job) == {"device-2": "SUCCEEDED", "device-3": "NOTIFIED", "device-4": "CANCELED"}
    assert fleet.api.job_status(job) == "IN_PROGRESS"
    fleet.cancel(firmware, [late.name])
    assert fleet.api.job_status(job) == "COMPLETED"
    assert [fleet.api.version(device) for device in (tester, runner, late, never)] == [
        "2.0.0",
        "2.0.0",
        "1.0.0",
        "1.0.0",
    ]


@pytest.mark.rule("CreateOTAFirmware")
def test_several_files_are_offered_and_downloaded(fleet: Fleet) -> None:
    """control-plane reference §4.1 (MultiFiles); device-plane reference §2.3."""
    contents = {"boot": CONTENT[:1_000], "main": CONTENT}
    files = [{"Name": name, "Url": fleet.api.upload(content)} for name, content in contents.items()]
    device = fleet.device()
    firmware = fleet.package(MultiFiles=files)
    fleet.job(firmware, [device])

    offer = fleet.connect(device).offer()
    shown = fleet.package_info(firmware)

    assert not {"url", "size", "sign"} & set(offer)
    assert not {"FirmwareUrl", "FirmwareSize", "FirmwareSign"} & set(shown)
    assert [file["Name"] for file in shown["MultiFiles"]] == list(contents)
    for file in offer["files"]:
        notice = Notice(
            str(file),
            "",
            "",
            file["fileUrl"],
            file["fileSize"],
            offer["signMethod"],
            file["fileSign"],
            file["fileMd5"],
            None,
        )
        notice.verify(download(notice))
        assert download(notice) == contents[file["fileName"]]

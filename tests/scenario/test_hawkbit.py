"""Devices that speak hawkBit's device API are updated by the same jobs, tasks and rules (device-plane reference §5)."""

import hashlib
import json
import re

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items
from tests.support.hawkbit import HawkbitDevice

pytestmark = pytest.mark.rule("devices")


@pytest.fixture
def hawkbit(fleet: Fleet) -> Fleet:
    """A product whose devices ask over HTTP."""
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DeviceProtocol="hawkbit")
    return fleet


def visitor(fleet: Fleet, name: str = "device-1", version: str | None = "1.0.0") -> HawkbitDevice:
    """A registered device; it has reported a version unless that is None."""
    device = HawkbitDevice.of(fleet.server.http, fleet.api.register(fleet.product, name))
    if version is not None:
        assert device.report(version=version).status == 200
    return device


def versions(fleet: Fleet, name: str = "device-1") -> dict[str, str]:
    """What a device runs, by its modules."""
    page = {"ProductKey": fleet.product, "DeviceName": name, "CurrentPage": 1, "PageSize": 10}
    listed = items(fleet.api.call("ListOTAModuleVersionsByDevice", **page)["Data"], "SimpleOTAModuleInfo")
    return {item["ModuleName"]: item["ModuleVersion"] for item in listed}


def test_an_update_from_the_poll_to_success(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package("2.0.0", FirmwareName="from_poll_to_end"))
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})

    action, chunk = device.deployment()
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}
    [artifact] = chunk.pop("artifacts")
    content = b"new firmware"
    assert chunk == {"part": "bApp", "version": "2.0.0", "name": "from_poll_to_end"}
    assert artifact["hashes"] == {name: hashlib.new(name, content).hexdigest() for name in ("sha1", "md5", "sha256")}
    assert artifact["size"] == len(content)
    assert artifact["_links"]["download"] == artifact["_links"]["download-http"]
    url = artifact["_links"]["download"]["href"]
    assert url.startswith(f"http://{hawkbit.server.http}{device.root}/softwaremodules/")
    whole = device.send("GET", url)
    part = device.send("GET", url, Range="bytes=4-")
    digest = device.send("GET", artifact["_links"]["md5sum"]["href"])
    assert (whole.status, whole.body) == (200, content)
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, content[4:], "bytes 4-11/12")
    assert digest.body.decode() == f"{hashlib.md5(content).hexdigest()}  {artifact['filename']}\n"
    assert device.send("GET", url, Range="bytes=12-").status == 416

    assert device.feedback(action, "proceeding", progress=(1, 4)) == 200
    assert (hawkbit.api.tasks(job)[0]["TaskStatus"], hawkbit.api.tasks(job)[0]["Progress"]) == ("IN_PROGRESS", "25.00")
    assert device.feedback(action, "closed", "success", "done") == 200
    assert hawkbit.api.states(job) == {"device-1": "SUCCEEDED"}
    assert "deploymentBase" not in device.poll()
    assert device.send("GET", f"/installedBase/{action}").json["deployment"]["chunks"][0]["version"] == "2.0.0"
    assert device.send("GET", url).status == 404


def test_the_answer_to_a_poll_has_hawkbit_s_form(hawkbit: Fleet) -> None:
    device = visitor(hawkbit, version=None)

    first = device.send("GET", "")
    assert re.fullmatch(r"00:0[45]:\d\d", first.json["config"]["polling"]["sleep"])
    assert first.json["_links"] == {"configData": {"href": f"http://{hawkbit.server.http}{device.root}/configData"}}
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"
    hal = device.send("GET", "", Accept="application/hal+json")
    assert hal.headers["Content-Type"] == "application/hal+json; charset=utf-8"
    same = device.send("GET", "", If_None_Match=first.headers["ETag"])
    assert (same.status, same.body) == (304, b"")
    device.report(color="red")
    changed = device.send("GET", "", If_None_Match=first.headers["ETag"])
    assert (changed.status, changed.json["_links"]) == (200, {})


def test_a_job_pushes_nothing_to_a_device_that_asks(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    assert device.poll() == {}
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})

    assert hawkbit.status(device.device) == "ONLINE"
    assert hawkbit.api.states(job) == {"device-1": "QUEUED"}
    assert "deploymentBase" in device.poll()
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}
    task = hawkbit.api.tasks(job)[0]["TaskId"]
    history = items(hawkbit.api.call("QueryOTATaskHistory", TaskId=task)["Data"]["Changes"], "TaskChange")
    assert [item["Event"] for item in history].count("PUSHED") == 1


def test_a_failure_ends_the_task_with_the_device_s_words(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()

    assert device.feedback(action, "closed", "failure", "ERROR : no space", "giving up") == 200
    [task] = hawkbit.api.tasks(job)
    assert (task["TaskStatus"], task["TaskDesc"]) == ("FAILED", "the update failed: ERROR : no space | giving up")
    assert device.feedback(action, "proceeding") == 410
    assert device.poll() == {}


@pytest.mark.parametrize("execution", ["canceled", "rejected"])
def test_a_device_that_refuses_has_failed(hawkbit: Fleet, execution: str) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()

    assert device.feedback(action, execution) == 200
    [task] = hawkbit.api.tasks(job)
    assert (task["TaskStatus"], task["TaskDesc"]) == ("FAILED", f"the update failed: the device says {execution}")


def test_what_was_reached_is_not_taken_back(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()

    assert device.feedback(action, "scheduled") == 200
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}
    for execution, progress in (("download", None), ("proceeding", (3, 5)), ("resumed", (0, 0)), ("downloaded", None)):
        assert device.feedback(action, execution, progress=progress) == 200
    [task] = hawkbit.api.tasks(job)
    assert (task["TaskStatus"], task["Progress"]) == ("IN_PROGRESS", "60.00")
    answer = device.send("GET", f"/deploymentBase/{action}?actionHistory=-1&c=7")
    assert answer.json["actionHistory"]["status"] == "RUNNING"


def test_a_cancelled_task_is_told_until_the_device_confirms(hawkbit: Fleet) -> None:
    device, firmware = visitor(hawkbit), hawkbit.package()
    job = hawkbit.job(firmware)
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()
    hawkbit.cancel(firmware, ["device-1"], JobId=job)

    links = device.poll()
    assert list(links) == ["cancelAction"]
    assert device.send("GET", links["cancelAction"]).json == {"id": action, "cancelAction": {"stopId": action}}
    assert device.send("GET", f"/deploymentBase/{action}").status == 404
    assert device.feedback(action, "proceeding", progress=(1, 2)) == 200
    assert device.feedback(action, "closed", "success", resource="cancelAction") == 200
    assert device.feedback(action, "closed", "success", resource="cancelAction") == 410
    assert device.feedback(action, "proceeding") == 410
    assert device.poll() == {}
    assert hawkbit.api.states(job) == {"device-1": "CANCELED"}


def test_a_device_that_read_the_cancellation_is_asked_no_more(hawkbit: Fleet) -> None:
    device, firmware = visitor(hawkbit), hawkbit.package()
    job = hawkbit.job(firmware)
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    device.deployment()
    hawkbit.cancel(firmware, ["device-1"], JobId=job)
    later = hawkbit.job(hawkbit.package("3.0.0"))
    hawkbit.api.wait_for_states(later, {"device-1": "QUEUED"})

    device.send("GET", device.poll()["cancelAction"])
    assert list(device.poll()) == ["deploymentBase"]
    assert hawkbit.api.states(later) == {"device-1": "NOTIFIED"}


def test_a_device_that_ignores_the_cancellation_gets_the_next_update_all_the_same(hawkbit: Fleet) -> None:
    device, firmware = visitor(hawkbit), hawkbit.package()
    job = hawkbit.job(firmware)
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    device.deployment()
    hawkbit.cancel(firmware, ["device-1"], JobId=job)

    assert [list(device.poll()) for _ in range(4)] == [["cancelAction"]] * 3 + [[]]


def test_a_task_that_was_cancelled_before_the_device_heard_of_it_is_none_of_its_business(hawkbit: Fleet) -> None:
    device, firmware = visitor(hawkbit), hawkbit.package()
    job = hawkbit.job(firmware)
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    hawkbit.cancel(firmware, ["device-1"], JobId=job)

    assert device.poll() == {}


def test_success_that_comes_after_the_cancellation_is_recorded_as_a_version_only(hawkbit: Fleet) -> None:
    device, firmware = visitor(hawkbit), hawkbit.package()
    job = hawkbit.job(firmware)
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()
    hawkbit.cancel(firmware, ["device-1"], JobId=job)

    assert device.feedback(action, "closed", "success") == 200
    assert hawkbit.api.states(job) == {"device-1": "CANCELED"}
    assert versions(hawkbit) == {"default": "2.0.0"}


def test_a_confirmation_by_the_application_comes_first(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package(), NeedConfirm=True)
    hawkbit.api.wait_for_states(job, {"device-1": "CONFIRM"})
    task = hawkbit.api.tasks(job)[0]["TaskId"]

    assert device.poll() == {}
    hawkbit.api.call("ConfirmOTATask", TaskId=[task])
    assert list(device.poll()) == ["deploymentBase"]


def test_a_job_s_rate_holds_for_devices_that_ask(hawkbit: Fleet) -> None:
    devices = [visitor(hawkbit, f"device-{number}") for number in range(1, 5)]
    job = hawkbit.job(hawkbit.package(), MaximumPerMinute=10)
    hawkbit.api.wait_for_states(job, {device.controller: "QUEUED" for device in devices})

    told = [bool(device.poll()) for device in devices]
    assert told == [True, False, False, False]
    assert sorted(hawkbit.api.states(job).values()) == ["NOTIFIED", "QUEUED", "QUEUED", "QUEUED"]


def test_another_try_is_told_when_its_time_has_come(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package(), RetryInterval=0, RetryCount=1, SrcVersion=["1.0.0"])
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()

    assert device.feedback(action, "closed", "failure", "first") == 200
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}
    again, _ = device.deployment()
    assert again == action
    assert device.feedback(action, "closed", "failure", "second") == 200
    assert hawkbit.api.states(job) == {"device-1": "FAILED"}


def test_a_halted_job_tells_nobody(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()
    hawkbit.api.call("PauseOTAJob", JobId=job)

    assert device.poll() == {}
    assert device.send("GET", f"/deploymentBase/{action}").status == 404
    hawkbit.api.call("ResumeOTAJob", JobId=job)
    assert list(device.poll()) == ["deploymentBase"]


def test_modules_are_chunks_of_their_own_and_told_one_after_the_other(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    device.report_all({"version.mcu": "0.1", "version.": "x", "other.version": "x", "version": "not a version"})
    first = hawkbit.job(hawkbit.package("2.0.0"), MultiModuleMode=True)
    hawkbit.api.wait_for_states(first, {"device-1": "QUEUED"})
    second = hawkbit.job(hawkbit.package("0.2", ModuleName="mcu"), MultiModuleMode=True)
    hawkbit.api.wait_for_states(second, {"device-1": "QUEUED"})

    assert versions(hawkbit) == {"default": "1.0.0", "mcu": "0.1"}
    action, chunk = device.deployment()
    assert chunk["part"] == "bApp"
    assert device.feedback(action, "closed") == 200
    action, chunk = device.deployment()
    assert (chunk["part"], chunk["version"]) == ("mcu", "0.2")
    assert device.feedback(action, "closed", "success") == 200
    assert versions(hawkbit) == {"default": "2.0.0", "mcu": "0.2"}


def test_the_version_among_the_attributes_is_a_report(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package("2.0.0"))
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    device.deployment()

    assert device.report(version="2.0.0").status == 200
    assert hawkbit.api.states(job) == {"device-1": "SUCCEEDED"}


def test_a_dynamic_job_finds_a_device_by_its_attributes(hawkbit: Fleet) -> None:
    device = visitor(hawkbit, version=None)
    parameters = {"ProductKey": hawkbit.product, "FirmwareId": hawkbit.package(), "DynamicMode": 1}
    job = hawkbit.api.call("CreateOTADynamicUpgradeJob", **parameters, SrcVersion=["1.0.0"])["Data"]["JobId"]

    assert device.poll() == {}
    device.report(version="1.0.0")
    assert list(device.poll()) == ["deploymentBase"]
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}


@pytest.mark.rule("QueryDeviceAttributes")
def test_attributes_are_merged_replaced_and_removed(hawkbit: Fleet) -> None:
    device = visitor(hawkbit, version=None)

    def told() -> dict[str, str]:
        reference = {"ProductKey": hawkbit.product, "DeviceName": "device-1"}
        listed = hawkbit.api.call("QueryDeviceAttributes", **reference)["Data"]
        return {item["Key"]: item["Value"] for item in listed}

    assert device.report(serial=7, ready=True, color="red").status == 200
    assert device.report("merge", color="blue").status == 200
    assert told() == {"serial": "7", "ready": "true", "color": "blue"}
    assert device.report("remove", ready="").status == 200
    assert told() == {"serial": "7", "color": "blue"}
    assert device.report("replace", size="L").status == 200
    assert told() == {"size": "L"}


def test_attributes_have_hawkbit_s_limits(hawkbit: Fleet) -> None:
    device = visitor(hawkbit, version=None)

    assert device.report_all({"k" * 129: "v"}).json["errorCode"] == "hawkbit.server.error.repo.invalidTargetAttributes"
    assert device.report_all({"k": "v" * 129}).status == 400
    assert device.report_all({f"key-{number}": "v" * 128 for number in range(100)}).status == 200
    answer = device.report(one="more")
    assert (answer.status, answer.json["errorCode"]) == (403, "hawkbit.server.error.quota.tooManyEntries")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        b'{"status":{}}',
        b'{"status":{"execution":"closed","result":{"finished":"perhaps"}}}',
        b'{"status":{"execution":"sleeping","result":{"finished":"none"}}}',
        b'{"status":{"execution":"closed","result":{"finished":"none"},"details":"text"}}',
        b'{"status":{"execution":1,"result":{"finished":"none"}}}',
    ],
)
def test_bad_feedback_gets_hawkbit_s_error_and_changes_nothing(hawkbit: Fleet, body: bytes) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, _ = device.deployment()

    answer = device.send("POST", f"/deploymentBase/{action}/feedback", body)
    assert (answer.status, answer.json["errorCode"]) == (400, "hawkbit.server.error.rest.body.notReadable")
    assert set(answer.json) == {"exceptionClass", "errorCode", "message"}
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}


def test_bodies_are_bounded(hawkbit: Fleet) -> None:
    device = visitor(hawkbit, version=None)

    assert device.send("PUT", "/configData", b" " * 300_000).status == 413
    assert device.send("PUT", "/configData", b"{}", Content_Encoding="gzip").status == 400
    huge = json.dumps({"data": {"n": 0}}).replace("0", "9" * 5_000).encode()
    assert device.send("PUT", "/configData", huge).status == 400


def test_what_does_not_exist_is_hawkbit_s_not_found(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    job = hawkbit.job(hawkbit.package())
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, chunk = device.deployment()
    url = chunk["artifacts"][0]["_links"]["download"]["href"]

    for path in (
        "/deploymentBase/999999999",
        "/deploymentBase/x",
        "/deploymentBase/99999999999999999999",
        f"/cancelAction/{action}",
        f"/installedBase/{action}",
        "/softwaremodules/999999999/artifacts",
        url.rpartition("/")[0] + "/other.bin",
        f"{url}.MD5SUM.MD5SUM",
    ):
        answer = device.send("GET", path)
        assert (answer.status, answer.json["errorCode"]) == (404, "hawkbit.server.error.repo.entitiyNotFound"), path
    assert device.feedback("999999999", "closed") == 404
    listed = device.send("GET", url.rpartition("/")[0]).json["artifacts"]
    assert listed == chunk["artifacts"]

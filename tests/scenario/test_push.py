"""When a device is told of an update, and what (control-plane reference §6.7; device-plane reference §2.2-2.7, §3)."""

import hashlib
import json
import re
from typing import Any

import pytest
import requests

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Device
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("devices")


def nothing_came(fleet: Fleet, client: ScriptedDevice, witness: Device) -> bool:
    """True when no push went to the device before the one to a witness of the same job, who reports now.

    Whatever is due for the device was due before the witness and is sent before or with its push.
    """
    fleet.connect(witness).push()
    return client.pushes() == []


def test_a_device_that_is_online_is_told_at_once(fleet: Fleet) -> None:
    """§6.7 (NeedPush=true)."""
    device = fleet.device()
    client = fleet.connect(device)

    job = fleet.job(fleet.package(), [device])

    assert client.offer()["version"] == "2.0.0"
    assert fleet.state(job, device) == "NOTIFIED"


def test_an_offline_device_is_told_at_its_next_connection(fleet: Fleet) -> None:
    """§6.7; device-plane §3 (offline): QUEUED until then."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])
    assert fleet.state(job, device) == "QUEUED"

    assert fleet.connect(device).offer()["version"] == "2.0.0"
    assert fleet.state(job, device) == "NOTIFIED"


def test_a_device_that_never_subscribes_is_told_after_its_version_report(fleet: Fleet) -> None:
    """device-plane §1.4, §6 (6): not before it listens."""
    device, witness = fleet.devices(2)
    fleet.job(fleet.package())
    client = fleet.connect(device, version=None)
    assert nothing_came(fleet, client, witness)

    client.say_version("1.0.0")

    assert client.offer()["version"] == "2.0.0"


def test_a_push_has_the_form_that_parsers_in_the_field_take(fleet: Fleet) -> None:
    """device-plane §2.2, §2.5, §7."""
    device = fleet.device()
    fleet.job(fleet.package(Udi='a "quoted" text'), [device], Tag=[{"Key": "color", "Value": "红 & blue"}])

    client = fleet.connect(device)
    text = client.wait_for_notice().text
    message = json.loads(text)

    assert '": ' not in text
    assert ", " not in text.replace("& blue", "")
    assert r"\u" not in text
    assert r"\/" not in text
    assert message["code"] == "1000"
    assert isinstance(message["id"], int)
    assert message["message"] == "success"
    data = message["data"]
    assert list(data)[-1] == "extData"
    assert data["extData"] == {"color": "红 & blue", "_package_udi": 'a "quoted" text'}
    assert data["signMethod"] == "Md5"
    assert data["sign"] == data["md5"] == hashlib.md5(b"new firmware").hexdigest()
    assert data["size"] == len(b"new firmware")
    assert "isDiff" not in data
    assert "module" not in data
    assert len(data["url"]) <= 256


def test_a_push_of_a_sha256_package_has_both_digests(fleet: Fleet) -> None:
    """device-plane §2.5, §7 (2)."""
    device = fleet.device()
    fleet.job(fleet.package(SignMethod="SHA256"), [device])

    offer = fleet.connect(device).offer()

    assert offer["signMethod"] == "SHA256"
    assert offer["sign"] == hashlib.sha256(b"new firmware").hexdigest()
    assert offer["md5"] == hashlib.md5(b"new firmware").hexdigest()


def test_a_push_for_a_module_names_it(fleet: Fleet) -> None:
    """device-plane §2.2; a package without tags and custom info has no extData."""
    device = fleet.device("device-1", "0.1", "MCU")
    fleet.job(fleet.package("0.2", ModuleName="MCU"), [device])
    client = fleet.connect(device, None)

    client.say_version("0.1", "MCU")
    offer = client.offer()

    assert offer["module"] == "MCU"
    assert "extData" not in offer


def test_no_second_push_into_a_running_download(fleet: Fleet) -> None:
    """device-plane §3 (re-push), §7 (8): repeated version reports on the same connection bring no second push."""
    device, witness = fleet.devices(2)
    fleet.job(fleet.package())
    client = fleet.connect(device)
    client.push()

    client.say_version("1.0.0")
    client.say_progress(10)
    client.say_version("1.0.0")

    assert nothing_came(fleet, client, witness)


def test_a_new_connection_brings_a_new_push(fleet: Fleet) -> None:
    """§6.7 (re-push); device-plane §3: in NOTIFIED and, as the download is lost, in IN_PROGRESS."""
    device = fleet.device()
    job = fleet.job(fleet.package())
    first = fleet.connect(device).offer()

    again = fleet.connect(device)
    second = again.offer()
    again.say_progress(50)
    third = fleet.connect(device).offer()

    assert [offer["version"] for offer in (first, second, third)] == ["2.0.0"] * 3
    assert (fleet.state(job, device), fleet.task(job, device)["Progress"]) == ("IN_PROGRESS", "50.00")


def test_a_device_that_comes_back_updated_is_not_pushed_to(fleet: Fleet) -> None:
    """device-plane §3: after the restart into the new firmware there is nothing to push."""
    device, witness = fleet.devices(2)
    job = fleet.job(fleet.package())
    client = fleet.connect(device)
    client.push()
    client.say_progress(100)
    client.close()

    client = fleet.connect(device, "2.0.0")

    assert nothing_came(fleet, client, witness)
    assert fleet.state(job, device) == "SUCCEEDED"


def test_a_second_connection_replaces_the_first(fleet: Fleet) -> None:
    """device-plane §1.2: the push goes to the newer one."""
    device = fleet.device()
    older = fleet.connect(device)
    newer = fleet.connect(device)

    fleet.job(fleet.package(), [device])

    assert newer.offer()["version"] == "2.0.0"
    try:
        older.ping()
    except ConnectionError:
        closed = True
    else:
        closed = False
    assert closed


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_without_push_the_device_has_to_ask(fleet: Fleet) -> None:
    """§6.7 (NeedPush=false), §12 (33): NOTIFIED when the device got the package by its request."""
    device, witness = fleet.devices(2)
    fleet.job(fleet.package("3.0.0"), [witness])
    job = fleet.job(fleet.package(), [device], NeedPush=False)
    client = fleet.connect(device)
    assert nothing_came(fleet, client, witness)
    assert fleet.state(job, device) == "QUEUED"

    answer = client.pull()

    assert (answer["code"], answer["data"]["version"]) == (200, "2.0.0")
    assert fleet.state(job, device) == "NOTIFIED"


def test_a_device_may_ask_although_it_is_pushed_to(fleet: Fleet) -> None:
    """device-plane §3 (NeedPush=true: pull works as well), §2.7; a fresh URL for each."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])
    client = fleet.connect(device)
    pushed = client.offer()

    asked = client.pull()["data"]

    assert {**asked, "url": None} == {**pushed, "url": None}
    assert fleet.state(job, device) == "NOTIFIED"


def test_the_answer_has_the_id_of_the_request(fleet: Fleet) -> None:
    """device-plane §2.7: a number stays a number, a text a text; nothing to install is an empty object."""
    client = fleet.connect(fleet.device())

    answers = [client.pull(request_id=request_id) for request_id in ("123", 123)]

    assert [answer["id"] for answer in answers] == ["123", 123]
    assert [(answer["code"], answer["data"]) for answer in answers] == [(200, {}), (200, {})]


def test_the_older_request_is_answered_on_its_own_topic(fleet: Fleet) -> None:
    """device-plane §2.7 (legacy request), §2 (e): the form is that of a push."""
    device = fleet.device()
    fleet.job(fleet.package(), [device], NeedPush=False)

    answer = fleet.connect(device, None).pull_as_before("1.0.0")

    assert (answer["code"], answer["data"]["version"], answer["message"]) == ("1000", "2.0.0", "success")


def test_a_request_for_a_module_is_answered_for_that_module(fleet: Fleet) -> None:
    """device-plane §2.7."""
    device = fleet.device()
    client = fleet.connect(device)
    client.say_version("0.1", "MCU")
    fleet.job(fleet.package("0.2", ModuleName="MCU"), [device], NeedPush=False)

    assert client.pull("other")["data"] == {}
    assert client.pull("MCU")["data"]["version"] == "0.2"


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_task_that_needs_confirmation_waits_for_it(fleet: Fleet) -> None:
    """§6.7 (NeedConfirm=true): CONFIRM; no push, and the device's own request is answered with nothing."""
    device, witness = fleet.devices(2)
    fleet.job(fleet.package("3.0.0"), [witness])
    job = fleet.job(fleet.package(), [device], NeedConfirm=True)
    client = fleet.connect(device)

    assert nothing_came(fleet, client, witness)
    assert client.pull()["data"] == {}
    assert fleet.state(job, device) == "CONFIRM"


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_maximum_per_minute_limits_the_notices(fleet: Fleet) -> None:
    """§6.7 (MaximumPerMinute): of 12 devices that are all online, at most 10 are told within the first minute."""
    devices = fleet.devices(12)
    clients = [fleet.connect(device) for device in devices]
    job = fleet.job(fleet.package(), MaximumPerMinute=10)

    wait_until(lambda: fleet.api.count(job, "NOTIFIED"), what="the first notice")
    answers = [client.pull()["data"] for client in clients]

    told = fleet.api.count(job, "NOTIFIED")
    assert 1 <= told <= 10
    assert fleet.api.count(job, "QUEUED") == 12 - told
    assert sum(bool(answer) for answer in answers) <= told


def test_the_url_works_for_whoever_has_it_and_no_other(fleet: Fleet) -> None:
    """device-plane §2.8: a signed URL; a changed signature is refused."""
    device = fleet.device()
    fleet.job(fleet.package(), [device])
    url = fleet.connect(device).offer()["url"]

    forged = re.sub(r"(Signature=.)(.)", lambda found: found[1] + ("A" if found[2] != "A" else "B"), url)

    assert requests.get(url, timeout=30).content == b"new firmware"
    assert requests.get(forged, timeout=30).status_code == 403


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_tags_come_with_the_push_and_in_the_details(fleet: Fleet) -> None:
    """§6.6: up to ten tags of up to 4,096 characters in all."""
    device = fleet.device()
    tags = [{"Key": f"key.{number}", "Value": "v" * 400} for number in range(10)]
    job = fleet.job(fleet.package(), [device], Tag=tags)

    extra: dict[str, Any] = fleet.connect(device).offer()["extData"]

    assert extra == {tag["Key"]: tag["Value"] for tag in tags}
    assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["Tags"] == {"OtaTagDTO": tags}


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_bad_tags_are_refused(fleet: Fleet) -> None:
    """§6.6."""
    device = fleet.device()
    firmware = fleet.package()

    def refused(*tags: tuple[str, str]) -> str:
        return fleet.refused_job(firmware, [device], Tag=[{"Key": key, "Value": value} for key, value in tags])

    bad = "iot.common.InvalidFormattedParameter"
    assert refused(("a", "1"), ("a", "2")) == "iot.ota.tag.KeyDuplicated"
    assert refused(("k" * 31, "1")) == bad
    assert refused(("a_b", "1")) == bad
    assert [refused((name, "1")) for name in ("module", "url", "message", "isDiff")] == [bad] * 4
    assert refused(("a", "v" * 1_025)) == bad
    assert refused(*((f"k{number}", "v") for number in range(11))) == bad
    assert refused(*((f"k{number}", "v" * 1_020) for number in range(5))) == bad
    assert fleet.refused_job(firmware, [device], Tag=[{"Key": "alone"}]) == bad

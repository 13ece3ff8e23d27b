"""Devices that are renamed, barred or removed (control-plane reference §9.2, §9.3)."""

from typing import Any

import pytest

from tests.scenario.support import Accounts, Fleet, ScriptedDevice, application
from tests.support.api import Device
from tests.support.server import wait_until

CONNECTED, UNKNOWN, NOT_AUTHORISED = 0, 4, 5


def dev(device: Device) -> dict[str, str]:
    """Names a device by product and name."""
    return {"ProductKey": device.product_key, "DeviceName": device.name}


def nickname(fleet: Fleet, device: Device) -> Any:
    """The nickname, or None."""
    return fleet.api.call("QueryDeviceInfo", IotId=device.iot_id)["Data"].get("Nickname")


def is_gone(client: ScriptedDevice) -> bool:
    """True when the server has closed the connection."""
    try:
        client.ping()
    except ConnectionError:
        return True
    return False


def wait_until_gone(client: ScriptedDevice) -> None:
    """Waits until the server has closed the connection."""
    wait_until(lambda: is_gone(client), interval=0.02, what="the end of the connection")


def log_in(fleet: Fleet, device: Device) -> int:
    """The code of a CONNACK."""
    client = ScriptedDevice(fleet.server.mqtt, device)
    code = client.connect()
    client.drop()
    return code


@pytest.mark.rule("DisableThing", "GetDeviceStatus")
def test_a_disabled_device_is_disconnected_at_once_and_may_not_log_in(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    client = fleet.connect(device)

    fleet.api.call("DisableThing", **dev(device))

    wait_until_gone(client)
    assert fleet.status(device) == "DISABLE"
    assert log_in(fleet, device) == NOT_AUTHORISED
    assert fleet.status(device) == "DISABLE"


@pytest.mark.rule("EnableThing", "GetDeviceStatus")
def test_an_enabled_device_is_what_it_was(fleet: Fleet) -> None:
    used, unused = fleet.device("device-1"), fleet.api.register(fleet.product, "device-2")
    for device in (used, unused):
        fleet.api.call("DisableThing", IotId=device.iot_id)
        fleet.api.call("DisableThing", IotId=device.iot_id)
        fleet.api.call("EnableThing", IotId=device.iot_id)

    assert (fleet.status(used), fleet.status(unused)) == ("OFFLINE", "UNACTIVE")
    assert fleet.api.version(used) == "1.0.0"
    fleet.connect(used)
    assert fleet.status(used) == "ONLINE"


@pytest.mark.rule("DisableThing")
def test_a_disabled_device_keeps_its_task_and_gets_it_when_it_may_log_in_again(fleet: Fleet) -> None:
    device = fleet.device()
    fleet.api.call("DisableThing", **dev(device))
    job = fleet.job(fleet.package(), [device])
    fleet.wait_for_state(job, device, "QUEUED")

    fleet.api.call("EnableThing", **dev(device))
    client = fleet.connect(device)

    assert client.offer()["version"] == "2.0.0"


@pytest.mark.rule("GetDeviceStatus", "DisableThing", "EnableThing")
def test_the_timestamp_is_that_of_the_last_change(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    times = [fleet.api.call("GetDeviceStatus", IotId=device.iot_id)["Data"]["Timestamp"]]
    for operation in ("DisableThing", "DisableThing", "EnableThing", "EnableThing"):
        fleet.api.call(operation, IotId=device.iot_id)
        times.append(fleet.api.call("GetDeviceStatus", IotId=device.iot_id)["Data"]["Timestamp"])

    assert times == sorted(times)
    assert times[1] == times[2]
    assert times[3] == times[4]


@pytest.mark.rule("DeleteDevice")
def test_a_deleted_device_is_disconnected_at_once_and_unknown_since(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    client = fleet.connect(device)

    fleet.api.call("DeleteDevice", **dev(device))

    wait_until_gone(client)
    assert log_in(fleet, device) == UNKNOWN
    assert fleet.api.refusal("QueryDeviceDetail", IotId=device.iot_id) == "iot.device.InvalidIoTId"
    assert fleet.api.refusal("QueryDeviceDetail", **dev(device)) == "iot.device.NotExistedDevice"
    assert fleet.api.refusal("DeleteDevice", **dev(device)) == "iot.device.NotExistedDevice"


@pytest.mark.rule("DeleteDevice")
def test_the_name_of_a_deleted_device_is_free_for_a_new_one(fleet: Fleet) -> None:
    device = fleet.device()
    fleet.api.call("DeleteDevice", IotId=device.iot_id)

    again = fleet.api.register(fleet.product, device.name)

    assert again.iot_id != device.iot_id
    assert log_in(fleet, device) == UNKNOWN
    assert log_in(fleet, again) == CONNECTED
    assert "FirmwareVersion" not in fleet.api.call("QueryDeviceDetail", **dev(again))["Data"]


@pytest.mark.rule("DeleteDevice", "QueryOTAJob")
def test_a_job_does_not_wait_for_a_deleted_device(fleet: Fleet) -> None:
    gone, kept = fleet.devices(2)
    job = fleet.job(fleet.package(), [gone, kept])
    fleet.wait_for_state(job, gone, "QUEUED")

    fleet.api.call("DeleteDevice", **dev(gone))

    assert fleet.api.states(job) == {kept.name: "QUEUED"}
    assert fleet.api.job_status(job) == "IN_PROGRESS"
    fleet.connect(kept, None).say_version("2.0.0")
    assert fleet.api.job_status(job) == "COMPLETED"


@pytest.mark.rule("DeleteDevice", "QueryOTAJob")
def test_a_job_for_a_deleted_device_alone_is_completed(fleet: Fleet) -> None:
    device = fleet.device()
    client = fleet.connect(device)
    job = fleet.job(fleet.package(), [device])
    client.offer()
    client.say_progress(10)

    fleet.api.call("DeleteDevice", **dev(device))

    assert fleet.api.job_status(job) == "COMPLETED"
    assert fleet.api.tasks(job) == []


@pytest.mark.rule("BatchUpdateDeviceNickname")
def test_nicknames_are_given_changed_and_taken_away(fleet: Fleet) -> None:
    first, second = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))
    fleet.api.call(
        "BatchUpdateDeviceNickname",
        DeviceNicknameInfo=[
            {"IotId": first.iot_id, **dev(second), "Nickname": "水表_01"},
            {**dev(second), "Nickname": "water_02"},
        ],
    )
    assert (nickname(fleet, first), nickname(fleet, second)) == ("水表_01", "water_02")

    fleet.api.call(
        "BatchUpdateDeviceNickname",
        DeviceNicknameInfo=[{**dev(first), "Nickname": "n" * 32}, {"IotId": second.iot_id}],
    )

    assert (nickname(fleet, first), nickname(fleet, second)) == ("n" * 32, None)


@pytest.mark.rule("BatchUpdateDeviceNickname")
@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"Nickname": "n" * 33}, "iot.device.InvalidFormattedDeviceNickname"),
        ({"Nickname": "水" * 17}, "iot.device.InvalidFormattedDeviceNickname"),
        ({"Nickname": "abc"}, "iot.device.InvalidFormattedDeviceNickname"),
        ({"DeviceName": "nobody", "Nickname": "changed"}, "iot.device.NotExistedDevice"),
        ({"IotId": "x" * 30, "Nickname": "changed"}, "iot.device.InvalidIoTId"),
        ({"DeviceName": "", "Nickname": "changed"}, "iot.device.NullDeviceName"),
    ],
    ids=str,
)
def test_nicknames_are_changed_all_or_none(fleet: Fleet, item: dict[str, str], code: str) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    bad = fleet.api.register(fleet.product, "device-2")

    refused = fleet.api.refusal(
        "BatchUpdateDeviceNickname", DeviceNicknameInfo=[{**dev(device), "Nickname": "changed"}, dev(bad) | item]
    )

    assert refused == code
    assert nickname(fleet, device) is None


@pytest.mark.rule("BatchUpdateDeviceNickname")
def test_a_call_changes_at_most_50_nicknames(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    item = {**dev(device), "Nickname": "changed"}

    refused = fleet.api.refusal("BatchUpdateDeviceNickname", DeviceNicknameInfo=[item] * 51)
    fleet.api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=[item] * 50)

    assert refused == "iot.check.ParameterIsNotLessThanMax"
    assert nickname(fleet, device) == "changed"


@pytest.mark.rule("DisableThing", "EnableThing", "DeleteDevice", "accounts")
def test_a_device_of_another_account_cannot_be_changed(fleet: Fleet, accounts: Accounts) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    stranger = application(accounts.create(f"stranger-{fleet.product}"))

    for operation in ("DisableThing", "EnableThing", "DeleteDevice"):
        assert stranger.refusal(operation, IotId=device.iot_id) == "iot.device.InvalidIoTId"
        assert stranger.refusal(operation, **dev(device)) == "iot.prod.NotExistedProduct"
        assert stranger.refusal(operation) == "iot.device.NullDeviceName"

    assert fleet.status(device) == "UNACTIVE"

"""CancelOTATaskByDevice, rule by rule (control-plane reference §6.5, §12 (2, 3, 6); device-plane reference §2.11)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alibabacloud_iot20180120 import models
from alibabacloud_tea_openapi.exceptions import ThrottlingException

from tests.clients.drivers.tea import TeaClient
from tests.scenario.support import Accounts, Fleet, ScriptedDevice, application
from tests.support.api import Device, GatewayError

pytestmark = pytest.mark.rule("CancelOTATaskByDevice")

NOT_FOUND = "iot.firmware.DeviceUpgradeRecordNotFound"
WRONG_STATUS = "iot.firmware.IncorrectDeviceUpgradeJobStatus"
TOO_MANY = "iot.firmware.ParameterSizeExceedMax"


def begun(fleet: Fleet, device: Device, firmware: str, **options: object) -> tuple[str, ScriptedDevice]:
    """A job whose device is in progress."""
    job = fleet.job(firmware, [device], **options)
    client = fleet.connect(device)
    client.push()
    client.say_progress(5)
    return job, client


@pytest.mark.parametrize("state", ["CONFIRM", "QUEUED", "NOTIFIED"])
def test_a_pending_task_is_cancelled(fleet: Fleet, state: str) -> None:
    """§6.5, §12 (3): everything before the device has begun; §12 (6): the job is complete then."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device], NeedConfirm=state == "CONFIRM")
    if state == "NOTIFIED":
        fleet.connect(device).push()
    assert fleet.state(job, device) == state

    fleet.cancel(firmware, [device.name])

    task = fleet.task(job, device)
    assert task["TaskStatus"] == "CANCELED"
    assert task["TaskDesc"]
    assert fleet.api.job_status(job) == "COMPLETED"


def test_a_task_in_progress_is_not_cancelled(fleet: Fleet) -> None:
    """§12 (3): the first reference's rule is the default."""
    device = fleet.device()
    firmware = fleet.package()
    job, client = begun(fleet, device, firmware)

    assert fleet.refused_cancel(firmware, [device.name]) == WRONG_STATUS
    assert fleet.state(job, device) == "IN_PROGRESS"
    client.say_version("2.0.0")
    assert fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED", "CANCELED"])
def test_a_task_that_has_ended_is_not_changed(fleet: Fleet, ending: str) -> None:
    """§6.5 (terminal task)."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    client = fleet.connect(device)
    client.push()
    match ending:
        case "SUCCEEDED":
            client.say_version("2.0.0")
        case "FAILED":
            client.say_progress(-1)
        case _:
            fleet.cancel(firmware, [device.name])
    before = fleet.task(job, device)
    assert before["TaskStatus"] == ending

    assert fleet.refused_cancel(firmware, [device.name]) == WRONG_STATUS
    assert fleet.task(job, device) == before


def test_the_pending_names_of_a_mixed_list_are_cancelled(fleet: Fleet) -> None:
    """§12 (2): names that cannot be cancelled do not hinder the others."""
    pending, working, done, other = fleet.devices(4)
    firmware = fleet.package()
    job = fleet.job(firmware, [pending, working, done])
    for device in (working, done):
        client = fleet.connect(device)
        client.push()
        client.say_progress(5)
    client.say_version("2.0.0")

    fleet.cancel(firmware, [other.name, done.name, working.name, "nobody", pending.name])

    assert fleet.api.states(job) == {
        pending.name: "CANCELED",
        working.name: "IN_PROGRESS",
        done.name: "SUCCEEDED",
    }
    assert fleet.api.job_status(job) == "IN_PROGRESS"


def test_devices_without_a_task_have_nothing_to_cancel(fleet: Fleet) -> None:
    """§6.5, §12 (2): known devices that the package has no task for, and unknown names."""
    target, other = fleet.devices(2)
    firmware = fleet.package()
    job = fleet.job(firmware, [target])

    assert fleet.refused_cancel(firmware, [other.name]) == NOT_FOUND
    assert fleet.refused_cancel(firmware, ["nobody", "no-one"]) == NOT_FOUND
    assert fleet.state(job, target) == "QUEUED"


def test_only_tasks_of_the_package_are_cancelled(fleet: Fleet) -> None:
    """§6.5 (scope): listed devices of one package."""
    device = fleet.device()
    mine, other = fleet.package("2.0.0"), fleet.package("3.0.0")
    job = fleet.job(mine, [device])

    assert fleet.refused_cancel(other, [device.name]) == NOT_FOUND
    assert fleet.state(job, device) == "QUEUED"


def test_the_job_id_narrows_to_one_job(fleet: Fleet) -> None:
    """§6.5 (JobId)."""
    first, second = fleet.devices(2)
    firmware = fleet.package()
    one, two = fleet.job(firmware, [first]), fleet.job(firmware, [second])

    assert fleet.refused_cancel(firmware, [first.name], JobId=two) == NOT_FOUND
    fleet.cancel(firmware, [first.name, second.name], JobId=two)

    assert (fleet.state(one, first), fleet.state(two, second)) == ("QUEUED", "CANCELED")


def test_without_a_job_id_all_jobs_of_the_package_are_meant(fleet: Fleet) -> None:
    """§6.5 (JobId is optional)."""
    first, second = fleet.devices(2)
    firmware = fleet.package()
    one, two = fleet.job(firmware, [first]), fleet.job(firmware, [second])

    fleet.cancel(firmware, [first.name, second.name])

    assert (fleet.state(one, first), fleet.state(two, second)) == ("CANCELED", "CANCELED")


def test_a_job_of_another_package_or_none_is_refused(fleet: Fleet) -> None:
    """§8.2."""
    device = fleet.device()
    firmware = fleet.package("2.0.0")
    job = fleet.job(firmware, [device])

    for package, unknown in ((fleet.package("3.0.0"), job), (firmware, "x" * 26)):
        assert fleet.refused_cancel(package, [device.name], JobId=unknown) == "iot.firmware.InvalidOTAJobId"
    assert fleet.state(job, device) == "QUEUED"


def test_product_and_package_must_exist_and_belong_together(fleet: Fleet) -> None:
    """§8.2."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    other = fleet.api.create_product(f"other_{fleet.product}")

    assert fleet.refused_cancel("x" * 26, [device.name]) == "iot.firmware.FirmwareNotFound"
    assert fleet.refused_cancel(firmware, [device.name], ProductKey="a1None") == "iot.prod.NotExistedProduct"
    mismatch = fleet.refused_cancel(firmware, [device.name], ProductKey=other)
    assert mismatch == "iot.firmware.FirmwareAndProductKeyMismatch"
    assert fleet.state(job, device) == "QUEUED"


def test_one_to_200_names(fleet: Fleet) -> None:
    """§6.5 (DeviceName.N 1-200): 201 change nothing, 200 do; none is a missing parameter."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    others = [f"other-{number:03}" for number in range(200)]

    assert fleet.refused_cancel(firmware, [device.name, *others]) == TOO_MANY
    assert fleet.refused_cancel(firmware, []) == "MissingDeviceName"
    assert fleet.state(job, device) == "QUEUED"
    fleet.cancel(firmware, [device.name, *others[:199]])
    assert fleet.state(job, device) == "CANCELED"


def test_the_names_are_unique(fleet: Fleet) -> None:
    """§6.5 (unique)."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    refused = fleet.refused_cancel(firmware, [device.name, device.name])

    assert refused == "iot.common.InvalidFormattedParameter"
    assert fleet.state(job, device) == "QUEUED"


def test_a_cancelled_device_is_not_pushed_to_again(fleet: Fleet) -> None:
    """device-plane §2.11: a cancelled task only stops further pushes; its own request is answered with nothing."""
    device, witness = fleet.devices(2)
    firmware = fleet.package()
    fleet.job(firmware)
    fleet.connect(device).push()

    fleet.cancel(firmware, [device.name])
    client = fleet.connect(device)
    fleet.connect(witness).push()

    assert client.pushes() == []
    assert client.pull()["data"] == {}


def test_a_cancelled_device_is_free_for_the_next_job(fleet: Fleet) -> None:
    """§6.10."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])

    job = fleet.job(firmware, [device])

    assert fleet.state(job, device) == "QUEUED"


def test_an_instance_can_allow_to_cancel_what_is_in_progress(fleet: Fleet, accounts: Accounts) -> None:
    """§12 (3): `skyferry account instance set` gives the later rule; ended tasks stay."""
    caller = accounts.create("later-rule")
    [instance] = accounts.instances("later-rule")
    own = Fleet(fleet.server, application(caller), application(caller).upload(b"new firmware"), fleet.stack)
    device, done = own.devices(2)
    firmware = own.package()
    job = own.job(firmware)
    own.connect(done, "2.0.0")
    client = own.connect(device)
    client.push()
    client.say_progress(5)
    assert own.refused_cancel(firmware, [device.name]) == WRONG_STATUS

    accounts.run("instance", "set", instance, "--cancel-by-device", "open", "--account", "later-rule")
    own.wait_until_cancelled(firmware, device)

    assert own.api.states(job) == {device.name: "CANCELED", done.name: "SUCCEEDED"}
    assert own.refused_cancel(firmware, [device.name, done.name]) == WRONG_STATUS
    client.say_version("2.0.0")
    assert own.state(job, device) == "CANCELED"
    assert own.api.version(device) == "2.0.0"


def test_ten_calls_a_second_are_shared_with_ram_users(fleet: Fleet, accounts: Accounts) -> None:
    """§6.5 (QPS 10), gateway reference §4.5: over it Throttling.User, HTTP 400, with the time to wait."""
    owner = accounts.create("quota")
    allowed = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    user = accounts.user("quota", "worker", allowed)
    own = Fleet(fleet.server, application(owner), application(owner).upload(b"new firmware"), fleet.stack)
    parameters = {"ProductKey": own.product, "FirmwareId": own.package(), "DeviceName": ["nobody"]}

    with ThreadPoolExecutor(20) as threads:
        calls = [threads.submit(outcome, client, parameters) for _ in range(20) for client in (owner, user)]
    outcomes = [call.result() for call in calls]

    refused = [found for found in outcomes if isinstance(found, ThrottlingException)]
    assert len(refused) + outcomes.count(NOT_FOUND) == 40
    assert outcomes.count(NOT_FOUND) >= 10
    assert {(error.code, error.status_code) for error in refused} == {("Throttling.User", 400)}
    assert all(1 <= error.retry_after <= 1_000 for error in refused)


def outcome(client: TeaClient, parameters: Mapping[str, Any]) -> object:
    """The business code of a call, or the error that the SDK makes of a gateway error."""
    request = models.CancelOTATaskByDeviceRequest().from_map(dict(parameters))
    try:
        return client._client.cancel_otatask_by_device(request).body.code
    except ThrottlingException as error:
        return error


def test_a_ram_user_needs_the_right_to_cancel(fleet: Fleet, accounts: Accounts) -> None:
    """gateway reference §4: an explicit deny wins."""
    owner = accounts.create("rights")
    statements = [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:CancelOTATask*", "Resource": "*"},
    ]
    reader = application(accounts.user("rights", "reader", {"Version": "1", "Statement": statements}))
    own = Fleet(fleet.server, application(owner), application(owner).upload(b"new firmware"), fleet.stack)
    device = own.device()
    firmware = own.package()
    job = own.job(firmware, [device])

    with pytest.raises(GatewayError) as caught:
        reader.call("CancelOTATaskByDevice", ProductKey=own.product, FirmwareId=firmware, DeviceName=[device.name])

    assert caught.value.status == 403
    assert reader.states(job) == {device.name: "QUEUED"}

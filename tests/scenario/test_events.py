"""Messages to the business server (control-plane reference §6.11; docs/guide/events.md)."""

import threading
import time
from typing import Any

import pytest

from tests.scenario.events import EVERYTHING, dead, kinds, subscribe, subscriptions, wait_for_dead
from tests.scenario.support import Fleet
from tests.support import guide
from tests.support.receiver import Receiver
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("CreateEventSubscription")


def test_a_task_that_succeeds_is_told(fleet: Fleet, receiver: Receiver) -> None:
    """§6.11: the platform's topic and keys."""
    subscribe(fleet.api, receiver, "task.ended")
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])

    fleet.connect(device, "2.0.0")

    [received] = receiver.wait_for(1)
    task = fleet.task(job, device)
    created = received.payload.pop("messageCreateTime")
    assert isinstance(created, int)
    expected = {
        "iotId": device.iot_id,
        "productKey": device.product_key,
        "deviceName": device.name,
        "status": "SUCCEEDED",
        "messageCreateTime": received.message["generateTime"],
        "srcVersion": "1.0.0",
        "destVersion": "2.0.0",
        "desc": "success",
        "jobId": job,
        "taskId": task["TaskId"],
    }
    assert received.payload == expected
    assert list(received.payload) == list(expected)
    assert received.message["topic"] == f"/{device.product_key}/{device.name}/ota/upgrade"
    assert list(received.message) == ["messageId", "type", "topic", "generateTime", "payload"]


def test_a_message_is_signed(fleet: Fleet, receiver: Receiver) -> None:
    """By the scheme of Standard Webhooks, under the secret that was shown once."""
    made = subscribe(fleet.api, receiver, "module.version")
    fleet.device()

    [received] = receiver.wait_for(1)

    headers = received.headers
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == received.message["messageId"]
    is_genuine = guide.function("events.md", "is_genuine")
    assert is_genuine(made["Secret"], headers, received.body)
    assert not is_genuine(made["Secret"], headers, received.body + b" ")
    assert "Secret" not in subscriptions(fleet.api)[0]


def test_what_happens_to_a_device_is_told_in_its_order(fleet: Fleet, receiver: Receiver) -> None:
    """§6.11; the types of messages."""
    subscribe(fleet.api, receiver, *EVERYTHING)
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])
    client = fleet.connect(device)
    client.push()
    client.say_progress(10)
    client.say_version("2.0.0")
    client.drop()

    received = receiver.wait_for(11)

    about_device = [item for item in received if item.message["type"] != "job.status"]
    assert kinds(about_device) == [
        ("device.status", "online"),
        ("module.version", "1.0.0"),
        ("device.status", "offline"),
        ("device.status", "online"),
        ("task.status", "NOTIFIED"),
        ("task.status", "IN_PROGRESS"),
        ("module.version", "2.0.0"),
        ("task.ended", "SUCCEEDED"),
        ("device.status", "offline"),
    ]
    about_job = [item for item in received if item.message["type"] == "job.status"]
    assert kinds(about_job) == [("job.status", "IN_PROGRESS"), ("job.status", "COMPLETED")]
    assert {item.payload["jobId"] for item in about_job} == {job}
    assert len({item.message["messageId"] for item in received}) == 11


def test_a_job_that_is_cancelled_before_its_time_is_told(fleet: Fleet, receiver: Receiver) -> None:
    """§7.2: PLANNED, then CANCELED."""
    subscribe(fleet.api, receiver, "job.status")
    tomorrow = round(time.time() * 1_000) + 86_400_000
    job = fleet.job(fleet.package(), [fleet.device()], ScheduleTime=tomorrow)

    fleet.api.call("CancelOTATaskByJob", JobId=job, CancelScheduledTask=True)

    planned, canceled = receiver.wait_for(2)
    assert kinds([planned, canceled]) == [("job.status", "PLANNED"), ("job.status", "CANCELED")]
    assert planned.payload["jobId"] == canceled.payload["jobId"] == job
    assert list(canceled.payload) == [
        "productKey", "firmwareId", "jobId", "jobType", "status", "moduleName", "destVersion", "messageCreateTime"
    ]  # fmt: skip


def test_a_dynamic_job_is_told_to_be_cancelled_once(fleet: Fleet, receiver: Receiver) -> None:
    """§7.2: its policy ends at once, its tasks later."""
    device = fleet.device()
    subscribe(fleet.api, receiver, "job.status", "task.ended")
    firmware = fleet.package()
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]}
    job = fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"]
    fleet.wait_for_state(job, device, "QUEUED")

    fleet.api.call("CancelOTAStrategyByJob", JobId=job)
    fleet.connect(device, "2.0.0")
    assert fleet.state(job, device) == "SUCCEEDED"
    wait_until(lambda: subscriptions(fleet.api)[0]["Waiting"] == 0, what="the receipts")

    assert sorted(kinds(receiver.taken)) == [
        ("job.status", "CANCELED"), ("job.status", "IN_PROGRESS"), ("task.ended", "SUCCEEDED")
    ]  # fmt: skip


def test_a_version_that_was_known_is_not_told(fleet: Fleet, receiver: Receiver) -> None:
    """§6.11: only when the value differs from the stored one."""
    device = fleet.device()
    subscribe(fleet.api, receiver, "module.version")

    client = fleet.connect(device, "1.0.0")
    client.say_version("1.0.0")
    client.say_version("1.1.0", "MCU")

    [received] = receiver.wait_for(1)
    assert received.payload == {
        "iotId": device.iot_id,
        "productKey": device.product_key,
        "deviceName": device.name,
        "moduleName": "MCU",
        "moduleVersion": "1.1.0",
        "messageCreateTime": received.payload["messageCreateTime"],
    }
    assert received.message["topic"] == f"/{device.product_key}/{device.name}/ota/version/post"


def test_presence_is_told_as_the_platform_does(fleet: Fleet, receiver: Receiver) -> None:
    """The platform's topic and keys for the status of devices."""
    device = fleet.device()
    subscribe(fleet.api, receiver, "device.status")

    fleet.connect(device)

    [received] = receiver.wait_for(1)
    payload = received.payload
    assert list(payload) == [
        "status", "iotId", "productKey", "deviceName", "time", "utcTime", "lastTime", "utcLastTime", "clientIp"
    ]  # fmt: skip
    assert payload["status"] == "online"
    assert payload["clientIp"] == "127.0.0.1"
    assert received.message["topic"] == f"/as/mqtt/status/{device.product_key}/{device.name}"


def test_a_task_that_failed_at_once_is_not_told(fleet: Fleet, receiver: Receiver) -> None:
    """§6.11: not in the case of another job."""
    device = fleet.device()
    running = fleet.job(fleet.package(), [device])
    subscribe(fleet.api, receiver, "task.ended", "task.status", "module.version")

    blocked = fleet.job(fleet.package("3.0.0"), [device])
    assert fleet.state(blocked, device) == "FAILED"
    fleet.connect(device, "1.0.1")

    version, task = receiver.wait_for(2)
    assert kinds([version, task]) == [("module.version", "1.0.1"), ("task.status", "NOTIFIED")]
    assert task.payload["jobId"] == running


def test_a_cancelled_task_is_told(fleet: Fleet, receiver: Receiver) -> None:
    """§6.11: newer documents list more states than success and failure."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device])
    subscribe(fleet.api, receiver, "task.ended")

    fleet.cancel(firmware, [device.name])

    [received] = receiver.wait_for(1)
    assert received.payload["status"] == "CANCELED"
    assert received.payload["desc"] == "canceled by CancelOTATaskByDevice"


def test_a_message_is_tried_again_and_those_behind_it_wait(fleet: Fleet, receiver: Receiver) -> None:
    """At least once, in order per device."""
    refusals = iter([500, 302])
    receiver.answer = lambda _message: next(refusals, 200)
    subscribe(fleet.api, receiver, "module.version")
    device = fleet.device(version=None)

    client = fleet.connect(device, "1.0.0")
    client.say_version("1.0.1")
    receiver.wait_for(2)

    assert [(item.payload["moduleVersion"], item.status) for item in receiver.all] == [
        ("1.0.0", 500), ("1.0.0", 302), ("1.0.0", 200), ("1.0.1", 200)
    ]  # fmt: skip
    first = receiver.all[:3]
    assert len({item.body for item in first}) == 1, "the same message, whatever the attempt"
    assert {item.headers[":path"] for item in receiver.all} == {"/hook"}, "redirections are not followed"


@pytest.mark.rule("ListDeadEvents", "RedeliverEvents")
def test_a_dead_message_is_kept_and_holds_up_nothing(fleet: Fleet, receiver: Receiver) -> None:
    """Dead letters: after the last attempt; they can be seen and delivered again."""
    receiver.answer = lambda message: 503 if message["payload"]["moduleVersion"] == "1.0.0" else 200
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    device = fleet.device(version=None)

    fleet.connect(device, "1.0.0").say_version("1.0.1")

    assert kinds(receiver.wait_for(1)) == [("module.version", "1.0.1")]
    [message] = wait_for_dead(fleet.api, subscription, 1)
    assert (message["Attempts"], message["LastError"]) == (3, "HTTP 503")
    assert [item.status for item in receiver.all] == [503, 503, 503, 200]
    [state] = subscriptions(fleet.api)
    assert (state["Waiting"], state["Dead"]) == (0, 1)

    receiver.answer = lambda _message: 204
    assert fleet.api.call("RedeliverEvents", SubscriptionId=subscription)["Data"]["Count"] == 1

    again = receiver.wait_for(2)[-1]
    assert again.message["messageId"] == message["MessageId"]
    assert dead(fleet.api, subscription) == []


@pytest.mark.rule("RedeliverEvents")
def test_named_dead_messages_are_delivered_again(fleet: Fleet, receiver: Receiver) -> None:
    receiver.answer = lambda _message: 400
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    fleet.devices(2)
    first, second = wait_for_dead(fleet.api, subscription, 2)

    receiver.answer = lambda _message: 200
    answer = fleet.api.call("RedeliverEvents", SubscriptionId=subscription, MessageId=[second["MessageId"], "unknown"])

    assert answer["Data"]["Count"] == 1
    assert [item.message["messageId"] for item in receiver.wait_for(1)] == [second["MessageId"]]
    assert [item["MessageId"] for item in dead(fleet.api, subscription)] == [first["MessageId"]]


def test_a_slow_business_server_holds_up_no_other(fleet: Fleet, receiver: Receiver) -> None:
    """Each subscription has a courier of its own."""
    release = threading.Event()

    def answer(_message: dict[str, Any]) -> int:
        release.wait(60)
        return 200

    with Receiver(answer) as slow:
        subscribe(fleet.api, slow, "module.version")
        subscribe(fleet.api, receiver, "module.version")
        fleet.devices(20)

        received = receiver.wait_for(20)
        assert slow.all == []
        release.set()
        assert {item.body for item in slow.wait_for(20)} == {item.body for item in received}


def test_a_device_that_is_refused_holds_up_no_other(fleet: Fleet, receiver: Receiver) -> None:
    """In order per device, and only per device."""
    release = threading.Event()

    def answer(message: dict[str, Any]) -> int:
        if message["payload"]["deviceName"] == "device-1":
            release.wait(60)
        return 200

    receiver.answer = answer
    subscribe(fleet.api, receiver, "module.version")
    fleet.devices(3)

    assert {item.payload["deviceName"] for item in receiver.wait_for(2)} == {"device-2", "device-3"}
    release.set()
    receiver.wait_for(3)

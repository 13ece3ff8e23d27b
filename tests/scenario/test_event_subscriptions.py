"""Subscriptions to messages (control-plane reference §6.11; docs/guide/events.md)."""

from typing import Any

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.scenario.events import EVERYTHING, subscribe, subscriptions, wait_for_dead
from tests.scenario.support import Accounts, Fleet, application
from tests.support import guide
from tests.support.api import Application, BusinessError
from tests.support.receiver import Receiver
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server

pytestmark = pytest.mark.rule("CreateEventSubscription")


@pytest.mark.rule("UpdateEventSubscription")
def test_an_inactive_subscription_gets_nothing_new(fleet: Fleet, receiver: Receiver) -> None:
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    fleet.api.call("UpdateEventSubscription", SubscriptionId=subscription, Active=False)
    fleet.device("device-1")
    fleet.api.call("UpdateEventSubscription", SubscriptionId=subscription, Active=True)
    fleet.device("device-2")

    assert [item.payload["deviceName"] for item in receiver.wait_for(1)] == ["device-2"]


@pytest.mark.rule("UpdateEventSubscription", "ListEventSubscriptions")
def test_a_subscription_can_be_moved_and_get_a_new_secret(fleet: Fleet, receiver: Receiver) -> None:
    made = subscribe(fleet.api, receiver, "device.status")
    subscription = made["SubscriptionId"]
    with Receiver() as other:
        changed = fleet.api.call(
            "UpdateEventSubscription",
            SubscriptionId=subscription,
            Target=other.url,
            Type=["job.status"],
            NewSecret=True,
        )["Data"]
        job = fleet.job(fleet.package(), [fleet.device()])

        assert [item.payload["jobId"] for item in other.wait_for(1)] == [job]
    assert changed["Secret"] != made["Secret"]
    [state] = subscriptions(fleet.api)
    assert (state["Target"], state["Types"]["Type"]) == (other.url, ["job.status"])


@pytest.mark.rule("SendTestEvent")
def test_a_test_message_goes_to_its_subscription_alone(fleet: Fleet, receiver: Receiver) -> None:
    subscription = subscribe(fleet.api, receiver, "job.status")["SubscriptionId"]
    with Receiver() as other:
        subscribe(fleet.api, other, "job.status")
        sent = fleet.api.call("SendTestEvent", SubscriptionId=subscription)["Data"]["MessageId"]

        [message] = receiver.wait_for(1)
        assert other.all == []
    assert (message.message["messageId"], message.message["type"], message.message["topic"]) == (sent, "test", "/test")
    assert message.payload["text"] == "This is a test."


@pytest.mark.rule("DeleteEventSubscription")
def test_a_deleted_subscription_is_gone(fleet: Fleet, receiver: Receiver) -> None:
    receiver.answer = lambda _message: 500
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    fleet.device()
    fleet.api.call("DeleteEventSubscription", SubscriptionId=subscription)

    assert subscriptions(fleet.api) == []
    others = ("UpdateEventSubscription", "ListDeadEvents", "RedeliverEvents", "SendTestEvent")
    for action in ("DeleteEventSubscription", *others):
        assert fleet.api.refusal(action, SubscriptionId=subscription) == "iot.event.SubscriptionNotFound"


def test_another_account_sees_and_hears_nothing(fleet: Fleet, receiver: Receiver, accounts: Accounts) -> None:
    """Everything an account sees is fenced by its instance."""
    other = application(accounts.create("events-other"))
    subscription = other.call("CreateEventSubscription", Target=receiver.url, Type=EVERYTHING)["Data"]
    own = subscribe(fleet.api, receiver, "job.status")["SubscriptionId"]

    job = fleet.job(fleet.package(), [fleet.device()])

    assert [item.payload["jobId"] for item in receiver.wait_for(1)] == [job]
    assert [item["SubscriptionId"] for item in subscriptions(other)] == [subscription["SubscriptionId"]]
    assert other.refusal("DeleteEventSubscription", SubscriptionId=own) == "iot.event.SubscriptionNotFound"
    other.call("DeleteEventSubscription", SubscriptionId=subscription["SubscriptionId"])


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Target": "ftp://127.0.0.1/hook", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http://user:password@127.0.0.1/", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http:///hook", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http://127.0.0.1:99999/", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http://127.0.0.1/#part", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http://127.0.0.1/ö", "Type": ["task.ended"]}, "iot.event.InvalidTarget"),
        ({"Target": "http://127.0.0.1/", "Type": ["task.begun"]}, "iot.event.InvalidType"),
        ({"Target": "http://127.0.0.1/"}, "iot.event.InvalidType"),
        ({"Target": "http://127.0.0.1/", "Type": ["task.ended"], "Kind": "mail"}, "iot.event.InvalidKind"),
        ({"Type": ["task.ended"], "Kind": "nats"}, "iot.event.NatsNotConfigured"),
    ],
)
def test_a_subscription_that_cannot_work_is_refused(api: Application, parameters: dict[str, Any], code: str) -> None:
    assert api.refusal("CreateEventSubscription", **parameters) == code


def test_an_instance_has_a_bounded_number_of_subscriptions(api: Application, receiver: Receiver) -> None:
    for _ in range(20):
        subscribe(api, receiver, "job.status")

    with pytest.raises(BusinessError, match=r"iot\.event\.SubscriptionCountExceedMax"):
        subscribe(api, receiver, "job.status")


def test_the_sdk_carries_the_operations_as_the_guide_shows(
    api: Application, server: Server, receiver: Receiver
) -> None:
    call = guide.function("events.md", "call")
    client = TeaClient(str(server.http), ROOT_KEY_ID, ROOT_SECRET)._client

    made = call(client, "CreateEventSubscription", Target="http://10.0.0.7/", Type=["task.ended", "job.status"])
    answer = call(client, "ListEventSubscriptions")

    assert answer["Success"] is True
    assert answer["Data"]["EventSubscription"] == subscriptions(api)
    [found] = subscriptions(api)
    assert (found["SubscriptionId"], found["Types"]["Type"]) == (
        made["Data"]["SubscriptionId"],
        ["task.ended", "job.status"],
    )


def test_the_command_line_does_the_same(fleet: Fleet, receiver: Receiver, server: Server, accounts: Accounts) -> None:
    """`skyferry events`, beside the running server."""
    printed = accounts.command("events", "create", "--target", receiver.url, "--type", "module.version")
    subscription = printed.splitlines()[0].removeprefix("SubscriptionId: ")
    assert "Secret: whsec_" in printed
    receiver.answer = lambda _message: 500
    device = fleet.device()
    [message] = wait_for_dead(fleet.api, subscription, 1)

    assert receiver.url in accounts.command("events", "list")
    assert message["MessageId"] in accounts.command("events", "dead", subscription)
    receiver.answer = lambda _message: 200
    assert accounts.command("events", "redeliver", subscription) == "1 go again.\n"
    assert [item.payload["iotId"] for item in receiver.wait_for(1)] == [device.iot_id]
    assert "Secret: whsec_" in accounts.command("events", "update", subscription, "--inactive", "--new-secret")
    assert subscriptions(fleet.api)[0]["Active"] is False
    accounts.command("events", "delete", subscription)
    assert subscriptions(fleet.api) == []

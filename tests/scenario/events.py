"""What the scenarios of messages share: subscriptions, dead messages, and what was received."""

from typing import Any, Final

from tests.support.api import Application, items
from tests.support.receiver import Received, Receiver
from tests.support.server import wait_until

EVERYTHING: Final = ["task.ended", "task.status", "module.version", "device.status", "job.status"]


def subscribe(api: Application, receiver: Receiver, *types: str) -> dict[str, Any]:
    data: dict[str, Any] = api.call("CreateEventSubscription", Target=receiver.url, Type=list(types))["Data"]
    return data


def subscriptions(api: Application) -> list[dict[str, Any]]:
    return items(api.call("ListEventSubscriptions")["Data"], "EventSubscription")


def dead(api: Application, subscription: str) -> list[dict[str, Any]]:
    answer = api.call("ListDeadEvents", SubscriptionId=subscription, PageSize=100)
    found = items(answer["Data"], "DeadEvent")
    assert len(found) == answer["Total"]
    return found


def wait_for_dead(api: Application, subscription: str, count: int) -> list[dict[str, Any]]:
    wait_until(lambda: len(dead(api, subscription)) == count, what=f"{count} dead messages")
    return dead(api, subscription)


def kinds(received: list[Received]) -> list[tuple[str, str]]:
    """Type and state, or version, of each message."""
    return [(item.message["type"], item.payload.get("status") or item.payload["moduleVersion"]) for item in received]

"""Messages made of what happens (control-plane reference §6.11)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event, select

from skyferry.bus.messages import Connected, Disconnected, ProgressReported, VersionReported
from skyferry.events import publishing, subscriptions
from skyferry.events.models import EventType, PresenceChanged
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import outbox
from tests.support.rows import START, World, world

CONNECTED_AT = 1_535_700_748_205


@pytest.fixture
def made() -> Iterator[World]:
    with world() as opened:
        yield opened


def subscribe(made: World, *types: EventType) -> str:
    new = subscriptions.create(
        made.tx,
        made.box,
        instance_id=made.instance.id,
        kind="webhook",
        target="https://shop.example.com/ota",
        types=types,
        now=made.now,
    )
    return new.subscription_id


def messages(made: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Type, topic and payload of every message, oldest first."""
    rows = made.tx.execute(select(outbox.c.type, outbox.c.topic, outbox.c.body).order_by(outbox.c.id))
    return [(kind, topic, json.loads(body)) for kind, topic, body in rows]


def kinds(made: World) -> list[tuple[str, str]]:
    """Type of every message, and the state or version that it tells."""
    return [(kind, payload.get("status") or payload["moduleVersion"]) for kind, _, payload in messages(made)]


def running(made: World) -> JobRecord:
    """A job whose device has begun."""
    device = made.make_device("dev-1")
    made.connect(device)
    job = made.make_job(made.make_package(), ["dev-1"])
    made.dispatch()
    made.say_progress(device, 10)
    return job


def test_presence_is_written_as_the_platform_does(made: World) -> None:
    """Its documentation shows these very times."""
    subscribe(made, EventType.DEVICE_STATUS)
    device = made.make_device("dev-1", version=None)

    made.report(Connected(device.id, "c1", "192.0.2.1", CONNECTED_AT))
    made.report(Disconnected(device.id, "c1", CONNECTED_AT + 5))

    online, offline = messages(made)
    assert online == (
        "device.status",
        f"/as/mqtt/status/{made.product.product_key}/dev-1",
        {
            "status": "online",
            "iotId": device.iot_id,
            "productKey": made.product.product_key,
            "deviceName": "dev-1",
            "time": "2018-08-31 15:32:28.205",
            "utcTime": "2018-08-31T07:32:28.205Z",
            "lastTime": "2018-08-31 15:32:28.205",
            "utcLastTime": "2018-08-31T07:32:28.205Z",
            "clientIp": "192.0.2.1",
        },
    )
    assert (offline[2]["status"], offline[2]["clientIp"]) == ("offline", "192.0.2.1")
    assert offline[2]["utcTime"] == "2018-08-31T07:32:28.210Z"


def test_a_batch_is_told_in_the_order_in_which_it_happened(made: World) -> None:
    subscribe(made, *EventType)
    device = made.make_device("dev-1", version=None)
    made.report(VersionReported(device.id, "default", "1.0.0", START))
    made.make_job(made.make_package(), ["dev-1"])
    before = len(messages(made))

    made.report(
        Connected(device.id, "c1", "192.0.2.1", START + 1),
        ProgressReported(device.id, None, 10, "", START + 2),
        VersionReported(device.id, "default", "2.0.0", START + 3),
        Disconnected(device.id, "c1", START + 4),
        Connected(device.id, "c2", "192.0.2.1", START + 5),
        VersionReported(device.id, "default", "2.1.0", START + 6),
    )

    assert kinds(made)[before:] == [
        ("device.status", "online"),
        ("task.status", "IN_PROGRESS"),
        ("module.version", "2.0.0"),
        ("task.ended", "SUCCEEDED"),
        ("device.status", "offline"),
        ("device.status", "online"),
        ("module.version", "2.1.0"),
        ("job.status", "COMPLETED"),
    ]


def test_the_end_of_a_connection_that_was_replaced_is_not_told(made: World) -> None:
    subscribe(made, EventType.DEVICE_STATUS)
    device = made.make_device("dev-1", version=None)

    made.report(Connected(device.id, "c1", "192.0.2.1", START), Connected(device.id, "c2", "192.0.2.2", START))
    made.report(Disconnected(device.id, "c1", START))

    assert kinds(made) == [("device.status", "online"), ("device.status", "online")]


def test_a_failure_is_told_with_its_reason(made: World) -> None:
    job = running(made)
    subscribe(made, EventType.TASK_ENDED)
    [device_id] = made.states(job)

    made.report(ProgressReported(device_id, None, -2, "no room", made.now))

    [(_, _, payload)] = messages(made)
    assert (payload["status"], payload["desc"]) == ("FAILED", "the download failed: no room")


def test_a_try_that_failed_and_is_repeated_is_no_change_of_state(made: World) -> None:
    device = made.make_device("dev-1")
    made.connect(device)
    made.make_job(made.make_package(), ["dev-1"], retry_interval_minutes=10, retry_count=1)
    made.dispatch()
    subscribe(made, EventType.TASK_STATUS)

    made.say_progress(device, -1)
    assert messages(made) == []


@pytest.mark.parametrize(
    ("types", "told"),
    [
        ([EventType.TASK_ENDED], ["task.ended"]),
        ([EventType.TASK_STATUS], ["task.status"]),
        ([EventType.TASK_STATUS, EventType.TASK_ENDED], ["task.ended"]),
        ([EventType.MODULE_VERSION], ["module.version"]),
        ([EventType.DEVICE_STATUS], []),
        ([EventType.JOB_STATUS], ["job.status"]),
    ],
)
def test_a_subscription_gets_each_change_once_and_only_its_types(
    made: World, types: list[EventType], told: list[str]
) -> None:
    job = running(made)
    subscribe(made, *types)
    [device_id] = made.states(job)

    made.report(VersionReported(device_id, "default", "2.0.0", made.now))

    assert [kind for kind, _, _ in messages(made)] == told


def test_all_subscriptions_get_the_same_message_under_one_id(made: World) -> None:
    subscribe(made, EventType.TASK_STATUS)
    subscribe(made, EventType.TASK_ENDED)
    job = running(made)
    made.tx.execute(outbox.delete())
    [device_id] = made.states(job)

    made.report(VersionReported(device_id, "default", "2.0.0", made.now))

    found = made.tx.execute(select(outbox.c.message_id, outbox.c.body, outbox.c.type)).all()
    assert len(found) == 2
    assert len({row.message_id for row in found}) == len({row.body for row in found}) == 1
    assert {row.type for row in found} == {"task.status", "task.ended"}


def test_an_inactive_or_deleted_subscription_gets_nothing(made: World) -> None:
    stopped, deleted = (subscribe(made, *EventType) for _ in range(2))
    subscriptions.update(made.tx, made.box, instance_id=made.instance.id, subscription_id=stopped, active=False)
    subscriptions.delete(made.tx, instance_id=made.instance.id, subscription_id=deleted, now=made.now)

    running(made)

    assert messages(made) == []


def test_a_device_that_is_gone_is_passed_by(made: World) -> None:
    subscribe(made, EventType.DEVICE_STATUS)
    device = made.make_device("dev-1", version=None)

    publishing.publish(
        made.tx,
        [
            PresenceChanged(4_711, online=True, address=None, at=START),
            PresenceChanged(device.id, online=True, address="192.0.2.1", at=START),
        ],
        START,
    )

    assert [payload["deviceName"] for _, _, payload in messages(made)] == ["dev-1"]


def test_nobody_is_asked_for_twice_in_a_transaction(made: World) -> None:
    """Without subscriptions all that happens in a transaction costs one statement."""
    seen: list[str] = []
    device = made.make_device("dev-1")
    made.tx.info.pop("skyferry.subscribers", None)
    event.listen(made.tx, "before_cursor_execute", lambda _tx, _cursor, statement, *_: seen.append(statement))

    made.make_job(made.make_package(), ["dev-1"])
    made.connect(device)
    made.say_version(device, "2.0.0")

    about = [statement for statement in seen if "subscriptions" in statement or "outbox" in statement]
    assert len(about) == 1
    assert about[0].startswith("SELECT")

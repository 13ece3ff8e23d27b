"""The guide's page on events shows what is so."""

import json
import time

import pytest

from skyferry.delivery.webhooks import sign
from skyferry.events import publishing, subscriptions
from skyferry.events.models import EventType, TaskMoved
from skyferry.operations import OPERATIONS
from skyferry.store import outbox
from tests.support import guide
from tests.support.rows import START, world

PAGE = "events.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def headers(body: bytes, timestamp: int) -> dict[str, str]:
    signature = sign(SECRET, "5f0c6b7f", timestamp, body)
    return {"webhook-id": "5f0c6b7f", "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def test_the_check_of_the_signature_works() -> None:
    is_genuine = guide.function(PAGE, "is_genuine")
    body, now = b'{"messageId":"5f0c6b7f"}', int(time.time())

    assert is_genuine(SECRET, headers(body, now), body)
    assert not is_genuine(SECRET, headers(body, now), body + b" ")
    assert not is_genuine(SECRET, headers(body, now - 301), body)
    assert not is_genuine("whsec_AAAA", headers(body, now), body)
    assert not is_genuine(SECRET, headers(body, now) | {"webhook-id": "other"}, body)


def test_the_example_is_a_message_as_it_is_sent() -> None:
    [example] = guide.blocks(PAGE, "json")
    shown = json.loads(example)
    with world() as made:
        subscriptions.create(
            made.tx,
            made.box,
            instance_id=made.instance.id,
            kind="webhook",
            target="http://127.0.0.1/",
            types=[EventType.TASK_ENDED],
            now=START,
        )
        made.make_device("dev-1")
        made.make_job(made.make_package(), ["dev-1"])
        publishing.publish(made.tx, [TaskMoved(1, "SUCCEEDED", ended=True, description="", at=START)], START)
        [message], _ = outbox.due(made.tx, 1, START, under_way=(), limit=1)

    payload = json.loads(message.body)
    assert list(shown["payload"]) == list(payload)
    assert {name: type(value) for name, value in shown["payload"].items()} == {
        name: type(value) for name, value in payload.items()
    }
    assert len(shown["messageId"]) == len(message.message_id)


@pytest.mark.parametrize("name", [*EventType, *(name for name, item in OPERATIONS.items() if "Event" in name)])
def test_every_type_and_operation_is_named(name: str) -> None:
    page = (guide._GUIDE / PAGE).read_text()
    assert name in page

"""Which subscriptions can be made."""

from collections.abc import Iterator

import pytest

from skyferry.errors import ApiError
from skyferry.events import subscriptions
from skyferry.events.subscriptions import NewSubscription
from tests.support.rows import World, world


@pytest.fixture
def made() -> Iterator[World]:
    with world() as opened:
        yield opened


def create(made: World, target: str, kind: str = "webhook", *types: str) -> NewSubscription:
    return subscriptions.create(
        made.tx,
        made.box,
        instance_id=made.instance.id,
        kind=kind,
        target=target,
        types=types or ["task.ended"],
        now=made.now,
    )


def target_of(made: World, subscription_id: str) -> str:
    return subscriptions.find(made.tx, made.instance.id, subscription_id).target


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.7:8080/hook", "https://shop.example.com", "http://[::1]:80/a?b=c%20d", "HTTP://LOCALHOST/x"],
)
def test_a_business_server_may_be_anywhere(made: World, url: str) -> None:
    assert target_of(made, create(made, url).subscription_id) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example.com/hook",
        "//shop.example.com/hook",
        "file:///etc/passwd",
        "gopher://shop.example.com/",
        "http://",
        "http://:80/",
        "http://host:port/",
        "http://host:0/",
        "http://host:65536/",
        "http://[::1/",
        "http://user@host/",
        "http://user:password@host/",
        "http://host/#fragment",
        "http://host/a b",
        "http://host/\r\nHost: other",
        "http://müller.example/",
        "http://host/" + "a" * 2_048,
    ],
)
def test_a_target_that_is_no_url_of_a_webhook_is_refused(made: World, url: str) -> None:
    with pytest.raises(ApiError, match=r"iot\.event\.InvalidTarget"):
        create(made, url)


@pytest.mark.parametrize(("target", "stored"), [("", "skyferry.events"), ("shop.ota_2-x", "shop.ota_2-x")])
def test_subjects_begin_as_told(made: World, target: str, stored: str) -> None:
    new = create(made, target, "nats")

    assert (target_of(made, new.subscription_id), new.secret) == (stored, None)


@pytest.mark.parametrize("target", [".", "a.", ".a", "a..b", "a.*", "a.>", "a b", "ä", "a\n", "a" * 201])
def test_a_beginning_that_no_subject_can_have_is_refused(made: World, target: str) -> None:
    with pytest.raises(ApiError, match=r"iot\.event\.InvalidTarget"):
        create(made, target, "nats")


def test_types_are_kept_once_each(made: World) -> None:
    new = create(made, "http://host/", "webhook", "job.status", "task.ended", "job.status")

    found = subscriptions.find(made.tx, made.instance.id, new.subscription_id)
    assert found.types == ["task.ended", "job.status"]


def test_a_secret_is_stored_sealed_and_can_be_made_anew(made: World) -> None:
    new = create(made, "http://host/")
    changed = subscriptions.update(
        made.tx,
        made.box,
        instance_id=made.instance.id,
        subscription_id=new.subscription_id,
        new_secret=True,
    )

    assert new.secret is not None
    assert changed is not None
    assert changed != new.secret
    sealed = subscriptions.find(made.tx, made.instance.id, new.subscription_id).secret_sealed
    assert sealed is not None
    assert made.box.open(sealed) == changed
    assert new.secret not in repr(new)


def test_too_many_messages_named_at_once_are_refused(made: World) -> None:
    new = create(made, "http://host/")

    with pytest.raises(ApiError, match="ParameterSizeExceedMax"):
        subscriptions.redeliver(
            made.tx,
            instance_id=made.instance.id,
            subscription_id=new.subscription_id,
            message_ids=[str(number) for number in range(1_001)],
            now=made.now,
        )

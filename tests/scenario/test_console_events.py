"""The console's pages on messages to the business server."""

import base64
import itertools
import threading
from typing import Any

import pytest

from tests.scenario.events import subscribe, subscriptions, wait_for_dead
from tests.scenario.support import Accounts, Fleet
from tests.support.console import Browser
from tests.support.receiver import Receiver
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule(
    "CreateEventSubscription",
    "ListEventSubscriptions",
    "UpdateEventSubscription",
    "DeleteEventSubscription",
    "SendTestEvent",
)


@pytest.fixture
def browser(server: Server) -> Browser:
    """A browser in which root has signed in."""
    made = Browser(server.http)
    made.sign_in()
    return made


def secret_on(browser: Browser) -> str:
    """The secret that the page shows this once."""
    assert "shown this once" in browser.text
    secret = browser.document.xpath("string(//*[@class='copyable']/code)")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    return str(secret)


def test_a_webhook_is_made_changed_stopped_and_deleted_by_forms(browser: Browser, receiver: Receiver) -> None:
    browser.open("/events")
    assert "Nobody is told yet" in browser.text
    browser.open("/events/new")
    assert browser.form("/events/new")["Type"] == ["task.ended"]
    assert browser.send("/events/new", Target="ftp://shop") == 400
    assert "Target is http://HOST/PATH" in browser.text
    assert "iot.event.InvalidTarget" in browser.text
    assert browser.form("/events/new") | {"form_token": []} == {
        "form_token": [],
        "Kind": ["webhook"],
        "Target": ["ftp://shop"],
        "Type": ["task.ended"],
    }
    browser.send("/events/new", Target=receiver.url, Type="job.status")
    first = secret_on(browser)

    browser.open("/events")
    [path] = browser.document.xpath("//td/a/@href")
    path = path.removeprefix("/console")
    browser.open(path)
    assert first not in browser.response.text
    assert "Nothing waits" in browser.text
    token = browser.token
    assert browser.post(path, {"form_token": token, "Target": receiver.url}) == 400
    assert "Choose at least one type" in browser.text
    assert browser.post(path, {"form_token": token, "Target": "nowhere", "Type": "task.ended"}) == 400
    assert browser.form(path)["Target"] == ["nowhere"]
    browser.post(path, {"form_token": token, "Target": receiver.url + "2", "Type": ["job.status", "task.ended"]})
    assert "The subscription has been changed." in browser.text
    assert browser.form(path)["Type"] == ["task.ended", "job.status"]

    browser.send(f"{path}/test")
    assert "A test message is on its way." in browser.text
    assert receiver.wait_for(1)[0].message["type"] == "test"

    browser.send(f"{path}/active", do="stop")
    assert f"{path}/test" not in browser.response.text
    assert "It gets no new messages" in browser.text
    browser.send(f"{path}/active", do="resume")
    assert "The subscription gets messages again." in browser.text
    browser.open(f"{path}/secret")
    assert f"all messages to {receiver.url}2 are signed with it" in browser.text
    browser.send(f"{path}/secret")
    assert secret_on(browser) != first

    browser.open(f"{path}/delete")
    assert f"Nothing goes to {receiver.url}2 any more." in browser.text
    browser.send(f"{path}/delete")
    assert "The subscription has been deleted." in browser.text
    assert browser.open(path) == 404
    assert "There is nothing here" in browser.text


@pytest.mark.rule("ListDeadEvents", "RedeliverEvents")
def test_what_was_given_up_is_seen_and_sent_again(browser: Browser, fleet: Fleet, receiver: Receiver) -> None:
    receiver.answer = lambda _message: 503
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    fleet.devices(4)
    messages = [item["MessageId"] for item in wait_for_dead(fleet.api, subscription, 4)]

    browser.open("/events")
    assert browser.document.xpath("//td[@class='number']/a/text()") == ["4"]
    path = f"/events/{subscription}"
    browser.open(f"{path}/delete")
    assert "given up and could be sent again: 4" in browser.text
    browser.open(path)
    assert browser.document.xpath("//td/input[@name='message']/@value") == messages
    assert "HTTP 503" in browser.text
    assert browser.send(f"{path}/dead", do="ticked") == 400
    assert "Tick the messages" in browser.text

    receiver.answer = lambda _message: 200
    browser.post(f"{path}/dead", {"form_token": browser.token, "only": messages[0], "message": messages[3]})
    assert "1 message goes again." in browser.text
    browser.post(f"{path}/dead", {"form_token": browser.token, "do": "ticked", "message": messages[1]})
    browser.open(path)
    browser.send(f"{path}/dead", do="page")
    assert "2 messages go again." in browser.text
    assert {item.headers["webhook-id"] for item in receiver.wait_for(4)} == set(messages)
    assert "No message was given up." in browser.text
    browser.post(f"{path}/dead", {"form_token": browser.token, "do": "all"})
    assert "0 messages go again." in browser.text


def test_a_subscription_that_fails_says_why(browser: Browser, fleet: Fleet, receiver: Receiver) -> None:
    seen, answers = threading.Event(), itertools.chain([503], itertools.repeat(200))

    def answer(_message: dict[str, Any]) -> int:
        status = next(answers)
        if status == 200:
            assert seen.wait(60)
        return status

    receiver.answer = answer
    subscription = subscribe(fleet.api, receiver, "module.version")["SubscriptionId"]
    fleet.device()
    wait_until(lambda: "LastError" in subscriptions(fleet.api)[0], interval=0.02, what="a failure")

    [state] = subscriptions(fleet.api)
    browser.open(f"/events/{subscription}")
    seen.set()
    assert (state["LastError"], state["Waiting"]) == ("HTTP 503", 1)
    assert "Fails HTTP 503" in browser.text
    assert browser.document.xpath("//dt[text()='Oldest waiting']")
    receiver.wait_for(1)


def test_who_may_only_look_is_offered_no_change(accounts: Accounts, server: Server, receiver: Receiver) -> None:
    accounts.run("user", "create", "hearer")
    accounts.run("password", "set", "--user", "hearer", given="hearer password\n" * 2)
    root = Browser(server.http)
    root.sign_in()
    root.open("/events/new")
    root.send("/events/new", Target=receiver.url)
    own = Browser(server.http)
    own.sign_in("hearer@root", "hearer password")
    assert own.open("/events") == 403
    assert own.document.xpath("//nav//a[@href='/console/events']") == []

    accounts.run("policy", "attach", "AliyunIOTReadOnlyAccess", "hearer")
    own.open("/events")
    [path] = own.document.xpath("//td/a/@href")
    own.open(path.removeprefix("/console"))
    assert own.document.xpath("//main//form") == []
    assert own.document.xpath("//main//a[contains(@href, 'delete') or contains(@href, 'secret')]") == []
    for form in ("/events/new", f"{path.removeprefix('/console')}/secret", f"{path.removeprefix('/console')}/delete"):
        assert own.open(form) == 403
    assert own.post(f"{path.removeprefix('/console')}/delete", {"form_token": own.token}) == 403

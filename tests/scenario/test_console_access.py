"""The console's pages for users, keys, passwords and policies."""

import pytest

from tests.scenario.support import Accounts
from tests.support.console import Browser
from tests.support.server import Server


@pytest.fixture
def browser(server: Server) -> Browser:
    made = Browser(server.http)
    made.sign_in()
    return made


@pytest.mark.rule("CreateUser", "AttachPolicyToUser", "CreateLoginProfile", "CreateAccessKey", "DeleteUser")
def test_a_user_is_made_given_rights_and_removed_by_forms(browser: Browser, server: Server) -> None:
    browser.open("/access")
    assert browser.send("/access/users", user="no blanks") == 400
    assert "InvalidParameter.UserName.InvalidChars" in browser.text
    assert browser.send("/access/users", user="clicked") == 200
    assert browser.path == "/access/users/clicked"

    browser.send("/access/users/clicked/policies", policy="System/AliyunIOTReadOnlyAccess", do="attach")
    assert browser.document.xpath("//td/a[text()='AliyunIOTReadOnlyAccess']")
    assert browser.send("/access/users/clicked/password", password="short", do="give") == 400
    assert browser.send("/access/users/clicked/password", password="clicked password", do="give") == 200
    assert "Signs in as clicked@root." in browser.text
    other = Browser(server.http)
    other.sign_in("clicked@root", "clicked password")
    assert other.open("/access") == 403
    assert other.document.xpath("//nav//a[@href='/console/access']") == []

    browser.send("/access/keys", do="create")
    assert "shown this once" in browser.text
    secret = browser.document.xpath("//dd//code/text()")[1]
    key = browser.document.xpath("//dd//code/text()")[0]
    browser.open("/access/users/clicked")
    assert key in browser.text
    assert secret not in browser.text
    assert browser.open("/access/users/clicked/delete") == 200
    assert browser.send("/access/users/clicked/delete") == 400
    assert "DeleteConflict.User.AccessKey" in browser.text

    browser.open(f"/access/keys/delete?key={key}&user=clicked")
    browser.send("/access/keys", do="delete")
    browser.send("/access/users/clicked/policies", do="detach", policy="System/AliyunIOTReadOnlyAccess")
    browser.send("/access/users/clicked/password", do="remove")
    browser.open("/access/users/clicked/delete")
    assert browser.send("/access/users/clicked/delete") == 200
    assert browser.path == "/access"


@pytest.mark.rule("CreatePolicy", "GetPolicy", "DeletePolicy")
def test_a_policy_is_made_shown_and_removed_by_forms(browser: Browser) -> None:
    browser.open("/access/policies/new")
    assert browser.send("/access/policies/new", name="clicked-policy", document="{") == 400
    assert "MalformedPolicyDocument" in browser.text
    assert browser.document.xpath("//input[@name='name']/@value") == ["clicked-policy"]
    document = '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Query*", "Resource": "*"}}'
    assert browser.send("/access/policies/new", name="clicked-policy", document=document) == 200

    assert browser.open("/access/policies/Custom/clicked-policy") == 200
    assert "iot:Query*" in browser.text
    assert browser.send("/access/policies/Custom/clicked-policy/delete") == 200
    assert browser.open("/access/policies/Custom/clicked-policy") == 404


@pytest.mark.rule("UpdateAccessKey", "ListAccessKeys")
def test_a_key_is_turned_off_and_on(browser: Browser, accounts: Accounts) -> None:
    accounts.run("user", "create", "switched")
    accounts.run("key", "create", "--user", "switched")

    browser.open("/access/users/switched")
    browser.send("/access/keys", do="deactivate")
    assert "Turned off" in browser.text
    browser.send("/access/keys", do="activate")
    assert "Turned off" not in browser.text
    assert browser.open("/access/users/nobody") == 404

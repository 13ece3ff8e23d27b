"""How the server is, by QueryServerStatus and on the console's page: for those who operate it, and nobody else."""

from typing import Any

import pytest
import requests

from skyferry import __version__
from skyferry.settings import Settings
from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Application, GatewayError
from tests.support.console import Browser
from tests.support.server import ROOT_PASSWORD, ROOT_SECRET, Server

pytestmark = pytest.mark.rule("QueryServerStatus")


def policy(action: str) -> dict[str, Any]:
    """Allows the operations of this pattern."""
    return {"Version": "1", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}


def test_parts_are_those_of_healthz_and_addresses_the_real_ones(api: Application, server: Server) -> None:
    status = api.call("QueryServerStatus")["Data"]

    health = requests.get(f"http://{server.http}/healthz", timeout=60).json()
    assert [part["Name"] for part in status["Parts"]] == [name for name in health if name != "status"]
    assert all(part["Works"] and part["Text"].endswith(".") for part in status["Parts"])
    assert status["Healthy"] is True
    addresses = {item["Name"]: item["Address"] for item in status["Addresses"]}
    assert (addresses["http"], addresses["mqtt"]) == (str(server.http), str(server.mqtt))
    assert status["Version"] == __version__
    assert 0 < status["DiskFreeBytes"] < status["DiskBytes"]
    assert status["DatabaseBytes"] > 0
    assert status["UtcCertificateEnd"] > status["UtcStart"]


def test_devices_and_tasks_are_counted(fleet: Fleet) -> None:
    before = fleet.api.call("QueryServerStatus")["Data"]
    devices = fleet.devices(2)
    fleet.job(fleet.package(), devices)
    fleet.connect(devices[0])

    after = fleet.api.call("QueryServerStatus")["Data"]
    assert after["OpenTasks"] >= before["OpenTasks"] + 2
    assert after["DevicesOnline"] >= 1


def test_settings_are_told_without_secrets(api: Application) -> None:
    answer = api.call("QueryServerStatus")

    settings = {item["Name"]: item for item in answer["Data"]["Settings"]}
    assert set(settings) == set(Settings.model_fields)
    assert (settings["event_attempts"]["Value"], settings["event_attempts"]["IsDefault"]) == ("3", False)
    assert settings["region"]["IsDefault"] is True
    assert settings["root_password"]["Value"] == "***"
    assert ROOT_PASSWORD not in str(answer)
    assert ROOT_SECRET not in str(answer)


def test_only_the_account_root_and_users_of_it_that_may_are_told(api: Application, accounts: Accounts) -> None:
    other = application(accounts.create("status-other"))
    everything = policy("iot:*")
    stranger = application(accounts.user("status-other", "stranger", everything))
    looker = application(accounts.user("root", "status-looker", policy("iot:List*")))
    for caller in (other, stranger, looker):
        with pytest.raises(GatewayError) as refused:
            caller.call("QueryServerStatus")
        assert (refused.value.code, refused.value.status) == ("NoPermission", 403)

    user = application(accounts.user("root", "status-operator", everything))
    assert user.call("QueryServerStatus")["Data"]["Version"] == __version__


def test_the_page_says_that_it_works_in_words(server: Server) -> None:
    browser = Browser(server.http)
    browser.sign_in()
    assert browser.open("/server") == 200
    assert "All parts of the server work." in browser.text
    states = browser.document.xpath("//tr[th]/td/span[contains(@class, 'state')]/text()")
    assert states == ["Works"] * 7
    assert "event_attempts" in browser.text
    assert "mqtt_plain" not in browser.text
    assert browser.open("/server?settings=all") == 200
    assert "mqtt_plain" in browser.text
    assert "set, not shown" in browser.text
    assert ROOT_PASSWORD not in browser.response.text


def test_others_are_not_offered_the_page(server: Server, accounts: Accounts) -> None:
    accounts.create("status-neighbour")
    accounts.run("password", "set", "--account", "status-neighbour", given="neighbour password\n" * 2)
    browser = Browser(server.http)
    browser.sign_in("status-neighbour", "neighbour password")
    assert browser.path == "/"
    assert browser.document.xpath("//nav//a[@href='/console/server']") == []
    assert browser.document.xpath("//nav//a[@href='/console/audit']")
    assert browser.open("/server") == 403

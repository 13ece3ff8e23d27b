"""The console's overview: what goes out, what fails and why, and what a person may not see."""

import json

import pytest

from tests.scenario.support import Accounts, Fleet
from tests.support.console import Browser
from tests.support.server import Server

pytestmark = pytest.mark.rule("ListOTAJobs", "QueryOTAStatistics", "QueryDeviceStatistics")


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.http)


def test_running_batches_stand_with_their_failures_and_a_way_to_stop_them(browser: Browser, fleet: Fleet) -> None:
    devices = fleet.devices(2)
    job = fleet.job(fleet.package(), devices)
    client = fleet.connect(devices[0])
    client.offer()
    client.say_progress(-4, description="the flash is worn out")

    browser.sign_in()
    assert browser.open("/") == 200
    own = browser.document.xpath(f"//*[@id='running']//li[.//a[@href='/console/jobs/{job}']]")[0]
    assert "1 failed" in own.text_content()
    assert own.xpath(f".//a[@href='/console/jobs/{job}/cancel']")
    assert own.xpath(".//*[local-name()='svg']/@aria-label") == ["0 succeeded and 1 failed of 2"]
    assert "the flashing failed: the flash is worn out" in browser.text

    assert browser.open("/overview/running") == 200
    assert browser.document.xpath(f"//a[@href='/console/jobs/{job}']")


@pytest.mark.parametrize("period", ["day", "week", "month", "nonsense"])
def test_results_are_a_chart_and_a_table(browser: Browser, fleet: Fleet, period: str) -> None:
    fleet.job(fleet.package("2.0.0"), [fleet.device()])
    fleet.job(fleet.package("3.0.0"))

    browser.sign_in()
    assert browser.open(f"/?period={period}") == 200
    options = json.loads(browser.document.xpath("string(//*[@data-chart]/@data-chart)"))
    assert [series["name"] for series in options["series"]] == ["Succeeded", "Failed"]
    assert sum(options["series"][1]["data"]) >= 1
    assert browser.document.xpath("//details//td")


def test_who_may_see_nothing_is_shown_nothing(browser: Browser, accounts: Accounts) -> None:
    accounts.run("user", "create", "newcomer")
    accounts.run("password", "set", "--user", "newcomer", given="newcomer password\n" * 2)

    browser.sign_in("newcomer@root", "newcomer password")
    assert browser.open("/") == 200
    assert browser.document.xpath("//*[@data-chart] | //*[@class='rollouts']") == []

"""The console's data analysis and audit log."""

import csv
import io
import json

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.console import Browser
from tests.support.server import Server


@pytest.fixture
def browser(server: Server) -> Browser:
    made = Browser(server.http)
    made.sign_in()
    return made


def charts(browser: Browser) -> dict[str, dict[str, object]]:
    """The options of the page's charts, by what they are of."""
    return {
        place.get("aria-label"): json.loads(place.get("data-chart"))
        for place in browser.document.xpath("//*[@data-chart]")
    }


@pytest.mark.rule("QueryOTAVersionDistribution", "QueryOTAStatistics")
def test_versions_results_and_reasons_of_a_product_are_shown(browser: Browser, fleet: Fleet) -> None:
    devices = fleet.devices(2)
    job = fleet.job(fleet.package(), devices)
    first, second = [fleet.connect(device) for device in devices]
    first.offer()
    first.say_version("2.0.0")
    second.offer()
    second.say_progress(-1, description="battery too low")

    assert browser.open(f"/analysis?product={fleet.product}") == 200
    assert set(charts(browser)) == {"Devices by version", "Results of updates"}
    assert "the update failed: battery too low" in browser.text
    assert browser.document.xpath(f"//a[starts-with(@href, '/console/devices?product={fleet.product}')]/text()") == [
        "1.0.0",
        "2.0.0",
    ]

    assert browser.open(f"/analysis?product={fleet.product}&job={job}") == 200
    assert set(charts(browser)) == {"Devices by version", "Results of updates", "Updates by source version"}
    assert browser.document.xpath("//select[@name='job']/option[@selected]/@value") == [job]


@pytest.mark.rule("QueryOTAVersionDistribution")
def test_modules_without_reports_and_unknown_products_are_told(browser: Browser, fleet: Fleet) -> None:
    assert browser.open(f"/analysis?product={fleet.product}&module=mcu") == 200
    assert "No device has reported a version of this module" in browser.text
    assert browser.open("/analysis?product=nothing") == 400
    assert "iot.prod.NotExistedProduct" in browser.text


@pytest.mark.rule("QueryAuditRecords")
def test_the_audit_log_is_filtered_paged_and_exported(browser: Browser, fleet: Fleet) -> None:
    fleet.api.call("RegisterDevice", ProductKey=fleet.product, DeviceName="audited")
    fleet.api.refusal("RegisterDevice", ProductKey=fleet.product, DeviceName="!")

    assert browser.open("/audit?action=RegisterDevice&caller=root") == 200
    assert "DeviceName=audited" in browser.text
    assert set(browser.document.xpath("//tbody/tr/td[3]/a/text()")) == {"RegisterDevice"}

    assert browser.open("/audit?outcome=iot.device.InvalidFormattedDeviceName") == 200
    assert "DeviceName=audited" not in browser.text
    assert browser.open("/audit?outcome=nothing") == 200
    assert "No record is like that" in browser.text

    assert browser.open("/audit?action=RegisterDevice&format=csv") == 200
    rows = list(csv.DictReader(io.StringIO(browser.response.content.decode("utf-8-sig"))))
    told = {frozenset(row["Parameters"].split("; ")) for row in rows}
    assert {f"ProductKey={fleet.product}", "DeviceName=audited"} in told


@pytest.mark.rule("QueryAuditRecords")
def test_a_filter_that_cannot_be_is_told_above_it(browser: Browser) -> None:
    assert browser.open("/audit?since=2026-02-01T00:00&until=2026-01-01T00:00") == 400
    assert "EndTime is later than StartTime." in browser.text
    assert browser.open("/audit?since=yesterday") == 400


@pytest.mark.rule("QueryAuditRecords")
def test_records_are_paged_by_key(fleet: Fleet) -> None:
    for number in range(3):
        fleet.api.call("RegisterDevice", ProductKey=fleet.product, DeviceName=f"device-{number}")

    first = fleet.api.call("QueryAuditRecords", Action="RegisterDevice", PageSize=2)
    rest = fleet.api.call("QueryAuditRecords", Action="RegisterDevice", PageSize=1, NextToken=first["NextToken"])
    found = [*first["Data"]["AuditRecord"], *rest["Data"]["AuditRecord"]]
    told = [{item["Name"]: item["Value"] for item in record["Parameters"]}["DeviceName"] for record in found]
    assert told == ["device-2", "device-1", "device-0"]

    assert fleet.api.refusal("QueryAuditRecords", PageSize=201) == "iot.common.InvalidPageParams"
    assert fleet.api.refusal("QueryAuditRecords", NextToken="?") == "iot.common.InvalidPageParams"
    for times in ({"StartTime": 2, "EndTime": 1}, {"StartTime": -(2**63)}, {"EndTime": 2**63 - 1}):
        assert fleet.api.refusal("QueryAuditRecords", **times) == "iot.common.InvalidFormattedParameter"


@pytest.mark.rule("QueryAuditRecords")
def test_an_account_sees_its_own_records_only(fleet: Fleet, accounts: Accounts) -> None:
    fleet.api.call("RegisterDevice", ProductKey=fleet.product, DeviceName="audited")
    stranger = application(accounts.create("audit-stranger"))

    callers = {record["Caller"] for record in stranger.call("QueryAuditRecords")["Data"]["AuditRecord"]}
    assert callers == {"cli"}, "only the creation of the account"

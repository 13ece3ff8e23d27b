"""The console's pages on registrations, modules and groups."""

import csv
import io
import time

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items
from tests.support.console import Browser
from tests.support.server import Server, wait_until

REGISTRATIONS = pytest.mark.rule("BatchCheckDeviceNames")
MODULES = pytest.mark.rule("ListOTAModuleByProduct")
GROUPS = pytest.mark.rule("QueryDeviceGroupInfo")


@pytest.fixture
def browser(server: Server) -> Browser:
    """A browser in which root has signed in."""
    made = Browser(server.http)
    made.sign_in()
    return made


def wait_for(browser: Browser, text: str) -> None:
    """Looks at the page again until it says this."""
    path = browser.path

    def says() -> bool:
        browser.open(path)
        return text in browser.text

    wait_until(says, interval=0.05, what=text)


def secrets_on(browser: Browser) -> dict[str, str]:
    """Names and secrets in the CSV file of the registration."""
    [link] = browser.document.xpath("//a[@download]/@href")
    browser.open(link.removeprefix("/console"))
    rows = csv.DictReader(io.StringIO(browser.response.content.decode("utf-8-sig")))
    return {row["DeviceName"]: row["DeviceSecret"] for row in rows}


@REGISTRATIONS
def test_one_device_is_registered(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/devices/new?product={fleet.product}")

    assert browser.send("/devices/new", DeviceName="?", Nickname="north") == 400
    assert "iot.device.InvalidFormattedDeviceName" in browser.text
    assert "north" in browser.document.xpath("//input[@name='Nickname']/@value")
    assert browser.send("/devices/new", DeviceName="pump-1") == 200
    assert browser.path == f"/devices/{fleet.product}/pump-1"


@REGISTRATIONS
def test_many_devices_are_registered_by_names_and_a_file(browser: Browser, fleet: Fleet) -> None:
    fleet.api.register(fleet.product, "taken-1")
    browser.open(f"/devices/new?product={fleet.product}")
    assert browser.send("/devices/new/names", names="pump-1,north\n?\npump-1") == 400
    assert "The device name is not of the form." in browser.text
    assert "The device name occurs more than once in the list." in browser.text
    assert browser.send("/devices/new/names", names="") == 400

    browser.send("/devices/new/names", names="taken-1\npump-1")
    wait_for(browser, "No device was registered")
    assert "The product has a device of this name." in browser.text

    browser.open(f"/devices/new?product={fleet.product}")
    token = browser.document.forms[0].fields["form_token"]
    file = ("names.csv", "\N{BYTE ORDER MARK}DeviceName,Nickname\npump-2,south\n".encode())
    browser.response = browser.session.post(
        f"{browser.base}/console/devices/new/names",
        data={"form_token": token, "ProductKey": fleet.product, "names": "pump-1,north"},
        files={"file": file},
        timeout=60,
    )
    wait_for(browser, "All the names can be registered.")
    browser.send(browser.path)
    wait_for(browser, "2 devices are registered.")
    found = secrets_on(browser)
    assert set(found) == {"pump-1", "pump-2"}
    device = fleet.api.call("QueryDeviceInfo", ProductKey=fleet.product, DeviceName="pump-2")["Data"]
    assert (device["Nickname"], device["DeviceSecret"]) == ("south", found["pump-2"])


@REGISTRATIONS
def test_a_file_that_is_no_text_is_refused(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/devices/new?product={fleet.product}")
    token = browser.document.forms[0].fields["form_token"]

    answer = browser.session.post(
        f"{browser.base}/console/devices/new/names",
        data={"form_token": token, "ProductKey": fleet.product},
        files={"file": ("names.csv", b"\xff\xfe")},
        timeout=60,
    )

    assert answer.status_code == 400
    assert "not in UTF-8" in answer.text


@REGISTRATIONS
def test_names_are_made_up(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/devices/new?product={fleet.product}")
    assert browser.send("/devices/new/count", Count="0") == 400
    browser.send("/devices/new/count", Count="60")

    wait_for(browser, "60 devices are registered.")
    assert len(secrets_on(browser)) == 60


@MODULES
def test_a_module_lives_in_the_browser(browser: Browser, fleet: Fleet) -> None:
    path = f"/products/{fleet.product}/modules"
    browser.open(path)
    assert browser.send(path, ModuleName="a b", Desc="The motor") == 400
    assert browser.document.xpath("//input[@name='Desc']/@value") == ["The motor"]
    browser.send(path, ModuleName="mcu", AliasName="motor")
    assert [module["ModuleName"] for module in fleet.modules()] == ["default", "mcu"]

    browser.open(f"{path}/mcu")
    assert browser.document.xpath("//input[@name='AliasName']/@value") == ["motor"]
    assert browser.send(f"{path}/mcu", AliasName="?") == 400
    browser.send(f"{path}/mcu", AliasName="", Desc="The motor")
    [_, module] = fleet.modules()
    assert (module.get("AliasName") or "", module["Desc"]) == ("", "The motor")

    fleet.package("1.0", ModuleName="mcu")
    browser.open(f"{path}/mcu/delete")
    assert browser.send(f"{path}/mcu/delete") == 400
    assert browser.document.xpath("//*[@role='alert']//code")


@MODULES
def test_a_module_without_packages_is_deleted(browser: Browser, fleet: Fleet) -> None:
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName="mcu")
    browser.open(f"/products/{fleet.product}/modules/mcu/delete")

    browser.send(f"/products/{fleet.product}/modules/mcu/delete")

    assert "The module has been deleted." in browser.text
    assert [module["ModuleName"] for module in fleet.modules()] == ["default"]


@GROUPS
def test_a_static_group_lives_in_the_browser(browser: Browser, fleet: Fleet) -> None:
    for name in ("pump-1", "pump-2"):
        fleet.api.register(fleet.product, name)
    unique = f"group_{time.time_ns()}"[:30]
    browser.open("/groups/new")
    assert browser.send("/groups/new", GroupName="?", GroupDesc="The cellar") == 400
    assert browser.document.xpath("//input[@name='GroupDesc']/@value") == ["The cellar"]
    browser.send("/groups/new", GroupName=unique)
    path = browser.path

    browser.send(f"{path}/devices", ProductKey=fleet.product, names="pump-1, pump-2 nobody")
    assert "2 devices were added, 0 were in the group, 1 are unknown." in browser.text
    assert browser.document.xpath("//tbody//a/text()") == ["pump-2", "pump-1"]
    assert browser.open(f"{path}/remove") == 400
    browser.open(f"{path}/remove?device={fleet.product}/pump-2")
    assert "1 device leaves the group" in browser.text
    browser.send(f"{path}/remove")
    assert "1 device was taken out." in browser.text
    [link] = browser.document.xpath("//a[contains(@href, '/devices?where=')]/@href")
    browser.open(link.removeprefix("/console"))
    assert browser.document.xpath("//tbody//a/text()") == ["pump-1"]
    browser.open(path)
    assert browser.document.xpath("//tbody//a/text()") == ["pump-1"]
    browser.send(path, GroupDesc="In the cellar")
    assert "In the cellar" in browser.text
    browser.open(f"/devices/{fleet.product}/pump-1")
    assert unique in browser.text

    browser.open(f"/groups/new?in={path.rpartition('/')[2]}")
    browser.send("/groups/new", GroupName=f"{unique[:28]}_w")
    inner = browser.path
    browser.open(f"/groups?name={unique[:28]}")
    assert len(browser.document.xpath("//tbody/tr")) == 2
    browser.open(f"{path}/delete")
    assert "Its 1 device stays" in browser.text
    assert browser.document.xpath("//main//li/a/@href") == [f"/console{inner}"]
    assert browser.send(f"{path}/delete") == 400
    for group in (inner, path):
        browser.open(f"{group}/delete")
        browser.send(f"{group}/delete")
        assert "The group has been deleted." in browser.text


@GROUPS
def test_a_dynamic_group_shows_who_matches(browser: Browser, fleet: Fleet) -> None:
    fleet.device("pump-1")
    fleet.api.register(fleet.product, "pump-2")
    browser.open("/groups/new")
    name = f"dynamic_{time.time_ns()}"[:30]
    assert browser.send("/groups/new", kind="dynamic", GroupName=name, DynamicGroupExpression="name =") == 400
    assert "iot.devicesearch.InvalidSQLError" in browser.text
    expression = f'product_key = "{fleet.product}" AND ota_module.version = "1.0.0"'
    browser.send("/groups/new", kind="dynamic", GroupName=name, DynamicGroupExpression=expression)

    assert browser.path.startswith("/groups/dynamic/")
    assert expression in browser.text
    assert browser.document.xpath("//tbody//a/text()") == ["pump-1"]
    path = browser.path
    [link] = browser.document.xpath("//a[contains(@href, '/devices?where=')]/@href")
    browser.open(link.removeprefix("/console"))
    assert browser.document.xpath("//tbody//a/text()") == ["pump-1"]
    browser.open(f"/groups?kind=dynamic&name={name}")
    assert browser.document.xpath("//tbody//a/text()") == [name]
    browser.open(f"{path}/delete")
    browser.send(f"{path}/delete")
    found = fleet.api.call("QueryDeviceGroupList", GroupName=name, GroupTypes=["LINK_PLATFORM_DYNAMIC"])
    assert items(found["Data"], "GroupInfo") == []

"""The console without JavaScript: an update and a stop by links and forms; what takes JavaScript says so."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.api import Application, Device
from tests.support.clicks import Clicks
from tests.support.device import CDevice
from tests.support.server import ROOT_PASSWORD, Server

FIRMWARE: Final = b"the new firmware" * 1_000


@pytest.fixture
def options() -> dict[str, Any]:
    return {"java_script_enabled": False}


def add_package(person: Clicks, product: str, version: str, firmware: Path) -> None:
    """Adds a package whose file goes up on a page of its own; what was typed comes back."""
    person.fill_package(product, version, verified=False)
    person.press("Upload a file…")
    person.field("File").set_input_files(firmware)
    with person.page.expect_response(lambda response: response.request.method == "POST") as answered:
        person.press("Upload")
    assert answered.value.status == 204
    person.press("Go on with the package")
    expect(person.page.locator("[name=DestVersion]")).to_have_value(version)
    person.finish_package()


def test_devices_are_updated_and_a_batch_is_stopped_by_forms_alone(
    context: BrowserContext, server: Server, root_application: Application, tmp_path: Path
) -> None:
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(FIRMWARE)
    page = context.new_page()
    person = Clicks(page)
    page.goto("/console/sign-in")
    person.field("Password").fill(ROOT_PASSWORD)
    person.press("Sign in")
    page.wait_for_url("**/console/")

    product = person.make_product("without_script")
    for name in ("kitchen", "cellar"):
        person.register(product, name)
    devices = [device_of(root_application, product, name) for name in ("kitchen", "cellar")]
    with CDevice(server.mqtt, devices[0]) as kitchen:
        kitchen.report_version("1.0.0", stored=True)
        with CDevice(server.mqtt, devices[1]) as cellar:
            cellar.report_version("1.0.0", stored=True)

        add_package(person, product, "2.0.0", firmware)
        package = page.url
        job = person.verify("kitchen")
        expect(page.locator("noscript p")).to_contain_text("load it anew to see how far the batch is")
        assert kitchen.update() == FIRMWARE
    root_application.wait_for_job(job)
    page.reload()
    person.expect_counts(succeeded=1)

    page.goto(package)
    person.start_batch(1, "2.0.0")
    page.reload()
    person.press("Pause")
    person.sees("The batch is paused. Updates that devices have begun run on.")
    person.press("Resume")
    person.sees("The batch goes on.")
    page.locator("a.danger").click()
    person.press("Cancel what is ticked")
    person.expect_counts(canceled=1)


def test_language_and_colours_are_chosen_by_forms_alone(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/console/sign-in")
    Clicks(page).press("Dark")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="中文").click()
    Clicks(page, "zh").sees("Sign in")


def device_of(application: Application, product: str, name: str) -> Device:
    found = application.call("QueryDeviceDetail", ProductKey=product, DeviceName=name)["Data"]
    return Device(product, name, found["DeviceSecret"], found["IotId"])

"""An empty server, the four steps of its overview by clicks, and a device that runs in a page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.api import Application, root
from tests.support.clicks import Clicks
from tests.support.device import CDevice
from tests.support.server import ROOT_PASSWORD, Server, wait_until

FIRMWARE: Final = b"the new firmware" * 1_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of this file's own: nobody has made anything on it."""
    with Server(tmp_path_factory.mktemp("empty"), empty=True) as started:
        yield started


@pytest.fixture
def person(context: BrowserContext) -> Clicks:
    page = context.new_page()
    page.goto("/console/sign-in")
    made = Clicks(page)
    made.field("Password").fill(ROOT_PASSWORD)
    made.press("Sign in")
    page.wait_for_url("**/console/")
    return made


def test_four_steps_lead_to_a_finished_update_of_a_device_that_runs_in_a_page(person: Clicks, tmp_path: Path) -> None:
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(FIRMWARE)
    page = person.page

    person.press("Make a product")
    person.field("Name").fill("thermostat")
    person.press("Make the product")
    person.open_area("Overview")
    person.press("Register a device")
    page.locator("form", has=person.button("Register the device")).locator("[name=DeviceName]").fill("kitchen")
    person.press("Register the device")
    person.open_area("Overview")
    with page.expect_popup() as opened:
        person.press("Simulate the device")
    device = Clicks(opened.value)
    device.press("Start the device")
    device.sees("It reports that module {module} runs version {version}.".format(module="default", version="1.0.0"))
    person.press("Add a package")
    person.field("Name").fill("first")
    page.locator("[name=DestVersion]").fill("2.0.0")
    person.field("Verify on a few devices before it goes to the others").uncheck()
    page.get_by_label("File", exact=True).set_input_files(firmware)
    expect(page.get_by_text("Uploaded: firmware.bin")).to_be_visible()
    person.finish_package()
    person.start_batch(1, "2.0.0")

    person.expect_counts(succeeded=1)
    log = device.page.get_by_role("log")
    for line in ("offers version 2.0.0", "100% are downloaded", "SHA256 digest are right", "runs version 2.0.0"):
        expect(log).to_contain_text(line)
    device.press("Stop the device")
    device.sees("The device is switched off.")
    page.reload()
    person.sees("Completed")


def test_a_device_in_a_page_reports_a_broken_file_and_gives_way_to_another(person: Clicks, server: Server) -> None:
    api: Application = root(server.http)
    product = api.create_product("broken_file")
    identity = api.register(product, "cellar")
    page = person.page
    page.route("**/objects/**", lambda route: route.fulfill(body=bytes(len(FIRMWARE))))
    page.goto(f"/console/devices/{product}/cellar/simulate")
    person.press("Start the device")
    person.sees("It reports that module {module} runs version {version}.".format(module="default", version="1.0.0"))

    job = api.create_job(api.create_package(product, FIRMWARE, "2.0.0", NeedToVerify=False), product)
    person.sees("The update failed, and it reports why: the file has another digest.")
    wait_until(lambda: set(api.states(job).values()) == {"FAILED"}, what="the failure's report")
    with CDevice(server.mqtt, identity):
        person.sees("The connection has ended: the server stopped, or another device logged in under this name.")

    api.call("ResetDeviceSecret", ProductKey=product, DeviceName="cellar")
    person.press("Start the device")
    person.sees("The server refused the log-in (code 4). Load the page anew: the secret may be another now.")

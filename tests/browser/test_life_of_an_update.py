"""The whole life of an update by clicks: product, device, package, batch, success; and one that is stopped."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.api import Application, Device
from tests.support.device import CDevice, download
from tests.support.server import Server

FIRMWARE = b"the new firmware" * 1_000


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(FIRMWARE)
    return path


def make_product(page: Page, name: str) -> str:
    """Makes a product; answers its ProductKey."""
    page.goto("/console/products/new")
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_role("button", name="Make the product").click()
    page.wait_for_url(re.compile(r"/console/products/a1\w+$"))
    return page.url.rpartition("/")[2]


def register(page: Page, product: str, name: str) -> None:
    page.goto(f"/console/devices/new?product={product}")
    form = page.locator("form", has=page.get_by_role("button", name="Register the device", exact=True))
    form.get_by_label("Product").select_option(product)
    form.locator("[name=DeviceName]").fill(name)
    form.get_by_role("button", name="Register the device", exact=True).click()
    expect(page.get_by_text(name).first).to_be_visible()


def add_package(page: Page, product: str, version: str, firmware: Path) -> None:
    """Adds a package whose file the page uploads."""
    page.goto(f"/console/packages/new?product={product}")
    page.locator("[name=FirmwareName]").fill(f"package_{version.replace('.', '_')}_{product}")
    page.get_by_label("Product").select_option(product)
    page.locator("[name=DestVersion]").fill(version)
    page.get_by_label("File", exact=True).set_input_files(firmware)
    expect(page.get_by_text("Uploaded: firmware.bin")).to_be_visible()
    page.locator("[name=NeedToVerify]").set_checked(False)
    page.get_by_role("button", name="Add the package").click()
    page.wait_for_url(re.compile(r"/console/packages/\w{20,}$"))


def start_batch(page: Page) -> None:
    """From the package's page to a running batch, by way of the preview."""
    page.get_by_role("button", name="Update devices").click()
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.get_by_text("1 device will be updated to")).to_be_visible()
    page.get_by_role("button", name="Start the batch").click()
    page.wait_for_url(re.compile(r"/console/jobs/\w+$"))


def device_of(application: Application, product: str, name: str) -> Device:
    found = application.call("QueryDeviceDetail", ProductKey=product, DeviceName=name)["Data"]
    return Device(product, name, found["DeviceSecret"], found["IotId"])


def test_a_device_is_updated_by_clicks_only(
    page: Page, server: Server, root_application: Application, firmware: Path
) -> None:
    product = make_product(page, "by_clicks")
    register(page, product, "kitchen")
    with CDevice(server.mqtt, device_of(root_application, product, "kitchen")) as device:
        device.report_version("1.0.0", stored=True)
        add_package(page, product, "2.0.0", firmware)
        start_batch(page)

        notice = device.wait_for_notice()
        assert notice.version == "2.0.0"
        assert download(notice) == FIRMWARE
        device.report_version("2.0.0", stored=True)

        # The page hears of it by itself.
        expect(page.locator("#progress .succeeded strong")).to_have_text("1")
    page.goto(f"/console/devices/{product}/kitchen")
    expect(page.get_by_text("2.0.0").first).to_be_visible()


def test_a_batch_is_stopped_by_clicks_only(
    page: Page, server: Server, root_application: Application, firmware: Path
) -> None:
    product = make_product(page, "stopped_by_clicks")
    register(page, product, "cellar")
    with CDevice(server.mqtt, device_of(root_application, product, "cellar")) as device:
        device.report_version("1.0.0", stored=True)
    add_package(page, product, "2.0.0", firmware)
    start_batch(page)

    page.get_by_role("button", name="Cancel…").first.click()
    page.get_by_label("To be pushed: 1 device").check()
    page.get_by_role("button", name="Cancel what is ticked").click()

    expect(page.locator("#progress .canceled strong")).to_have_text("1")

"""The whole life of an update by clicks, in each language: product, devices, package, verification, batch; a stop."""

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from skyferry.console.languages import LANGUAGES
from tests.support.api import Application, Device
from tests.support.clicks import Clicks
from tests.support.device import CDevice, download
from tests.support.server import Server

FIRMWARE: Final = b"the new firmware" * 1_000
LOCALES: Final = {"en": "en-GB", "zh": "zh-CN"}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def options(language: str) -> dict[str, Any]:
    return {"locale": LOCALES[language]}


@pytest.fixture
def person(page: Page, language: str) -> Clicks:
    return Clicks(page, language)


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(FIRMWARE)
    return path


def device_of(application: Application, product: str, name: str) -> Device:
    found = application.call("QueryDeviceDetail", ProductKey=product, DeviceName=name)["Data"]
    return Device(product, name, found["DeviceSecret"], found["IotId"])


def test_devices_are_updated_by_clicks_only(
    person: Clicks, language: str, server: Server, root_application: Application, firmware: Path
) -> None:
    product = person.make_product(f"by_clicks_{language}")
    for name in ("kitchen", "cellar"):
        person.register(product, name)
    with (
        CDevice(server.mqtt, device_of(root_application, product, "kitchen")) as kitchen,
        CDevice(server.mqtt, device_of(root_application, product, "cellar")) as cellar,
    ):
        for device in (kitchen, cellar):
            device.report_version("1.0.0", stored=True)

        package = person.add_package(product, "2.0.0", firmware, verified=False)
        person.sees("Not verified")
        person.verify("kitchen")
        assert kitchen.update() == FIRMWARE
        person.expect_counts(succeeded=1)  # the page hears of it by itself

        person.page.goto(f"/console/packages/{package}")
        person.sees("Verified")
        person.start_batch(1, "2.0.0")
        notice = cellar.wait_for_notice()
        cellar.report_progress(50)
        person.expect_counts(in_progress=1)
        assert download(notice) == FIRMWARE
        cellar.report_version("2.0.0", stored=True)
        person.expect_counts(succeeded=1, in_progress=0)

    person.page.reload()
    person.sees("Completed")
    person.page.goto(f"/console/devices/{product}/cellar")
    expect(person.page.get_by_text("2.0.0").first).to_be_visible()


def test_a_batch_is_stopped_by_clicks_only(
    person: Clicks, language: str, server: Server, root_application: Application, firmware: Path
) -> None:
    product = person.make_product(f"stopped_{language}")
    for name in ("kitchen", "cellar"):
        person.register(product, name)
    with CDevice(server.mqtt, device_of(root_application, product, "kitchen")) as kitchen:
        kitchen.report_version("1.0.0", stored=True)
        with CDevice(server.mqtt, device_of(root_application, product, "cellar")) as cellar:
            cellar.report_version("1.0.0", stored=True)
        person.add_package(product, "2.0.0", firmware)
        person.start_batch(2, "2.0.0")
        kitchen.wait_for_notice()
        kitchen.report_progress(10)
        person.expect_counts(queued=1, in_progress=1)

        person.page.locator("a.danger", has_text=person.say("Cancel…")).click()
        assert not person.field("Updating").is_checked()
        person.press("Cancel what is ticked")
        person.expect_counts(canceled=1, in_progress=1)

        person.page.locator("a.danger", has_text=person.say("Cancel…")).click()
        person.field("Updating").check()
        person.press("Cancel what is ticked")
        person.expect_counts(canceled=2, in_progress=0)
    person.sees("Cancelled")

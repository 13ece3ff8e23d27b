"""A batch's page follows what devices do, and leaves alone what somebody is about to do with it."""

from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect

from tests.support.api import Application, Device
from tests.support.clicks import Clicks
from tests.support.device import CDevice, download
from tests.support.server import Server

_MILLISECONDS: Final = 60_000
"""A page looks at the latest after 15 seconds."""


def test_tabs_and_table_follow_and_a_selection_stays(
    page: Page, server: Server, root_application: Application, tmp_path: Path
) -> None:
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(b"the new firmware")
    person = Clicks(page)
    product = person.make_product("followed")
    person.register(product, "kitchen")
    found = root_application.call("QueryDeviceDetail", ProductKey=product, DeviceName="kitchen")["Data"]
    row = page.locator("#tasks tbody tr")
    box = page.get_by_label("kitchen")
    with CDevice(server.mqtt, Device(product, "kitchen", found["DeviceSecret"], found["IotId"])) as kitchen:
        kitchen.report_version("1.0.0", stored=True)
        person.add_package(product, "2.0.0", firmware)
        person.start_batch(1, "2.0.0")
        notice = kitchen.wait_for_notice()
        kitchen.report_progress(50)
        expect(row).to_contain_text("Updating", timeout=_MILLISECONDS)
        expect(page.locator("#state-in_progress")).to_contain_text("1")

        box.check()
        page.locator("#state-all").focus()
        assert download(notice)
        kitchen.report_version("2.0.0", stored=True)
        expect(page.locator("#state-succeeded")).to_contain_text("1", timeout=_MILLISECONDS)
        expect(page.locator("#state-all")).to_be_focused()
        expect(box).to_be_checked()
        expect(row).to_contain_text("Updating")

        box.uncheck()
        box.blur()
        expect(row).to_contain_text("Succeeded", timeout=_MILLISECONDS)

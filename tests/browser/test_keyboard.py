"""What people do with the keyboard alone: Tab, Enter, the space bar and arrows; they always see where they are."""

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.support.api import Application
from tests.support.device import CDevice
from tests.support.server import Server

_MOST_TABS: Final = 90
_FOCUSED: Final = """() => {
    const place = document.activeElement;
    const looks = () => {
        const style = getComputedStyle(place);
        return [style.outline, style.boxShadow, style.borderColor, style.left].join(" ");
    };
    const focused = looks();
    place.blur();
    const blurred = looks();
    place.focus();
    const label = place.getAttribute("aria-label") ?? place.labels?.[0]?.textContent ?? place.textContent;
    return [label.trim().replace(/\\s+/g, " "), focused !== blurred];
}"""


class Keys:
    """Somebody without a pointer."""

    def __init__(self, page: Page) -> None:
        """Args: page: what they see."""
        self.page = page
        page.emulate_media(reduced_motion="reduce")  # without it, colours take a moment to change

    def go_to(self, name: str) -> list[str]:
        """Presses Tab until something of this name has the focus; every stop must show that it has it.

        Returns:
            The stops on the way.
        """
        passed: list[str] = []
        for _press in range(_MOST_TABS):
            self.page.keyboard.press("Tab")
            text, visible = self.page.evaluate(_FOCUSED)
            assert visible, f"{text} on {self.page.url} does not show that it has the focus"
            if re.match(name, text):
                return passed
            passed.append(text)
        pytest.fail(f"{name} on {self.page.url} is not reached, but {passed}")

    def follow(self, name: str, *, key: str = "Enter") -> None:
        """Goes to a link or button that leads to another page, and presses it."""
        self.go_to(name)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)


@pytest.fixture
def package(server: Server, root_application: Application) -> str:
    """A package for three devices that are not connected."""
    api = root_application
    product = api.create_product("keyboard")
    for device in [api.register(product, f"device_{number}") for number in range(3)]:
        with CDevice(server.mqtt, device) as connected:
            connected.report_version("1.0.0", stored=True)
    return api.create_package(product, b"content", "2.0.0", NeedToVerify=False, FirmwareName="by_keyboard")


@pytest.mark.usefixtures("package")
def test_a_batch_is_started_and_stopped_without_a_pointer(page: Page) -> None:
    keys = Keys(page)
    keys.go_to("Skip to the content")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    page.reload()

    keys.follow("Update packages")
    keys.follow("by_keyboard")
    keys.follow("Update devices", key="Space")
    keys.follow("Cancel")
    keys.follow("Update devices")
    keys.go_to("Static")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=mode][value=DYNAMIC]")).to_be_checked()
    page.keyboard.press("ArrowUp")
    keys.go_to("Scope")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Names of the devices")).to_be_visible()
    page.keyboard.press("ArrowUp")
    keys.follow("Preview")
    assert keys.go_to("Preview again") == [], "the page is not where the preview is"
    keys.follow("Start the batch")
    expect(page.locator("#progress .queued strong")).to_have_text("3")

    keys.go_to("device_1")
    page.keyboard.press("Space")
    expect(page.get_by_label("device_1")).to_be_checked()
    keys.follow("Cancel…")
    expect(page.locator("main")).to_contain_text("device_1")
    keys.follow("Cancel these updates")
    expect(page.locator("#progress .canceled strong")).to_have_text("1")

    keys.follow("Cancel…", key="Space")
    keys.follow("Keep the batch")
    keys.follow("Cancel…")
    keys.follow("Cancel what is ticked")
    expect(page.locator("#progress .canceled strong")).to_have_text("3")

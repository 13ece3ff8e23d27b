"""What people do in the console by clicks, in their language: things are looked for by the sentences that they read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from playwright.sync_api import Locator, Page, expect

from skyferry.console import languages

_PRODUCT: Final = re.compile(r"/console/products/a1\w+$")
_PACKAGE: Final = re.compile(r"/console/packages/\w{20,}$")
_JOB: Final = re.compile(r"/console/jobs/\w+$")


class Clicks:
    """Somebody who has signed in and looks at a page."""

    def __init__(self, page: Page, language: str = languages.DEFAULT) -> None:
        """Args: page: what they see; language: what they read."""
        self.page = page
        self._language = language

    def say(self, sentence: str, **parts: object) -> str:
        """A sentence of the console in the person's language."""
        return self._in_language(lambda: languages.translate(sentence)) % parts

    def count(self, singular: str, plural: str, number: int, **parts: object) -> str:
        """A sentence for so many, in the person's language."""
        return self._in_language(lambda: languages.translate_number(singular, plural, number)) % parts

    def sees(self, sentence: str, **parts: object) -> None:
        """Waits until the page says it."""
        expect(self.page.get_by_text(self.say(sentence, **parts)).first).to_be_visible()

    def button(self, sentence: str) -> Locator:
        """The button, or the link that looks like one, that says just this."""
        return self.page.get_by_role("button", name=self.say(sentence), exact=True)

    def press(self, sentence: str) -> None:
        """Clicks a button."""
        self.button(sentence).click()

    def follow(self, sentence: str) -> None:
        """Clicks a link."""
        self.page.get_by_role("link", name=self.say(sentence), exact=True).first.click()

    def field(self, sentence: str) -> Locator:
        """The first field whose label begins with this."""
        return self.page.get_by_label(re.compile(rf"^\s*{re.escape(self.say(sentence))}")).first

    def open_area(self, name: str) -> None:
        """Goes to an area of the menu."""
        self.page.get_by_role("navigation").get_by_role("link", name=self.say(name), exact=True).click()

    def make_product(self, name: str) -> str:
        """Makes a product; returns its ProductKey."""
        self.open_area("Products")
        self.page.get_by_role("button", name=self.say("Make a product")).first.click()
        self.field("Name").fill(name)
        self.press("Make the product")
        self.page.wait_for_url(_PRODUCT)
        return self.page.url.rpartition("/")[2]

    def register(self, product: str, name: str) -> None:
        """Registers a device."""
        self.page.goto(f"/console/devices/new?product={product}")
        form = self.page.locator("form", has=self.button("Register the device"))
        form.get_by_label(self.say("Product")).select_option(product)
        form.locator("[name=DeviceName]").fill(name)
        self.press("Register the device")
        expect(self.page.get_by_text(name).first).to_be_visible()

    def fill_package(self, product: str, version: str, *, verified: bool) -> None:
        """Opens the form for a package and says what it is; `verified` when it goes out without verification."""
        self.page.goto(f"/console/packages/new?product={product}")
        self.field("Name").fill(f"package_{version.replace('.', '_')}_{product}")
        self.field("Product").select_option(product)
        self.page.locator("[name=DestVersion]").fill(version)
        self.field("Verify on a few devices before it goes to the others").set_checked(not verified)

    def add_package(self, product: str, version: str, firmware: Path, *, verified: bool = True) -> str:
        """Adds a package whose file the page uploads; returns its identifier."""
        self.fill_package(product, version, verified=verified)
        self.page.get_by_label(self.say("File"), exact=True).set_input_files(firmware)
        expect(self.page.get_by_text(f"{self.say('Uploaded')}: {firmware.name}")).to_be_visible()
        return self.finish_package()

    def finish_package(self) -> str:
        """Sends the form for a package; returns its identifier."""
        self.press("Add the package")
        self.page.wait_for_url(_PACKAGE)
        return self.page.url.rpartition("/")[2]

    def verify(self, device: str) -> str:
        """From the package's page to a verification on one device; returns the batch's identifier."""
        self.press("Verify")
        self.page.get_by_label(device, exact=True).check()
        self.press("Start the verification")
        return self._job()

    def start_batch(self, devices: int, version: str) -> str:
        """From the package's page to a running batch, by way of the preview; returns its identifier."""
        self.press("Update devices")
        self.press("Preview")
        told = self.count(
            "%(shown)s device will be updated to %(version)s",
            "%(shown)s devices will be updated to %(version)s",
            devices,
            shown=devices,
            version=version,
        )
        expect(self.page.get_by_text(told)).to_be_visible()
        self.press("Start the batch")
        return self._job()

    def expect_counts(self, **counts: int) -> None:
        """Waits until the batch that is shown has so many tasks in these states; the page leaves out those without."""
        for state, number in counts.items():
            figure = self.page.locator(f"#progress .{state} strong")
            expect(figure).to_have_text([str(number)] if number else [])

    def _job(self) -> str:
        self.page.wait_for_url(_JOB)
        return self.page.url.rpartition("/")[2]

    def _in_language(self, translated: Callable[[], str]) -> str:
        token = languages.current.set(self._language)
        try:
            return translated()
        finally:
            languages.current.reset(token)

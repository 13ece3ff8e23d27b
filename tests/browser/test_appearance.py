"""What all pages have: no serious fault of accessibility in either theme, times in the viewer's zone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

PAGES = (
    "/console/",
    "/console/products",
    "/console/products/new",
    "/console/devices",
    "/console/devices/new",
    "/console/groups",
    "/console/groups/new",
    "/console/packages",
    "/console/me",
)


def serious(page: Page) -> list[str]:
    """The serious faults that axe-core finds."""
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {node['html']}"
        for item in found
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_pages_have_no_serious_fault_of_accessibility(page: Page, path: str, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(path)

    assert serious(page) == []


def test_the_sign_in_page_has_none_either(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/console/sign-in")

    assert serious(page) == []


def test_the_theme_can_be_chosen(page: Page) -> None:
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Light").click()
    assert page.locator("html").get_attribute("data-theme") == "light"


def test_times_are_in_the_viewers_zone(page: Page) -> None:
    page.goto("/console/me")
    shown = page.locator("time").first
    utc, local = shown.get_attribute("title"), shown.text_content()

    assert utc is not None
    assert local is not None
    assert (int(local[11:13]) - int(utc[11:13])) % 24 == 8

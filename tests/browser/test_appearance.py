"""What all pages have: no serious fault of accessibility in either theme, a small first view, local times."""

from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import keep_session
from tests.scenario.gateways import item as topology_item
from tests.support.api import Application
from tests.support.device import CDevice
from tests.support.server import Server, wait_until

EMPTY: Final = (
    "/",
    "/products",
    "/products/new",
    "/devices",
    "/devices/new",
    "/groups",
    "/packages",
    "/audit",
    "/me",
    "/events",
    "/events/new",
    "/server",
)
FIRST_VIEW_BYTES: Final = 300_000
_AXE: Final = Axe()


def faults(page: Page, paths: tuple[str, ...]) -> list[str]:
    """The serious faults that axe-core finds on the pages, in both themes."""
    found = []
    page.emulate_media(reduced_motion="reduce")  # without it, colours take a moment to change
    for path in paths:
        page.emulate_media(color_scheme="light")
        page.goto(f"/console{path}")
        found += [f"{path} {fault}" for fault in serious(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{path} dark {fault}" for fault in serious(page, "color-contrast")]
    return found


def serious(page: Page, *rules: str) -> list[str]:
    """The serious faults by these rules, or by all."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(_AXE.axe_script)
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    violations = page.evaluate("options => axe.run(options).then(found => found.violations)", options)
    return [
        f"{item['id']}: {node['html']}"
        for item in violations
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
    ]


@pytest.fixture(scope="module")
def fleet(server: Server, root_application: Application) -> tuple[str, str, str]:
    """A product whose devices are in several states of an update: its key, a package and its batch."""
    api = root_application
    product = api.create_product("appearance")
    devices = [api.register(product, f"device_{number}") for number in range(5)]
    for device in devices:
        with CDevice(server.mqtt, device) as connected:
            connected.report_version("1.0.0", stored=True)
    package = api.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    with CDevice(server.mqtt, devices[0]) as failing, CDevice(server.mqtt, devices[1]) as updating:
        with CDevice(server.mqtt, devices[2]) as done:
            job = api.create_job(package, product)
            for connected in (failing, updating, done):
                connected.wait_for_notice()
            done.report_version("2.0.0", stored=True)
        updating.report_progress(40)
        failing.report_progress(-2, "no room in the download area")
        wait_until(lambda: len(set(api.states(job).values())) >= 4, what="tasks in four states")
    api.call("CreateOTAModule", ProductKey=product, ModuleName="battery", AliasName="battery")
    api.call("CreateDeviceGroup", GroupName="appearance")
    return product, package, job


def test_pages_without_data_have_no_serious_fault_of_accessibility(page: Page) -> None:
    assert faults(page, EMPTY) == []


def test_pages_with_data_have_no_serious_fault_of_accessibility(page: Page, fleet: tuple[str, str, str]) -> None:
    product, package, job = fleet
    packages, jobs, device = f"/packages/{package}", f"/jobs/{job}", f"/devices/{product}/device_0"

    assert (
        faults(
            page,
            (
                "/",
                "/products",
                f"/products/{product}",
                f"/products/{product}/modules",
                f"/devices?product={product}&state=OFFLINE",
                device,
                f"{device}/disable",
                f"{device}/simulate",
                "/groups",
                "/groups/new",
                "/packages",
                "/packages/new",
                packages,
                *(f"{packages}?tab={tab}" for tab in ("devices", "information", "statistics")),
                f"{packages}/update",
                f"{packages}/delete",
                jobs,
                f"{jobs}?state=FAILED",
                f"{jobs}?tab=information",
                f"{jobs}/edit",
                f"{jobs}/cancel",
                f"/analysis?product={product}",
                "/access",
                "/events",
                "/audit",
            ),
        )
        == []
    )


def test_pages_that_ask_before_they_change_something_have_none_either(
    page: Page, fleet: tuple[str, str, str], root_application: Application
) -> None:
    api, (product, package, job) = root_application, fleet
    unverified = api.create_package(product, b"other content", "3.0.0", NeedToVerify=True)
    group = api.call("CreateDeviceGroup", GroupName="to_be_asked")["Data"]["GroupId"]
    api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=[{"ProductKey": product, "DeviceName": "device_4"}])
    hook = api.call("CreateEventSubscription", Target="http://127.0.0.1:9/", Type=["task.ended"])["Data"]
    task = next(item["TaskId"] for item in api.tasks(job) if item["TaskStatus"] == "IN_PROGRESS")
    gateways = api.call("CreateProduct", ProductName="appearance_gateways", NodeType=1)["Data"]["ProductKey"]
    api.register(gateways, "gateway")
    subdevice = topology_item(api.register(product, "behind"))
    api.call("BatchAddThingTopo", GwProductKey=gateways, GwDeviceName="gateway", TopoAddItem=[subdevice])
    api.call("CreateUser", UserName="leaver")
    key = api.call("CreateAccessKey", UserName="leaver")["AccessKey"]["AccessKeyId"]
    device, events = f"/devices/{product}/device_1", f"/events/{hook['SubscriptionId']}"

    assert (
        faults(
            page,
            (
                f"/packages/{unverified}/verify",
                f"/packages/{package}/edit",
                f"/groups/static/{group}",
                f"/groups/static/{group}/remove?device={product}%2Fdevice_4",
                f"/groups/static/{group}/delete",
                "/access/policies/new",
                "/access/policies/System/AliyunIOTReadOnlyAccess",
                f"/products/{product}/settings",
                f"/products/{product}/delete",
                f"/products/{product}/modules/battery/delete",
                f"{device}/secret",
                f"{device}/delete",
                f"/devices/{gateways}/gateway/release",
                f"/devices/{product}/behind/release",
                "/access/users/leaver",
                "/access/users/leaver/delete",
                f"/access/keys/delete?user=leaver&key={key}",
                f"{device}/tasks/{task}",
                f"{device}/tasks/{task}/cancel",
                events,
                f"{events}/secret",
                f"{events}/delete",
            ),
        )
        == []
    )


def test_the_wizard_has_none_in_any_of_its_forms_nor_its_preview(page: Page, fleet: tuple[str, str, str]) -> None:
    page.goto(f"/console/packages/{fleet[1]}/update")
    found = []
    for scope in ("SPECIFIC", "GRAY", "GROUP", "ALL"):
        page.locator("[name=TargetSelection]").select_option(scope)
        found += serious(page)
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.locator("#preview")).to_be_visible()
    found += serious(page)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    found += serious(page, "color-contrast")
    page.locator("[name=mode][value=DYNAMIC]").check()
    found += serious(page)

    assert found == []


def test_the_sign_in_page_has_none_either(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/console/sign-in")

    assert serious(page) == []


def test_a_first_view_is_small(context: BrowserContext, server: Server, session: str) -> None:
    page = context.new_page()
    protocol = context.new_cdp_session(page)
    protocol.send("Network.enable")
    loaded: list[float] = []
    protocol.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    page.goto("/console/sign-in", wait_until="load")
    keep_session(context, server, session)
    page.goto("/console/", wait_until="load")

    assert len(loaded) > 5
    assert sum(loaded) < FIRST_VIEW_BYTES


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

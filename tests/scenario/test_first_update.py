"""An empty server, and someone who does what its pages say: four steps to a first update."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.api import root
from tests.support.console import Browser
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule("ListOTAJobs", "QueryDeviceStatistics")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "empty", empty=True) as started:
        yield started


def follow(browser: Browser, words: str) -> None:
    """Goes where the overview's next step leads."""
    browser.open("/")
    [address] = browser.document.xpath(f"//main//a[normalize-space()='{words}']/@href")
    assert browser.open(str(address).removeprefix("/console")) == 200


def add_package(browser: Browser, server: Server) -> None:
    """Adds a package whose file is on the server already: the browser of these tests uploads nothing."""
    ticket = root(server.http).upload(b"the new firmware")
    follow(browser, "Add a package")
    browser.send("/packages/new", FirmwareName="first", DestVersion="2.0.0", file_url=ticket, do="add")
    assert browser.path.startswith("/packages/"), browser.text


def test_the_overview_leads_to_a_first_update_with_a_simulated_device(empty: Server, tmp_path: Path) -> None:
    browser = Browser(empty.http)
    browser.sign_in()
    follow(browser, "Make a product")
    browser.send("/products/new", ProductName="thermostat")
    follow(browser, "Register a device")
    browser.send("/devices/new", DeviceName="kitchen")
    add_package(browser, empty)

    browser.open("/")
    make_file, simulate = browser.document.xpath("//main//code/text()")
    subprocess.run(["/bin/sh", "-c", make_file], cwd=tmp_path, check=True)
    with subprocess.Popen(["/bin/sh", "-c", f"exec {simulate}"], cwd=tmp_path, stdout=subprocess.PIPE) as simulator:
        try:
            follow(browser, "Open the package")
            verify = f"{browser.path}/verify"
            wait_until(lambda: browser.open(verify) and "kitchen" in browser.text, what="the device's version")
            browser.send(verify, names="kitchen")
            batch = browser.path
            assert batch.startswith("/jobs/"), browser.text
            wait_until(lambda: browser.open(batch) and "Completed" in browser.text, what="the end of the batch")
        finally:
            simulator.terminate()
    assert "Succeeded" in browser.text

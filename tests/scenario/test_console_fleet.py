"""The console's pages on products and devices: what they show, change and refuse; what a person may not do."""

import csv
import io
import json

import pytest

from tests.scenario.support import Accounts, Fleet
from tests.support.api import Device
from tests.support.console import Browser
from tests.support.server import Server

PRODUCTS = pytest.mark.rule("QueryProductList")
SETTINGS = pytest.mark.rule("UpdateProductSettings")
LIST = pytest.mark.rule("ListDevices")
DEVICE = pytest.mark.rule("QueryDeviceDetail")
LISTING = {"Effect": "Allow", "Action": ["iot:ListDevices", "iot:QueryProductList"], "Resource": "*"}


@pytest.fixture
def browser(server: Server) -> Browser:
    """A browser in which root has signed in."""
    made = Browser(server.http)
    made.sign_in()
    return made


@pytest.fixture
def looker(server: Server, accounts: Accounts) -> Browser:
    """A browser of somebody who may look and change nothing."""
    if "fleet-looker" not in accounts.run("user", "list"):
        accounts.run("user", "create", "fleet-looker")
        accounts.run("password", "set", "--user", "fleet-looker", given="looker password\n" * 2)
        accounts.run("policy", "attach", "AliyunIOTReadOnlyAccess", "fleet-looker")
    made = Browser(server.http)
    made.sign_in("fleet-looker@root", "looker password")
    return made


def names(browser: Browser) -> list[str]:
    """The devices in the table of the page."""
    return [str(name) for name in browser.document.xpath("//tbody/tr/td[1]/a/text()")]


def path_of(device: Device) -> str:
    return f"/devices/{device.product_key}/{device.name}"


@PRODUCTS
def test_a_product_lives_in_the_browser(browser: Browser, fleet: Fleet) -> None:
    browser.open("/products/new")
    assert browser.send("/products/new", ProductName="no", Description="of the cellar") == 400
    assert "iot.prod.InvalidFormattedProductName" in browser.text
    assert browser.document.xpath("//input[@name='Description']/@value") == ["of the cellar"]

    assert browser.send("/products/new", ProductName="console_pumps") == 200
    key = browser.path.removeprefix("/products/")
    fleet.api.register(key, "pump-1")
    browser.send(f"/products/{key}", ProductName="console_lamps", Description="")
    product = fleet.api.call("QueryProduct", ProductKey=key)["Data"]
    assert (product["ProductName"], product.get("Description") or "") == ("console_lamps", "")
    browser.open("/products")
    assert "console_lamps" in browser.text

    browser.open(f"/products/{key}/delete")
    assert "1 device, with its tags" in browser.text
    assert browser.send(f"/products/{key}/delete") == 200
    assert "The product has been deleted." in browser.text
    assert fleet.api.refusal("QueryProduct", ProductKey=key) == "iot.prod.NotExistedProduct"


@PRODUCTS
def test_a_product_with_a_running_batch_is_kept(browser: Browser, fleet: Fleet) -> None:
    fleet.job(fleet.package(), [fleet.device()])

    browser.open(f"/products/{fleet.product}/delete")

    assert "1 update package" in browser.text
    assert browser.send(f"/products/{fleet.product}/delete") == 400
    assert browser.document.xpath("//*[@role='alert']//code")


@SETTINGS
def test_the_settings_of_a_product_are_changed(browser: Browser, fleet: Fleet) -> None:
    path = f"/products/{fleet.product}/settings"
    browser.open(path)
    given = {"DynamicRegistration": "ANY", "DownloadBase": "http://files.test", "SecureUpdate": "true"}
    assert browser.send(path, **given) == 200
    settings = fleet.api.call("QueryProductSettings", ProductKey=fleet.product)["Data"]
    assert settings == given | {"DeviceProtocol": "link", "SecureUpdate": True}
    [key] = fleet.api.call("ListProductSigningKeys", ProductKey=fleet.product)["Data"]["ProductSigningKey"]
    assert browser.document.xpath("//pre/code/text()") == [key["PublicKey"]]

    assert browser.send(path, DownloadBase="ftp://files.test") == 400
    assert browser.document.xpath("//input[@name='DownloadBase']/@value") == ["ftp://files.test"]
    browser.send(path, DownloadBase="")
    assert not fleet.api.call("QueryProductSettings", ProductKey=fleet.product)["Data"].get("DownloadBase")

    browser.send(f"/products/{fleet.product}/keys", do="rotate")
    assert "Signs no more" in browser.text
    assert browser.send(f"/products/{fleet.product}/keys", do="rotate", PrivateKey="none") == 400


@LIST
def test_devices_are_found_and_exported(browser: Browser, fleet: Fleet) -> None:
    fleet.device("pump-0")
    for number in range(1, 56):
        fleet.api.register(fleet.product, f"pump-{number}")
    here = f"/devices?product={fleet.product}"

    browser.open(here)
    assert names(browser)[0] == "pump-55"
    [link] = browser.document.xpath("//a[@rel='next']/@href")
    browser.open(link.removeprefix("/console"))
    assert names(browser) == [f"pump-{number}" for number in range(5, -1, -1)]

    browser.open(f"{here}&state=OFFLINE")
    assert names(browser) == ["pump-0"]
    browser.open(f"{here}&name=pump-5&state=UNACTIVE")
    assert names(browser) == [f"pump-{number}" for number in (55, 54, 53, 52, 51, 50, 5)]
    browser.open(f"{here}&where=" + 'ota_module.version = "1.0.0"')
    assert names(browser) == ["pump-0"]
    browser.open(f"{here}&name=lamp")
    assert "No device is like that" in browser.text
    assert browser.open(f"{here}&where=name") == 400
    assert "iot.devicesearch.InvalidSQLError" in browser.text
    assert browser.document.xpath("//input[@name='where']/@value") == ["name"]

    browser.open(f"{here}&name=pump-0&format=csv")
    assert browser.response.headers["Content-Disposition"] == 'attachment; filename="devices.csv"'
    [row] = csv.DictReader(io.StringIO(browser.response.content.decode("utf-8-sig")))
    assert (row["DeviceName"], row["Versions"]) == ("pump-0", "default=1.0.0")
    assert browser.open(f"{here}&where=name&format=csv") == 400
    browser.open(f"{here}&format=csv")
    assert len(browser.response.text.splitlines()) == 57


@LIST
def test_a_product_without_devices_says_what_to_do(browser: Browser, fleet: Fleet) -> None:
    browser.open(f"/devices?product={fleet.product}")

    assert "There are no devices yet" in browser.text


@DEVICE
def test_a_devices_page_tells_all_and_cancels_a_task(browser: Browser, fleet: Fleet) -> None:
    device = fleet.device()
    fleet.connect(device)
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    browser.open(path_of(device))
    for text in ("Online", "127.0.0.1", "1.0.0", "2.0.0", "To be pushed", job, device.iot_id, device.secret):
        assert text in browser.text
    task = fleet.task(job, device)["TaskId"]
    browser.open(f"{path_of(device)}/tasks/{task}/cancel")
    assert f"in the batch {job}" in browser.text
    browser.send(f"{path_of(device)}/tasks/{task}/cancel")
    assert "The task has been cancelled." in browser.text
    assert "The device has nothing to do." in browser.text
    assert fleet.state(job, device) == "CANCELED"

    browser.open(f"{path_of(device)}/tasks/{task}")
    assert "Cancelled" in browser.text
    browser.open(f"{path_of(device)}/tasks/{task}/cancel")
    assert "The task has ended by itself." in browser.text
    assert browser.open(f"{path_of(device)}/live") == 200
    assert "Online" in browser.text


@DEVICE
def test_a_task_in_progress_is_not_cancelled_and_the_page_says_why(browser: Browser, fleet: Fleet) -> None:
    device = fleet.device()
    client = fleet.connect(device)
    job = fleet.job(fleet.package(), [device])
    client.push()
    client.say_progress(10)
    path = f"{path_of(device)}/tasks/{fleet.task(job, device)['TaskId']}/cancel"

    browser.open(path)
    assert browser.send(path) == 400
    assert browser.document.xpath("//*[@role='alert']//code")


@DEVICE
def test_tags_and_nickname_are_changed(browser: Browser, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "pump-1")
    path = path_of(device)
    browser.open(path)

    browser.send(f"{path}/tags", key="site", value="berlin")
    assert json.loads(fleet.api.call("QueryDeviceProp", IotId=device.iot_id)["Props"]) == {"site": "berlin"}
    assert browser.send(f"{path}/tags", key="a b c", value="") == 400
    assert browser.document.xpath("//input[@name='key']/@value") == ["a b c"]
    browser.send(f"{path}/tags/remove", key="site")
    assert json.loads(fleet.api.call("QueryDeviceProp", IotId=device.iot_id)["Props"]) == {}

    browser.send(f"{path}/nickname", nickname="north_pump")
    assert fleet.api.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["Nickname"] == "north_pump"
    assert browser.send(f"{path}/nickname", nickname="?") == 400
    assert browser.document.xpath("//input[@name='nickname']/@value") == ["?"]


@DEVICE
def test_a_device_is_barred_gets_a_new_secret_and_is_deleted(browser: Browser, fleet: Fleet) -> None:
    device = fleet.device()
    fleet.job(fleet.package(), [device])
    path = path_of(device)

    browser.open(f"{path}/disable")
    assert "1 open task waits until then." in browser.text
    browser.send(f"{path}/disable")
    assert fleet.status(device) == "DISABLE"
    browser.send(f"{path}/enable")
    assert fleet.status(device) == "OFFLINE"

    browser.open(f"{path}/secret")
    browser.send(f"{path}/secret")
    assert device.secret not in browser.text

    browser.open(f"{path}/delete")
    assert "1 task is deleted" in browser.text
    assert "1 of them is open and is cancelled first" in browser.text
    browser.send(f"{path}/delete")
    assert browser.path == "/devices"
    assert fleet.api.refusal("QueryDeviceDetail", IotId=device.iot_id) == "iot.device.InvalidIoTId"
    assert browser.open(path) == 400


@DEVICE
def test_who_may_only_look_is_offered_nothing_else_and_refused(looker: Browser, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "pump-1")

    for path in ("/products", f"/products/{fleet.product}", f"/products/{fleet.product}/settings", path_of(device)):
        assert looker.open(path) == 200
        posts = [form.get("action") for form in looker.document.forms if form.method == "POST"]
        assert set(posts) <= {"/console/preferences", "/console/sign-out"}
    looker.open(f"/products/{fleet.product}/settings")
    assert "The platform's MQTT protocol" in looker.text
    token = looker.document.forms[0].fields["form_token"]
    answer = looker.session.post(
        f"{looker.base}/console{path_of(device)}/delete", data={"form_token": token}, timeout=60
    )
    assert answer.status_code == 400
    assert fleet.status(device) == "UNACTIVE"


@DEVICE
def test_a_device_is_played_by_who_may_read_its_secret(
    server: Server, looker: Browser, fleet: Fleet, accounts: Accounts
) -> None:
    device = fleet.device()
    assert looker.open(f"{path_of(device)}/simulate") == 200
    [identity] = looker.document.xpath("//@data-device")
    assert json.loads(identity) == {
        "productKey": device.product_key,
        "deviceName": device.name,
        "deviceSecret": device.secret,
    }
    assert looker.document.xpath("//noscript")

    accounts.run("user", "create", "lister")
    accounts.run("password", "set", "--user", "lister", given="lister password\n" * 2)
    accounts.put_policy("root", "MayList", {"Version": "1", "Statement": [LISTING]})
    accounts.run("policy", "attach", "MayList", "lister")
    lister = Browser(server.http)
    lister.sign_in("lister@root", "lister password")
    assert lister.open("/devices") == 200
    assert lister.open(f"{path_of(device)}/simulate") == 403
    assert device.secret not in lister.response.text

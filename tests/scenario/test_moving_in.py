"""A fleet moves from one server to another: what `skyferry import aliyun` copies, and how it goes on."""

import json
import random
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from skyferry.cli import app
from skyferry.operations import OPERATIONS
from tests.scenario.support import ScriptedDevice
from tests.support.api import Application, Device, items, root
from tests.support.device import download
from tests.support.program import skyferry
from tests.support.registering import CertifiedDevice
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server, wait_until

pytestmark = pytest.mark.rule("accounts")

CONTENT: Final = random.Random(5).randbytes(150_000)
DEVICES: Final = 53
"""More than a page."""
QUOTAS: Final = dict.fromkeys(OPERATIONS, 10_000)
LESS: Final = QUOTAS | {"QueryDeviceProp": 20}
"""Less than is documented, as when an account's applications are busy."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that a fleet leaves."""
    with Server(tmp_path_factory.mktemp("source"), {"SKYFERRY_QUOTAS": json.dumps(LESS)}) as started:
        yield started
        started.stop()


@pytest.fixture(scope="module")
def target(source: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that it moves to, which trusts certificates that the other one has issued to devices."""
    settings = {
        "SKYFERRY_QUOTAS": json.dumps(QUOTAS),
        "SKYFERRY_PUSH_DELAY_SECONDS": "600",
        "SKYFERRY_DEVICE_CA": str(source.data / "tls" / "device-ca.pem"),
    }
    with Server(tmp_path_factory.mktemp("target"), settings) as started:
        yield started
        started.stop()


@pytest.fixture(scope="module")
def old(source: Server) -> Application:
    """The root account of the server that a fleet leaves."""
    return root(source.http)


@pytest.fixture(scope="module")
def new(target: Server) -> Application:
    """The root account of the server that it moves to."""
    return root(target.http)


class Import:
    """`skyferry import aliyun` from one server to the other."""

    def __init__(self, source: Server, target: Server, directory: Path, key: tuple[str, str] | None = None) -> None:
        self._report = directory / "report.json"
        self._arguments = (
            *("import", "aliyun"),
            *("--endpoint", f"http://{source.http}"),
            *("--report", str(self._report)),
        )
        key_id, secret = key or (ROOT_KEY_ID, ROOT_SECRET)
        keys = {"ALIBABA_CLOUD_ACCESS_KEY_ID": key_id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret}
        self._environment = target.command_environment() | keys

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Begins one in a process of its own."""
        return subprocess.Popen(
            skyferry(*self._arguments, *options),
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *options: str, share: float = 1, code: int = 0) -> tuple[dict[str, Any], str]:
        """A whole one: its report, and what it printed."""
        arguments = [*self._arguments, "--share", str(share), *options]
        result = CliRunner().invoke(app, arguments, env=self._environment)
        assert result.exit_code == code, result.output
        return json.loads(self._report.read_text()), result.output


@pytest.fixture
def importing(source: Server, target: Server, tmp_path: Path) -> Import:
    """An import with the root account's key."""
    return Import(source, target, tmp_path)


def devices_of(api: Application, product: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    token: dict[str, str] = {}
    while True:
        page = api.call("QueryDevice", ProductKey=product, PageSize=50, **token)
        found |= {item["DeviceName"]: item for item in items(page["Data"], "DeviceInfo")}
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def facts(api: Application, product: str) -> dict[str, tuple[Any, ...]]:
    members = ("DeviceSecret", "IotId", "Nickname", "UtcCreate", "DeviceStatus")
    return {name: tuple(device.get(member) for member in members) for name, device in devices_of(api, product).items()}


def register(api: Application, product: str, names: Sequence[str]) -> None:
    call = api.call("BatchCheckDeviceNames", ProductKey=product, DeviceName=list(names))
    apply_id = call["Data"]["ApplyId"]
    api.wait_for_registration(product, apply_id, "CHECK_SUCCESS")
    api.call("BatchRegisterDeviceWithApplyId", ProductKey=product, ApplyId=apply_id)
    api.wait_for_registration(product, apply_id, "CREATE_SUCCESS")


def counts(report: Mapping[str, Any], kind: str) -> dict[str, int]:
    """The numbers that are not 0."""
    return {outcome: number for outcome, number in report["counts"][kind].items() if number}


def test_a_fleet_moves_with_its_secrets_and_is_updated_where_it_has_moved_to(
    source: Server, target: Server, old: Application, new: Application, importing: Import
) -> None:
    product = old.create_product("moving_on")
    names = [f"device-{number:02}" for number in range(DEVICES)]
    register(old, product, names)
    known = devices_of(old, product)
    first = Device(product, names[0], known[names[0]]["DeviceSecret"], known[names[0]]["IotId"])
    with ScriptedDevice(source.mqtt, first) as client:
        client.say_version("1.0.0")
    old.call("DisableThing", ProductKey=product, DeviceName=names[1])
    old.call("SaveDeviceProp", ProductKey=product, DeviceName=names[2], Props='{"site":"north","row":"7"}')
    nickname = [{"ProductKey": product, "DeviceName": names[3], "Nickname": "pump_3"}]
    old.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=nickname)
    old.call("CreateOTAModule", ProductKey=product, ModuleName="MCU", AliasName="the_mcu")
    group = old.call("CreateDeviceGroup", GroupName="north", GroupDesc="all of it")["Data"]["GroupId"]
    below = old.call("CreateDeviceGroup", GroupName="north_west", SuperGroupId=group)["Data"]["GroupId"]
    relations = [{"ProductKey": product, "DeviceName": name} for name in names[:3]]
    old.call("BatchAddDeviceGroupRelations", GroupId=below, Device=relations)
    package = old.create_package(product, CONTENT, "2.0.0", NeedToVerify=False, SignMethod="SHA256", Udi="mind")
    files = [{"Name": "boot", "Url": old.upload(CONTENT[:500])}, {"Name": "app", "Url": old.upload(CONTENT)}]
    several = old.call(
        "CreateOTAFirmware",
        ProductKey=product,
        FirmwareName="several",
        DestVersion="3.0.0",
        MultiFiles=files,
        ModuleName="MCU",
    )["Data"]["FirmwareId"]

    _, printed = importing.run("--dry-run")
    assert new.refusal("QueryProduct", ProductKey=product) == "iot.prod.NotExistedProduct"
    assert f"{DEVICES} devices" in printed
    report, _ = importing.run()

    assert {kind: counts(report, kind) for kind in report["counts"]} == {
        "products": {"copied": 1},
        "modules": {"copied": 1},
        "devices": {"copied": DEVICES},
        "tags": {"copied": 2},
        "certificates": {},
        "packages": {"copied": 2},
        "files": {"copied": 3},
        "groups": {"copied": 2},
        "members": {"copied": 3},
    }
    assert report["problems"] == []
    assert facts(new, product) == {
        name: (*told[:4], "OFFLINE" if told[4] == "ONLINE" else told[4]) for name, told in facts(old, product).items()
    }
    same = ("ProductName", "ProductSecret", "GmtCreate", "NetType", "NodeType", "DeviceCount")
    before, after = (api.call("QueryProduct", ProductKey=product)["Data"] for api in (old, new))
    assert [before[name] for name in same] == [after[name] for name in same]
    tags = new.call("QueryDeviceProp", ProductKey=product, DeviceName=names[2])["Props"]
    assert json.loads(tags) == {"site": "north", "row": "7"}
    listed = new.call("QueryDeviceListByDeviceGroup", GroupId=below)
    assert {item["DeviceName"] for item in items(listed["Data"], "SimpleDeviceInfo")} == set(names[:3])
    lower = new.call("QueryDeviceGroupList", SuperGroupId=group)
    assert [item["GroupId"] for item in items(lower["Data"], "GroupInfo")] == [below]
    info = new.call("QueryOTAFirmware", FirmwareId=several)["FirmwareInfo"]
    assert [(file["Name"], file["Size"]) for file in info["MultiFiles"]] == [("boot", 500), ("app", len(CONTENT))]
    assert info["ModuleName"] == "MCU"

    for name in names[2:]:
        with ScriptedDevice(target.mqtt, Device(product, name, known[name]["DeviceSecret"], "")):
            pass
    with ScriptedDevice(target.mqtt, first) as client:
        client.say_version("1.0.0")
        job = new.create_job(package, product, [names[0]])
        notice = client.wait_for_notice()
        notice.verify(download(notice))
        assert download(notice) == CONTENT
        client.say_version("2.0.0")
    assert new.states(job) == {names[0]: "SUCCEEDED"}


def test_a_second_run_copies_what_has_changed(old: Application, new: Application, importing: Import) -> None:
    product = old.create_product("still_changing")
    old.register(product, "device-1")
    importing.run("--products", product)

    old.call("UpdateProduct", ProductKey=product, ProductName="it_changed", Description="now")
    old.register(product, "device-2")
    old.call("DisableThing", ProductKey=product, DeviceName="device-1")
    report, _ = importing.run("--products", product)
    again, _ = importing.run("--products", product)

    assert counts(report, "products") == {"changed": 1}
    assert counts(report, "devices") == {"copied": 1, "changed": 1}
    assert counts(again, "devices") == {"already_there": 2}
    assert counts(again, "products") == {"already_there": 1}
    assert new.call("QueryProduct", ProductKey=product)["Data"]["ProductName"] == "it_changed"
    assert facts(new, product) == facts(old, product)


def test_an_import_that_was_killed_goes_on(old: Application, new: Application, importing: Import) -> None:
    product = old.create_product("long_way")
    old.register_many(product, 170)
    process = importing.start("--products", product, "--without", "groups", "--share", "1")

    def begun() -> bool:
        listed = items(new.call("QueryProductList", CurrentPage=1, PageSize=200)["Data"]["List"], "ProductInfo")
        return any(item["ProductKey"] == product and item["DeviceCount"] for item in listed)

    wait_until(begun, interval=0.02, what="the first page of devices")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    already = new.call("QueryProduct", ProductKey=product)["Data"]["DeviceCount"]
    assert 0 < already < 170

    report, _ = importing.run("--products", product, "--without", "groups", "--without", "tags")

    assert counts(report, "devices") == {"copied": 170 - already, "already_there": already}
    assert facts(new, product) == facts(old, product)


def test_a_device_with_a_certificate_moves(
    target: Server, old: Application, new: Application, importing: Import, tmp_path: Path
) -> None:
    product = old.call("CreateProduct", ProductName="certified", NodeType=0, AuthType="x509")["ProductKey"]
    device = old.register(product, "device-1")
    issued = old.call("QueryDeviceCert", ProductKey=product, DeviceName="device-1")["DeviceCertInfo"]
    report, _ = importing.run("--products", product, "--without", "tags", "--without", "groups")

    assert counts(report, "certificates") == {"copied": 1}
    assert [problem["kind"] for problem in report["problems"]] == ["products"]
    assert new.call("QueryDeviceCert", ProductKey=product, DeviceName="device-1")["DeviceCertInfo"] == issued
    pair = tmp_path / "device.pem"
    pair.write_text(issued["Certificate"] + issued["PrivateKey"])
    context = ssl.create_default_context(cafile=str(target.authority))
    context.check_hostname = False
    context.load_cert_chain(pair)
    with CertifiedDevice(target.mqtt, device, context) as client:
        assert client.identity() == {"productKey": product, "deviceName": "device-1"}


def test_a_source_that_allows_less_is_asked_more_slowly(
    source: Server, old: Application, new: Application, importing: Import
) -> None:
    product = old.create_product("in_a_hurry")
    names = [f"device-{number:02}" for number in range(48)]
    register(old, product, names)
    old.call("SaveDeviceProp", ProductKey=product, DeviceName=names[-1], Props='{"a":"b"}')
    report, _ = importing.run("--products", product, "--without", "groups")

    assert "Throttling.User" in source.logs()
    assert counts(report, "devices") == {"copied": len(names)}
    assert counts(report, "tags") == {"copied": 1}
    assert facts(new, product) == facts(old, product)


def test_a_key_that_the_source_does_not_know_is_told(source: Server, target: Server, tmp_path: Path) -> None:
    importing = Import(source, target, tmp_path, ("LTAIunknown", "secret"))
    report, printed = importing.run(code=2)

    assert not report["complete"]
    assert "QueryProductList is refused" in printed
    assert "Check the access key" in printed


def test_what_is_on_the_server_already_is_not_taken_over(
    source: Server, target: Server, old: Application, tmp_path: Path
) -> None:
    """A ProductKey is one product's on the whole server, whichever account it belongs to."""
    product = old.create_product("taken_over")
    Import(source, target, tmp_path).run("--products", product)
    runner = CliRunner(env=target.command_environment())
    created = runner.invoke(app, ["account", "create", "second"])
    assert created.exit_code == 0, created.output
    again = ("--products", product, "--without", "groups", "--account", "second")
    report, _ = Import(source, target, tmp_path).run(*again, code=1)

    [problem] = report["problems"]
    assert problem["reason"].startswith("Its key is taken on this server")
    assert counts(report, "products") == {"not_copied": 1}

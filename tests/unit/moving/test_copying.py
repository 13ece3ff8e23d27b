"""What becomes of a fleet that is not as this server would have it, on a platform that is not as one would wish."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest
from aiohttp import web
from sqlalchemy import Connection

from skyferry.fleet import newcomers, products
from skyferry.fleet.newcomers import Newcomer
from skyferry.moving import copying
from skyferry.moving.errors import RefusedError
from skyferry.moving.move import Move, Wanted
from skyferry.moving.report import Kind, Outcome, Report
from skyferry.moving.survey import survey
from skyferry.store import devices as device_statements
from skyferry.store import groups as group_statements
from skyferry.store import packages as package_statements
from skyferry.store import presence
from skyferry.store.devices import DeviceRecord
from skyferry.store.presence import Arrival
from tests.support.authority import Authority
from tests.unit.moving.platform import Platform, refusal

KEY: Final = "a1Stub00001"
FIRMWARE: Final = "T0F5b5tpFnHQrgfkAAAA030100"
CONTENT: Final = b"firmware" * 300


class Fleet:
    """One product as the original platform tells of it: members without a value are left out."""

    def __init__(self, platform: Platform) -> None:
        self.product: dict[str, Any] = {"ProductKey": KEY, "ProductName": "pumps", "ProductSecret": "ps", "NodeType": 0}
        self.devices: list[dict[str, Any]] = []
        self.tags: dict[str, str] = {}
        self.packages: list[dict[str, Any]] = []
        self.groups: dict[str, list[dict[str, Any]]] = {}
        self.dynamic: list[dict[str, Any]] = []
        self.members: list[dict[str, str]] = []
        self.modules: list[dict[str, str]] = [{"ModuleName": "default"}]
        platform.answers |= {
            "QueryProductList": lambda _: {"Data": {"PageCount": 1, "List": {"ProductInfo": [{"ProductKey": KEY}]}}},
            "QueryProduct": lambda _: {"Data": self.product},
            "ListOTAModuleByProduct": lambda _: {"Data": self.modules},
            "QueryDevice": self._devices,
            "BatchQueryDeviceDetail": self._details,
            "QueryDeviceProp": lambda parameters: {"Props": self.tags.get(parameters["DeviceName"], "{}")},
            "ListOTAFirmware": lambda _: {"PageCount": 1, "FirmwareInfo": {"SimpleFirmwareInfo": self.packages}},
            "QueryOTAFirmware": lambda _: {"FirmwareInfo": self.packages[0]},
            "QueryDeviceGroupList": self._groups,
            "QueryDeviceGroupInfo": lambda _: {"Data": self.dynamic[0]},
            "QueryDeviceListByDeviceGroup": lambda _: {"PageCount": 1, "Data": {"SimpleDeviceInfo": self.members}},
        }

    def _devices(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Pages that have numbers only, as before there were tokens."""
        number, size = int(parameters["CurrentPage"]), int(parameters["PageSize"])
        page = self.devices[(number - 1) * size : number * size]
        return {"PageCount": -(-len(self.devices) // size), "Data": {"DeviceInfo": page} if page else {}}

    def _details(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        named = {value for name, value in parameters.items() if name.startswith("DeviceName.")}
        return {"Data": {"Data": [device for device in self.devices if device["DeviceName"] in named]}}

    def _groups(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        if "GroupTypes.1" in parameters:
            return {"PageCount": 1, "Data": {"GroupInfo": self.dynamic}}
        return {"PageCount": 1, "Data": {"GroupInfo": self.groups.get(parameters.get("SuperGroupId", ""), [])}}


@pytest.fixture
def fleet(platform: Platform) -> Fleet:
    return Fleet(platform)


def device(number: int, **more: Any) -> dict[str, Any]:
    name = f"device-{number}"
    return {"DeviceName": name, "DeviceSecret": f"secret {number}", "IotId": f"iot-{number}"} | more


def package(platform: Platform, content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    return {
        "FirmwareId": FIRMWARE,
        "FirmwareName": "pumps_2",
        "DestVersion": "2.0.0",
        "ProductKey": KEY,
        "Status": 1,
        "SignMethod": "MD5",
        "FirmwareSign": hashlib.md5(content).hexdigest(),
        "FirmwareSize": len(content),
        "FirmwareUrl": f"{platform.url}/ota/x/fw.tar.gz?Expires=1&Signature=a%2Fb",
    } | more


async def run(move: Move) -> Report:
    await copying.copy(move, await survey(move))
    return move.report


async def record(move: Move, name: str) -> DeviceRecord:
    def find(tx: Connection) -> DeviceRecord:
        [found] = device_statements.of_names(tx, move.target.instance_id, KEY, [name])
        return found

    return await move.target.store.read(find)


def reasons(report: Report) -> list[str]:
    return [problem.reason for problem in report.problems]


async def test_pages_without_tokens_are_read_by_their_numbers(move: Move, fleet: Fleet) -> None:
    fleet.devices = [device(number) for number in range(120)]
    report = await run(move)

    assert report.number(Kind.DEVICES, Outcome.COPIED) == 120
    assert report.is_complete
    assert report.problems == []


async def test_times_and_states_are_kept(move: Move, fleet: Fleet) -> None:
    active = {"UtcCreate": "2019-02-20T02:16:09.000Z", "UtcActive": "2019-11-04T06:22:19.566Z"}
    fleet.devices = [
        device(1, DeviceStatus="OFFLINE", **active),
        device(2, DeviceStatus="DISABLE"),
        device(3, DeviceStatus="UNACTIVE", **active),
    ]
    await run(move)

    first, second, third = [await record(move, f"device-{number}") for number in (1, 2, 3)]
    assert (first.created_at, first.activated_at) == (1_550_628_969_000, 1_572_848_539_566)
    assert (second.state, third.activated_at) == (9, None)
    assert move.target.box.open(first.secret_sealed) == "secret 1"
    assert first.iot_id == "iot-1"


async def test_a_device_without_a_secret_gets_a_new_one_and_is_named(move: Move, fleet: Fleet) -> None:
    fleet.devices = [device(1, DeviceSecret="")]
    report = await run(move)

    [problem] = report.problems
    assert problem.reason == "The API does not give its DeviceSecret."
    assert problem.examples == [f"{KEY} device-1"]
    again = await run(replace(move, report=Report()))
    assert again.number(Kind.DEVICES, Outcome.PRESENT) == 1


async def test_names_that_are_not_allowed_here_are_told(move: Move, fleet: Fleet) -> None:
    fleet.product["ProductName"] = "泵 (第一)-long-name-of-many-letters"
    fleet.devices = [device(1, DeviceName="a/b+c"), device(2, Nickname="x!")]
    report = await run(move)

    assert report.number(Kind.DEVICES, Outcome.FAILED) == 1
    assert (await record(move, "device-2")).nickname is None
    assert reasons(report) == [
        "Its name has characters that are not allowed here.",
        "Its name has characters that are not allowed here.",
        "Its nickname is not allowed here.",
    ]
    product = await move.target.store.read(products.find, move.target.instance_id, KEY)
    assert product.name == "泵__第一__long_name_of_many_le"


@pytest.mark.parametrize(
    ("members", "word"), [({"AuthType": "id2"}, "ID²"), ({"NetType": 1}, "LoRaWAN"), ({"AuthType": "x509"}, "X.509")]
)
async def test_what_will_not_work_is_foreseen(move: Move, fleet: Fleet, members: dict[str, Any], word: str) -> None:
    fleet.product |= members
    await survey(move)

    [problem] = move.report.problems
    assert word in problem.reason


async def test_certificates_come_with_their_devices(move: Move, fleet: Fleet, platform: Platform) -> None:
    issued = Authority().issue("device-1")
    fleet.product["AuthType"] = "x509"
    fleet.devices = [device(1, DeviceSecret=None), device(2, DeviceSecret=None)]
    platform.answers["QueryDeviceCert"] = {
        "DeviceCertInfo": {"CertSN": "1", "Certificate": issued.certificate, "PrivateKey": issued.key, "Status": 2}
    }
    report = await run(move)

    assert report.number(Kind.DEVICES, Outcome.COPIED) == 2
    assert report.number(Kind.CERTIFICATES, Outcome.COPIED) == 1
    assert report.number(Kind.CERTIFICATES, Outcome.FAILED) == 1
    assert "Its certificate is another device's on this server." in reasons(report)


async def test_a_device_that_has_moved_in_is_left_alone(move: Move, fleet: Fleet) -> None:
    fleet.devices = [device(1), device(2)]
    await run(move)
    moved = await record(move, "device-1")
    online = Arrival(moved.id, "connection", "127.0.0.1", 2_000_000_000_000)
    await move.target.store.write(presence.note_arrivals, [online])
    fleet.devices = [device(1, DeviceSecret="other"), device(2, DeviceSecret="other", Nickname="pump_2")]
    report = await run(replace(move, report=Report()))

    assert report.number(Kind.DEVICES, Outcome.CHANGED) == 1
    assert reasons(report) == ["It has been online here, and has another secret here than on the other platform."]
    secrets = [move.target.box.open((await record(move, f"device-{number}")).secret_sealed) for number in (1, 2)]
    assert secrets == ["secret 1", "other"]


async def test_one_device_that_is_impossible_does_not_take_its_page_along(move: Move, fleet: Fleet) -> None:
    await run(move)
    product = await move.target.store.read(products.find, move.target.instance_id, KEY)
    other = Newcomer("other-device", "iot-2", "s", None, disabled=False, activated_at=None, created_at=1)
    await move.target.store.write(newcomers.settle, product, [other], box=move.target.box, now=1)
    fleet.devices = [device(1), device(2), device(3)]
    report = await run(replace(move, report=Report()))

    assert report.number(Kind.DEVICES, Outcome.COPIED) == 2
    assert report.number(Kind.DEVICES, Outcome.FAILED) == 1
    assert not report.is_complete


async def test_tags_that_cannot_be_had_do_not_keep_the_device_away(
    move: Move, fleet: Fleet, platform: Platform
) -> None:
    fleet.devices = [device(1), device(2)]
    fleet.tags = {"device-1": '{"a": 1, "b": "x"}', "device-2": "no JSON"}
    report = await run(move)
    assert report.number(Kind.DEVICES, Outcome.COPIED) == 2
    assert report.number(Kind.TAGS, Outcome.COPIED) == 2
    assert report.number(Kind.TAGS, Outcome.FAILED) == 1

    fleet.tags["device-2"] = '{"c": "y"}'
    again = replace(move, report=Report(), wanted=Wanted(tags_again=True))
    assert (await run(again)).number(Kind.TAGS, Outcome.COPIED) == 3
    platform.answers["QueryDeviceProp"] = lambda _: refusal("NoPermission", 403)
    never = replace(move, report=Report(), wanted=Wanted(without=frozenset({Kind.TAGS}), tags_again=True))
    assert (await run(never)).is_complete


async def test_a_package_keeps_its_id_its_state_and_its_suffix(move: Move, fleet: Fleet, platform: Platform) -> None:
    fleet.packages = [package(platform)]
    platform.files["ota/x/fw.tar.gz"] = CONTENT
    report = await run(move)

    assert report.number(Kind.PACKAGES, Outcome.COPIED) == 1
    found = await move.target.store.read(package_statements.find, move.target.instance_id, FIRMWARE)
    assert found is not None
    assert (found.status, found.dest_version, found.name) == (1, "2.0.0", "pumps_2")
    [files] = (await move.target.store.read(package_statements.files_of, [found.id])).values()
    assert files[0].object_key.endswith(".tar.gz")
    fleet.packages[0]["FirmwareDesc"] = "described"
    again = await run(replace(move, report=Report()))
    assert again.number(Kind.PACKAGES, Outcome.CHANGED) == 1
    assert platform.calls["ota/x/fw.tar.gz"] == 1


@pytest.mark.parametrize(
    ("content", "members", "reason"),
    [
        (CONTENT + b"x", {}, "A file has 2401 bytes and should have 2400."),
        (CONTENT[:-1] + b"x", {}, "The digest of a file is"),
        (b"x" * 10_001, {"FirmwareSize": 10_001}, "maximum allowed size"),
        (None, {}, "answers a download with HTTP 403."),
        (CONTENT, {"FirmwareUrl": None}, "The API gives no URL of its file."),
        (CONTENT, {"ModuleName": "gone"}, "The product has no module gone"),
        (CONTENT, {"ProductKey": ""}, "It belongs to no product."),
        (CONTENT, {"FirmwareName": None}, "FirmwareName is not what the reference says"),
    ],
)
async def test_a_package_that_is_not_right_is_not_taken(
    move: Move, fleet: Fleet, platform: Platform, *, content: bytes | None, members: dict[str, Any], reason: str
) -> None:
    fleet.packages = [package(platform, **members)]
    if content is not None:
        platform.files["ota/x/fw.tar.gz"] = content
    report = await run(move)

    assert not report.is_complete
    assert any(reason.casefold() in found.casefold() for found in reasons(report)), reasons(report)
    assert await move.target.store.read(package_statements.find, move.target.instance_id, FIRMWARE) is None


async def test_a_download_is_tried_again_with_a_new_url(move: Move, fleet: Fleet, platform: Platform) -> None:
    fleet.packages = [package(platform, SignMethod="SHA256", FirmwareSign=hashlib.sha256(CONTENT).hexdigest().upper())]
    platform.files["ota/x/fw.tar.gz"] = CONTENT
    platform.refusals["ota/x/fw.tar.gz"] = [web.Response(status=403), web.Response(body=b"half")]
    report = await run(move)

    assert report.number(Kind.FILES, Outcome.COPIED) == 1
    assert platform.calls["QueryOTAFirmware"] == 3


async def test_groups_keep_their_places_whatever_the_list_holds(move: Move, fleet: Fleet, platform: Platform) -> None:
    top, below, lowest = ({"GroupId": f"g{number}", "GroupName": f"group-{number}"} for number in (1, 2, 3))
    fleet.groups = {"": [lowest, top], "g1": [below], "g2": [lowest]}
    fleet.dynamic = [{"GroupId": "d1", "GroupName": "dynamic", "DynamicGroupExpression": f'product_key = "{KEY}"'}]
    fleet.devices = [device(1)]
    fleet.members = [{"ProductKey": KEY, "DeviceName": "device-1"}, {"ProductKey": KEY, "DeviceName": "device-9"}]
    platform.answers["QueryDeviceGroupTagList"] = {"Data": {"GroupTagInfo": [{"TagKey": "k", "TagValue": "v"}]}}
    report = await run(move)

    assert report.number(Kind.GROUPS, Outcome.COPIED) == 4
    assert report.number(Kind.MEMBERS, Outcome.COPIED) == 3
    assert report.number(Kind.MEMBERS, Outcome.FAILED) == 3
    found = [
        await move.target.store.read(group_statements.find_any, move.target.instance_id, key)
        for key in ("g1", "g2", "g3", "d1")
    ]
    assert [(group.name, group.level) for group in found if group] == [
        ("group_1", 1),
        ("group_2", 2),
        ("group_3", 3),
        ("dynamic", 1),
    ]
    assert "Groups have no tags here." in reasons(report)
    again = await run(replace(move, report=Report()))
    assert again.number(Kind.GROUPS, Outcome.PRESENT) == 4


async def test_an_expression_that_means_nothing_here_is_told(move: Move, fleet: Fleet) -> None:
    fleet.dynamic = [{"GroupId": "d1", "GroupName": "dynamic", "DynamicGroupExpression": "thing.temperature > 5"}]
    report = await run(move)

    assert report.number(Kind.GROUPS, Outcome.FAILED) == 1


async def test_a_platform_that_goes_away_ends_the_copying_and_not_what_was_copied(
    move: Move, fleet: Fleet, platform: Platform
) -> None:
    fleet.devices = [device(number) for number in range(60)]
    read = platform.answers["QueryDevice"]
    assert callable(read)
    platform.answers["QueryDevice"] = lambda given: (
        web.Response(status=503) if given["CurrentPage"] == "2" else read(given)
    )
    report = await run(move)
    assert report.stopped is not None
    assert report.number(Kind.DEVICES, Outcome.COPIED) == 50

    platform.answers["QueryDevice"] = read
    again = await run(replace(move, report=Report()))
    assert again.number(Kind.DEVICES, Outcome.PRESENT) == 50
    assert again.number(Kind.DEVICES, Outcome.COPIED) == 10


async def test_a_right_that_is_missing_leaves_out_what_it_is_for(move: Move, fleet: Fleet, platform: Platform) -> None:
    fleet.devices = [device(1)]
    platform.answers["ListOTAFirmware"] = lambda _: refusal("NoPermission", 403)
    report = await run(move)

    assert report.number(Kind.DEVICES, Outcome.COPIED) == 1
    [problem] = report.problems
    assert problem.remedy.startswith("Let the RAM user call ListOTAFirmware")


async def test_a_key_that_ends_in_the_middle_stops_everything(move: Move, fleet: Fleet, platform: Platform) -> None:
    plan = await survey(move)
    fleet.devices = [device(1, DeviceStatus="UNACTIVE")]
    platform.answers["QueryDeviceProp"] = lambda _: refusal("InvalidSecurityToken.Expired", 400)
    await copying.copy(move, plan)

    assert move.report.stopped is not None
    assert "QueryDeviceProp" in move.report.stopped
    assert move.report.number(Kind.DEVICES, Outcome.COPIED) == 0


async def test_products_that_are_not_there_are_named(move: Move, fleet: Fleet) -> None:
    fleet.devices = [device(1)]
    some = replace(move, wanted=Wanted(products=frozenset({"a1Unknown00"})))
    report = await run(some)

    assert report.number(Kind.PRODUCTS, Outcome.FAILED) == 1
    assert report.number(Kind.DEVICES, Outcome.COPIED) == 0


async def test_an_answer_that_is_not_what_it_should_be_is_told(move: Move, fleet: Fleet) -> None:
    fleet.product = {"ProductKey": KEY}
    report = await run(move)

    assert reasons(report) == [
        "QueryProduct is refused: ProductName is not what the reference says: Field required (HTTP 200)."
    ]


async def test_a_wrong_key_is_told_before_anything_is_copied(move: Move, fleet: Fleet, platform: Platform) -> None:
    platform.answers["QueryProductList"] = lambda _: refusal("InvalidAccessKeyId.NotFound", 404)

    with pytest.raises(RefusedError):
        await survey(move)

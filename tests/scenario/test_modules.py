"""Modules of products and the versions that devices report of them (control-plane reference §5.1-5.5)."""

import re
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import BusinessError, items


def create(fleet: Fleet, name: str, **more: Any) -> None:
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName=name, **more)


def refused(fleet: Fleet, action: str, **parameters: Any) -> str:
    return fleet.api.refusal(action, **({"ProductKey": fleet.product} | parameters))


def names(fleet: Fleet) -> list[str]:
    return [module["ModuleName"] for module in fleet.modules()]


def versions(fleet: Fleet, page: int = 1, size: int = 200, **reference: str) -> tuple[list[tuple[str, str]], int, int]:
    answer = fleet.api.call("ListOTAModuleVersionsByDevice", CurrentPage=page, PageSize=size, **reference)
    rows = items(answer["Data"], "SimpleOTAModuleInfo")
    return [(row["ModuleName"], row["ModuleVersion"]) for row in rows], answer["Total"], answer["PageCount"]


@pytest.mark.rule("ListOTAModuleByProduct")
def test_every_product_has_the_default_module(fleet: Fleet) -> None:
    """§5.4; §12, 24."""
    [module] = fleet.modules()

    assert (module["ModuleName"], module["ProductKey"]) == ("default", fleet.product)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", module["GmtCreate"])


@pytest.mark.rule("CreateOTAModule", "ListOTAModuleByProduct")
def test_a_module_is_listed_as_it_was_made(fleet: Fleet) -> None:
    """§5.1, §5.4, §1.5 (time format)."""
    create(fleet, "Wifi-1.x_A", AliasName="无线模块", Desc="固" * 100)

    module = fleet.modules()[1]
    assert module | {"GmtCreate": "", "GmtModified": ""} == {
        "ModuleName": "Wifi-1.x_A",
        "AliasName": "无线模块",
        "Desc": "固" * 100,
        "ProductKey": fleet.product,
        "GmtCreate": "",
        "GmtModified": "",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", module["GmtModified"])


@pytest.mark.rule("UpdateOTAModule")
def test_alias_and_description_can_be_changed(fleet: Fleet) -> None:
    """§5.2: what is absent stays, an empty text removes."""
    create(fleet, "MCU", AliasName="old", Desc="old")

    fleet.api.call("UpdateOTAModule", ProductKey=fleet.product, ModuleName="mcu", AliasName="new")
    changed = fleet.modules()[1]
    assert (changed["ModuleName"], changed["AliasName"], changed["Desc"]) == ("MCU", "new", "old")

    fleet.api.call("UpdateOTAModule", ProductKey=fleet.product, ModuleName="MCU", AliasName="", Desc="newer")
    changed = fleet.modules()[1]
    assert (changed.get("AliasName"), changed["Desc"]) == (None, "newer")


@pytest.mark.rule("DeleteOTAModule")
def test_a_module_without_packages_can_be_deleted(fleet: Fleet) -> None:
    """§5.3."""
    fleet.package(ModuleName="MCU")
    create(fleet, "wifi")
    assert refused(fleet, "DeleteOTAModule", ModuleName="MCU") == "iot.ota.DeleteOTAModulePackageExist"

    fleet.api.call("DeleteOTAModule", ProductKey=fleet.product, ModuleName="WIFI")

    assert names(fleet) == ["default", "MCU"]
    create(fleet, "wifi")


@pytest.mark.rule("CreateOTAModule")
def test_a_name_is_unique_in_any_letter_case(fleet: Fleet) -> None:
    """§5.1."""
    create(fleet, "MCU")

    assert refused(fleet, "CreateOTAModule", ModuleName="mcu") == "iot.ota.CreateOTAModuleNameExist"
    other = fleet.api.create_product(f"other_{fleet.product}")
    fleet.api.call("CreateOTAModule", ProductKey=other, ModuleName="mcu")


@pytest.mark.rule("CreateOTAModule")
def test_a_product_has_ten_modules_of_its_own(fleet: Fleet) -> None:
    """§2 (limits)."""
    for number in range(10):
        create(fleet, f"module-{number}")

    assert refused(fleet, "CreateOTAModule", ModuleName="module-10") == "iot.ota.CreateOTAModuleExceedLimit"
    assert names(fleet) == ["default", *(f"module-{number}" for number in range(10))]
    fleet.api.call("DeleteOTAModule", ProductKey=fleet.product, ModuleName="module-3")
    create(fleet, "module-10")


@pytest.mark.rule("CreateOTAModule", "DeleteOTAModule")
@pytest.mark.parametrize("name", ["default", "Default", "DEFAULT"])
def test_the_default_module_is_reserved(fleet: Fleet, name: str) -> None:
    """§5.1, §5.3, §12, 24."""
    assert refused(fleet, "CreateOTAModule", ModuleName=name) == "iot.firmware.ModuleNameReserved"
    assert refused(fleet, "UpdateOTAModule", ModuleName=name, Desc="d") == "iot.firmware.ModuleNameReserved"
    assert refused(fleet, "DeleteOTAModule", ModuleName=name) == "iot.ota.DeleteOtaDefaultModule"


@pytest.mark.rule("CreateOTAModule")
@pytest.mark.parametrize(
    ("action", "parameters", "code"),
    [
        ("CreateOTAModule", {"ModuleName": "a module"}, "iot.ota.CreateOTAModuleParamError"),
        ("CreateOTAModule", {"ModuleName": "m" * 65}, "iot.ota.CreateOTAModuleParamError"),
        ("CreateOTAModule", {"AliasName": "a" * 65}, "iot.ota.CreateOTAModuleParamError"),
        ("CreateOTAModule", {"AliasName": "a b"}, "iot.ota.CreateOTAModuleParamError"),
        ("CreateOTAModule", {"Desc": "d" * 101}, "iot.ota.CreateOTAModuleParamError"),
        ("CreateOTAModule", {"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
        ("UpdateOTAModule", {}, "iot.ota.UpdateOTAModuleParamError"),
        ("UpdateOTAModule", {"AliasName": "a" * 65}, "iot.ota.UpdateOTAModuleParamError"),
        ("UpdateOTAModule", {"Desc": "d" * 101}, "iot.ota.UpdateOTAModuleParamError"),
        ("DeleteOTAModule", {}, "iot.ota.DeleteOTAModuleParamError"),
        ("DeleteOTAModule", {"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
        ("ListOTAModuleByProduct", {"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
    ],
    ids=str,
)
def test_a_bad_value_has_its_documented_code(fleet: Fleet, action: str, parameters: dict[str, str], code: str) -> None:
    """§8.3."""
    assert refused(fleet, action, **({"ModuleName": "unknown"} | parameters)) == code


@pytest.mark.rule("CreateOTAFirmware")
def test_a_package_is_for_a_module_that_the_product_has(fleet: Fleet) -> None:
    """§4.1 (ModuleName): the sentence names the modules and how to make one."""
    create(fleet, "MCU")
    parameters = {"ProductKey": fleet.product, "FirmwareName": f"for{fleet.product}", "FirmwareUrl": fleet.file_url}

    with pytest.raises(BusinessError) as caught:
        fleet.api.call("CreateOTAFirmware", **parameters, DestVersion="2.0.0", ModuleName="wifi")

    assert caught.value.code == "iot.firmware.InvalidFirmware"
    for word in ("wifi", "CreateOTAModule", "default", "MCU"):
        assert word in caught.value.answer["ErrorMessage"]


@pytest.mark.rule("CreateOTAFirmware")
@pytest.mark.parametrize(("given", "stored"), [("MCU", "MCU"), ("mcu", "MCU"), ("Default", "default"), ("", "default")])
def test_a_package_names_its_module_in_the_module_s_letters(fleet: Fleet, given: str, stored: str) -> None:
    """§5.1: names are the same in any letter case, and the device hears the one that was declared."""
    create(fleet, "MCU")
    parameters = {"ProductKey": fleet.product, "FirmwareName": f"for{fleet.product}", "FirmwareUrl": fleet.file_url}

    made = fleet.api.call("CreateOTAFirmware", **parameters, DestVersion="2.0.0", ModuleName=given)["Data"]

    assert fleet.package_info(made["FirmwareId"])["ModuleName"] == stored


@pytest.mark.rule("ListOTAModuleVersionsByDevice")
def test_a_device_tells_the_versions_of_its_modules(fleet: Fleet) -> None:
    """§5.5: of whatever modules; the last version of each."""
    device = fleet.device(version="1.0.0")
    client = fleet.connect(device, None)
    client.say_version("0.1", "MCU")
    client.say_version("7", "undeclared")
    client.say_version("0.2", "MCU")

    everything = [("MCU", "0.2"), ("default", "1.0.0"), ("undeclared", "7")]
    assert versions(fleet, IotId=device.iot_id) == (everything, 3, 1)
    assert versions(fleet, ProductKey=fleet.product, DeviceName=device.name) == (everything, 3, 1)
    assert versions(fleet, page=2, size=2, IotId=device.iot_id) == (everything[2:], 3, 2)


@pytest.mark.rule("ListOTAModuleVersionsByDevice")
def test_the_iot_id_wins_over_the_name(fleet: Fleet) -> None:
    """§5.5."""
    first, second = fleet.device("device-1", "1.1.1"), fleet.device("device-2", "2.2.2")

    answer = fleet.api.call(
        "ListOTAModuleVersionsByDevice",
        CurrentPage=1,
        PageSize=10,
        IotId=first.iot_id,
        ProductKey=fleet.product,
        DeviceName=second.name,
    )

    [row] = items(answer["Data"], "SimpleOTAModuleInfo")
    assert row == {
        "IotId": first.iot_id,
        "ProductKey": fleet.product,
        "DeviceName": first.name,
        "ModuleName": "default",
        "ModuleVersion": "1.1.1",
    }


@pytest.mark.rule("ListOTAModuleVersionsByDevice")
def test_versions_of_no_device_and_bad_pages_are_refused(fleet: Fleet) -> None:
    """§5.5, §8.4, §8.5."""
    device = fleet.device(version=None)
    assert versions(fleet, IotId=device.iot_id) == ([], 0, 0)

    def refusal(page: int = 1, size: int = 200, **reference: str) -> str:
        return fleet.api.refusal("ListOTAModuleVersionsByDevice", CurrentPage=page, PageSize=size, **reference)

    assert refusal(IotId="nobody") == "iot.device.InvalidIoTId"
    assert refusal(ProductKey=fleet.product, DeviceName="nobody") == "iot.device.NotExistedDevice"
    assert refusal(DeviceName=device.name) == "iot.device.NullDeviceName"
    assert refusal(page=0, IotId=device.iot_id) == "iot.common.InvalidPageParams"
    assert refusal(size=201, IotId=device.iot_id) == "iot.common.InvalidPageParams"

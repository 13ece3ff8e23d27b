"""Packages and products that are changed and deleted (control-plane reference §4.2, §4.3, §9.1; §12, 17, 23, 27)."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import BusinessError, Device, items
from tests.support.server import wait_until


def files(fleet: Fleet) -> set[str]:
    """Every file of the object store, by the last part of its key."""
    directory = fleet.server.data / "objects"
    return {path.name.partition(".")[0] for path in directory.rglob("*") if path.is_file()}


def name_of(url: str) -> str:
    return Path(url).name.partition(".")[0]


def wait_until_gone(fleet: Fleet, *urls: str) -> None:
    wait_until(lambda: not files(fleet) & {name_of(url) for url in urls}, interval=0.02, what="the files gone")


def delete(fleet: Fleet, firmware: str) -> None:
    fleet.api.call("DeleteOTAFirmware", FirmwareId=firmware)


def listed(fleet: Fleet) -> list[str]:
    answer = fleet.api.call("ListOTAFirmware", ProductKey=fleet.product, CurrentPage=1, PageSize=100)
    return [row["FirmwareId"] for row in items(answer["FirmwareInfo"], "SimpleFirmwareInfo")]


def products_named(fleet: Fleet, name: str) -> int:
    found: list[str] = []
    page = 1
    while True:
        data = fleet.api.call("QueryProductList", CurrentPage=page, PageSize=200)["Data"]
        found += [row["ProductName"] for row in items(data["List"], "ProductInfo")]
        if page >= data["PageCount"]:
            return found.count(name)
        page += 1


def sentence(fleet: Fleet, action: str, **parameters: Any) -> tuple[str, str]:
    """Code and text of a refusal."""
    with pytest.raises(BusinessError) as caught:
        fleet.api.call(action, **parameters)
    return caught.value.code, caught.value.answer["ErrorMessage"]


def is_cut_off(client: ScriptedDevice) -> bool:
    try:
        client.ping()
    except ConnectionError:
        return True
    return False


def log_in(fleet: Fleet, device: Device) -> int:
    """The code with which the server answers a log-in."""
    client = ScriptedDevice(fleet.server.mqtt, device)
    code = client.connect()
    client.drop()
    return code


# --- packages


@pytest.mark.rule("ModifyOTAFirmware")
def test_name_description_and_udi_of_a_package_can_be_changed(fleet: Fleet) -> None:
    """§4.2; §12, 27: what is absent stays."""
    firmware = fleet.package(FirmwareDesc="first", Udi="one")
    before = fleet.package_info(firmware)
    name = f"new{fleet.product}"

    fleet.api.call("ModifyOTAFirmware", FirmwareId=firmware, ProductKey=fleet.product, FirmwareName=name)
    fleet.api.call("ModifyOTAFirmware", FirmwareId=firmware, ProductKey=fleet.product, FirmwareUdi="two")

    after = fleet.package_info(firmware)
    assert (after["FirmwareName"], after["FirmwareDesc"], after["Udi"]) == (name, "first", "two")
    assert after["UtcModified"] > before["UtcModified"]
    assert after["UtcCreate"] == before["UtcCreate"]


@pytest.mark.rule("ModifyOTAFirmware")
def test_a_device_hears_the_changed_udi(fleet: Fleet) -> None:
    """§4.2 (FirmwareUdi)."""
    device = fleet.device()
    firmware = fleet.package(Udi="old")
    fleet.job(firmware, [device])
    fleet.api.call("ModifyOTAFirmware", FirmwareId=firmware, ProductKey=fleet.product, FirmwareUdi="new")

    assert fleet.connect(device).offer()["extData"]["_package_udi"] == "new"


@pytest.mark.rule("ModifyOTAFirmware")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"FirmwareId": "x" * 26}, "iot.ota.FirmwareNotFound"),
        ({"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
        ({"FirmwareName": "-begins badly"}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"FirmwareName": "  "}, "iot.firmware.BlankFirmwareName"),
        ({"FirmwareDesc": "d" * 101}, "iot.firmware.FirmwareDescriptionExceedMaxLength"),
        ({"FirmwareUdi": "u" * 4_097}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_a_bad_change_has_its_documented_code(fleet: Fleet, parameters: dict[str, str], code: str) -> None:
    """§4.2, §8.2; §12, 17."""
    given = {"FirmwareId": fleet.package(), "ProductKey": fleet.product}

    assert fleet.api.refusal("ModifyOTAFirmware", **(given | parameters)) == code


@pytest.mark.rule("ModifyOTAFirmware")
def test_a_package_is_not_changed_to_another_s_name_nor_as_another_product_s(fleet: Fleet) -> None:
    """§4.1 (unique), §8.2."""
    first, second = fleet.package("2.0.0"), fleet.package("3.0.0")
    taken = fleet.package_info(first)["FirmwareName"]
    other = fleet.api.create_product(f"other_{fleet.product}")

    def refused(product: str, name: str) -> str:
        return fleet.api.refusal("ModifyOTAFirmware", FirmwareId=second, ProductKey=product, FirmwareName=name)

    assert refused(fleet.product, taken) == "iot.firmware.AlreadyExistedFirmwareName"
    assert refused(other, "any") == "iot.firmware.FirmwareAndProductKeyMismatch"


@pytest.mark.rule("DeleteOTAFirmware")
def test_a_deleted_package_is_gone_with_its_file(fleet: Fleet) -> None:
    """§4.3: nothing finds it any more, nothing of it is left on the disk."""
    url = fleet.api.upload(b"short-lived")
    firmware = fleet.package(FirmwareUrl=url)
    fleet.api.call(
        "ModifyOTAFirmware", FirmwareId=firmware, ProductKey=fleet.product, FirmwareName=f"mod{fleet.product}"
    )
    assert name_of(url) in files(fleet)

    delete(fleet, firmware)

    assert listed(fleet) == []
    for action in ("QueryOTAFirmware", "DeleteOTAFirmware"):
        assert fleet.api.refusal(action, FirmwareId=firmware) == "iot.firmware.FirmwareNotFound"
    wait_until_gone(fleet, url)


@pytest.mark.rule("DeleteOTAFirmware")
def test_every_file_of_a_package_goes_with_it(fleet: Fleet) -> None:
    """§4.1 (MultiFiles), §4.3."""
    urls = [fleet.api.upload(f"part {number}".encode()) for number in range(3)]
    firmware = fleet.package(MultiFiles=[{"Name": f"f{number}", "Url": url} for number, url in enumerate(urls)])

    delete(fleet, firmware)

    wait_until_gone(fleet, *urls)


@pytest.mark.rule("DeleteOTAFirmware")
def test_a_file_that_another_package_has_stays(fleet: Fleet) -> None:
    """§4.3."""
    shared, own = fleet.api.upload(b"shared"), fleet.api.upload(b"own")
    both = fleet.package(MultiFiles=[{"Name": "shared", "Url": shared}, {"Name": "own", "Url": own}])
    other = fleet.package("3.0.0", FirmwareUrl=shared)

    delete(fleet, both)
    wait_until_gone(fleet, own)
    assert name_of(shared) in files(fleet)

    delete(fleet, other)
    wait_until_gone(fleet, shared)


@pytest.mark.rule("DeleteOTAFirmware")
def test_name_version_and_module_are_free_again(fleet: Fleet) -> None:
    """§4.1 (unique), §5.3."""
    name = f"again{fleet.product}"
    for _ in range(2):
        firmware = fleet.package("2.0.0", FirmwareName=name, ModuleName="MCU")
        delete(fleet, firmware)
    fleet.api.call("DeleteOTAModule", ProductKey=fleet.product, ModuleName="MCU")

    assert [module["ModuleName"] for module in fleet.modules()] == ["default"]


@pytest.mark.rule("DeleteOTAFirmware")
def test_a_package_is_not_deleted_while_a_job_of_it_goes_on(fleet: Fleet) -> None:
    """§12, 23: the sentence names the job."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    code, text = sentence(fleet, "DeleteOTAFirmware", FirmwareId=firmware)

    assert code == "iot.firmware.DeleteFirmwareFailure"
    assert job in text
    assert fleet.state(job, device) == "QUEUED"
    fleet.cancel(firmware, [device.name])
    delete(fleet, firmware)


@pytest.mark.rule("DeleteOTAFirmware")
def test_a_package_is_not_deleted_while_it_is_verified(fleet: Fleet) -> None:
    """§12, 23."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [device])
    assert fleet.api.refusal("DeleteOTAFirmware", FirmwareId=firmware) == "iot.firmware.DeleteFirmwareFailure"

    fleet.cancel(firmware, [device.name], JobId=job)
    delete(fleet, firmware)


@pytest.mark.rule("DeleteOTAFirmware", "DeleteProduct")
def test_a_job_that_waits_keeps_its_package_and_its_product(fleet: Fleet) -> None:
    """§12, 23: a scheduled job and a dynamic one have no task yet, and will."""
    fleet.device()
    planned, watched = fleet.package("2.0.0"), fleet.package("3.0.0")
    begin = int(time.time() * 1_000) + 3_600_000
    scheduled = fleet.job(planned, ScheduleTime=begin)
    dynamic = fleet.api.call(
        "CreateOTADynamicUpgradeJob", FirmwareId=watched, ProductKey=fleet.product, SrcVersion=["9.9.9"]
    )["Data"]["JobId"]

    for firmware, job in ((planned, scheduled), (watched, dynamic)):
        code, text = sentence(fleet, "DeleteOTAFirmware", FirmwareId=firmware)
        assert (code, job in text) == ("iot.firmware.DeleteFirmwareFailure", True)
    code, text = sentence(fleet, "DeleteProduct", ProductKey=fleet.product)
    assert (code, scheduled in text, dynamic in text) == ("iot.prod.DeleteProductFailed", True, True)

    fleet.api.call("CancelOTATaskByJob", JobId=scheduled, CancelScheduledTask=True)
    fleet.api.call("CancelOTAStrategyByJob", JobId=dynamic)
    delete(fleet, planned)
    fleet.api.call("DeleteProduct", ProductKey=fleet.product)


@pytest.mark.rule("DeleteOTAFirmware")
def test_the_jobs_of_a_deleted_package_are_gone(fleet: Fleet) -> None:
    """§4.3: they belong to it."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    fleet.connect(device).say_version("2.0.0")
    fleet.api.wait_for_job(job)

    delete(fleet, firmware)

    assert fleet.api.refusal("QueryOTAJob", JobId=job) == "iot.firmware.InvalidOTAJobId"
    assert fleet.api.refusal("ListOTATaskByJob", JobId=job) == "iot.firmware.InvalidOTAJobId"
    listing = {"FirmwareId": firmware, "CurrentPage": 1, "PageSize": 10}
    assert fleet.api.refusal("ListOTAJobByFirmware", **listing) == "iot.firmware.FirmwareNotFound"
    assert fleet.refused_job(firmware, [device]) == "iot.firmware.FirmwareNotFound"
    assert fleet.refused_cancel(firmware, [device.name]) == "iot.firmware.FirmwareNotFound"


@pytest.mark.rule("DeleteOTAFirmware")
def test_an_unknown_package_is_not_deleted(fleet: Fleet) -> None:
    """§8.2."""
    assert fleet.api.refusal("DeleteOTAFirmware", FirmwareId="x" * 26) == "iot.firmware.FirmwareNotFound"
    assert fleet.api.refusal("DeleteOTAFirmware", FirmwareId=" ") == "iot.firmware.NullFirmwareId"


# --- products


@pytest.mark.rule("UpdateProduct")
def test_name_and_description_of_a_product_can_be_changed(fleet: Fleet) -> None:
    """§9.1."""
    name = f"new_{fleet.product}"
    fleet.api.call("UpdateProduct", ProductKey=fleet.product, ProductName=name, Description="固" * 100)
    fleet.api.call("UpdateProduct", ProductKey=fleet.product, ProductName=name)

    data = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]
    assert (data["ProductName"], data["Description"]) == (name, "固" * 100)


@pytest.mark.rule("UpdateProduct")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ProductName": "abc"}, "iot.prod.InvalidFormattedProductName"),
        ({"ProductName": " "}, "iot.prod.NullProductName"),
        ({"Description": "d" * 101}, "iot.prod.LongProductDesc"),
        ({"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
    ],
    ids=str,
)
def test_a_bad_change_of_a_product_has_its_documented_code(fleet: Fleet, parameters: dict[str, str], code: str) -> None:
    """§8.5, §9.1."""
    given = {"ProductKey": fleet.product, "ProductName": "any_name"}

    assert fleet.api.refusal("UpdateProduct", **(given | parameters)) == code


@pytest.mark.rule("UpdateProduct")
def test_a_product_is_not_given_another_s_name(fleet: Fleet) -> None:
    """§9.1 (unique)."""
    name = f"taken_{fleet.product}"
    fleet.api.create_product(name)

    code = fleet.api.refusal("UpdateProduct", ProductKey=fleet.product, ProductName=name)

    assert code == "iot.prod.AlreadyExistedProductName"


@pytest.mark.rule("DeleteProduct")
def test_a_deleted_product_is_gone_with_its_devices_and_packages(fleet: Fleet) -> None:
    """§9.1; §12, 23: devices do not keep it."""
    name = f"short_{fleet.product}"
    fleet.product = fleet.api.create_product(name)
    device = fleet.device()
    url = fleet.api.upload(b"of a product")
    firmware = fleet.package(FirmwareUrl=url, ModuleName="MCU")

    fleet.api.call("DeleteProduct", ProductKey=fleet.product)

    by_name = {"ProductKey": fleet.product, "DeviceName": device.name}
    for action, parameters, code in (
        ("QueryProduct", {"ProductKey": fleet.product}, "iot.prod.NotExistedProduct"),
        ("DeleteProduct", {"ProductKey": fleet.product}, "iot.prod.NotExistedProduct"),
        ("QueryDevice", {"ProductKey": fleet.product}, "iot.prod.NotExistedProduct"),
        ("RegisterDevice", {"ProductKey": fleet.product}, "iot.prod.NotExistedProduct"),
        ("ListOTAModuleByProduct", {"ProductKey": fleet.product}, "iot.prod.NotExistedProduct"),
        ("QueryDeviceDetail", {"IotId": device.iot_id}, "iot.device.InvalidIoTId"),
        ("QueryDeviceDetail", by_name, "iot.prod.NotExistedProduct"),
        ("QueryOTAFirmware", {"FirmwareId": firmware}, "iot.firmware.FirmwareNotFound"),
    ):
        assert fleet.api.refusal(action, **parameters) == code
    assert products_named(fleet, name) == 0
    wait_until_gone(fleet, url)


@pytest.mark.rule("DeleteProduct")
def test_devices_of_a_deleted_product_are_cut_off_and_stay_out(fleet: Fleet) -> None:
    """§9.1."""
    device, other = fleet.device("device-1"), fleet.device("device-2")
    client = fleet.connect(device)
    kept, fleet.product = fleet.product, fleet.api.create_product(f"kept_{fleet.product}")
    neighbour = fleet.connect(fleet.device("device-1"))
    fleet.api.call("DeleteProduct", ProductKey=kept)

    wait_until(lambda: is_cut_off(client), interval=0.02, what="the end of the connection")
    assert [log_in(fleet, known) for known in (device, other)] == [4, 4]
    neighbour.ping()


@pytest.mark.rule("DeleteProduct")
def test_the_name_of_a_deleted_product_is_free_again(fleet: Fleet) -> None:
    """§9.1 (unique)."""
    name = f"again_{fleet.product}"
    for _ in range(2):
        fleet.api.call("DeleteProduct", ProductKey=fleet.api.create_product(name))
    assert fleet.api.create_product(name)


@pytest.mark.rule("DeleteProduct")
def test_a_product_is_not_deleted_while_a_job_of_it_goes_on(fleet: Fleet) -> None:
    """§12, 23: the sentence names the job."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    code, text = sentence(fleet, "DeleteProduct", ProductKey=fleet.product)

    assert code == "iot.prod.DeleteProductFailed"
    assert job in text
    assert fleet.state(job, device) == "QUEUED"
    fleet.cancel(firmware, [device.name])
    fleet.api.call("DeleteProduct", ProductKey=fleet.product)


@pytest.mark.rule("DeleteProduct")
def test_a_registration_by_the_thousand_ends_with_its_product(fleet: Fleet) -> None:
    """§9.1, §9.2."""
    apply_id = fleet.api.call("BatchRegisterDevice", ProductKey=fleet.product, Count=10_000)["Data"]["ApplyId"]

    fleet.api.call("DeleteProduct", ProductKey=fleet.product)

    assert fleet.api.refusal("QueryPageByApplyId", ApplyId=apply_id) == "iot.device.DeviceApplyIsNotFound"

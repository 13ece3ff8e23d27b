"""Packages (control-plane reference §4.1)."""

from typing import Any

import pytest

from skyferry.errors import ApiError
from skyferry.ota import packages
from skyferry.ota.models import EngineLimits, NewFile, PackageChanges
from skyferry.store import packages as statements
from skyferry.store.packages import PackageRecord
from tests.support.rows import World


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "iot.firmware.NullFirmwareName"),
        ({"name": "  "}, "iot.firmware.BlankFirmwareName"),
        ({"name": "-starts-with-a-dash"}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"name": "a" * 41}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"name": "Ünlaut"}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"name": "line\n"}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"dest_version": ""}, "iot.firmware.NullFirmwareVersion"),
        ({"dest_version": "1 0"}, "iot.firmware.IncorrectFormattedFirmwareVersion"),
        ({"dest_version": "1" * 65}, "iot.firmware.IncorrectFormattedFirmwareVersion"),
        ({"type": 2}, "iot.firmware.InvalidFirmwareType"),
        ({"type": 1}, "iot.firmware.SrcVersionIsMandatory"),
        ({"src_version": "a b"}, "iot.firmware.IncorrectFormattedSrcVersion"),
        ({"src_version": "2.0.0"}, "iot.firmware.SrcDestVersionMatched"),
        ({"sign_method": "SHA1"}, "iot.firmware.InvalidFirmwareSignMethod"),
        ({"module": "a b"}, "iot.firmware.IncorrectFormattedModuleName"),
        ({"description": "d" * 101}, "iot.firmware.FirmwareDescriptionExceedMaxLength"),
        ({"udi": "u" * 4_097}, "iot.common.InvalidFormattedParameter"),
        ({"product_key": None}, "iot.prod.NullProductKey"),
        ({"product_key": "a1unknown00"}, "iot.prod.NotExistedProduct"),
        ({"file": None}, "iot.firmware.NullFirmwareUrl"),
        ({"file": NewFile(url="")}, "iot.firmware.NullFirmwareUrl"),
        ({"file": NewFile(url="not a url")}, "iot.firmware.MalformedFirmwareUrl"),
        ({"file": NewFile(url="http://elsewhere.test/file.bin")}, "iot.firmware.InvalidFirmwareUrl"),
        (
            {"file": NewFile(url=f"http://ota.test/objects/ota/{'b' * 32}/{'0' * 25}.bin")},
            "iot.firmware.InvalidFirmwareUrl",
        ),
    ],
)
def test_bad_values_get_their_documented_code(world: World, values: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        world.make_package(**values)
    assert caught.value.kind.code == code
    assert statements.count(world.tx, world.instance.id) == 0


@pytest.mark.parametrize("name", ["v1", "固件-1", "ファーム(2)", "1_0", "a" * 40])
def test_names_in_the_documented_letters_are_taken(world: World, name: str) -> None:
    package = packages.find(world.tx, world.instance.id, world.make_package(name=name))
    assert package.name == name


def test_size_and_digest_come_from_the_uploaded_file_and_are_checked_when_given(world: World) -> None:
    url = world.make_object(size=77)
    firmware_id = world.make_package(file=NewFile(url=url), sign_method="SHA256")
    package = packages.find(world.tx, world.instance.id, firmware_id)
    [file] = statements.files_of(world.tx, [package.id])[package.id]
    assert (file.size, file.sign, file.md5) == (77, f"{world.made:064x}", f"{world.made:032x}")
    for wrong, code in (
        (NewFile(url=url, size=78), "iot.firmware.InvalidFirmwareSize"),
        (NewFile(url=url, sign="00"), "iot.firmware.InvalidFirmwareSign"),
    ):
        with pytest.raises(ApiError) as caught:
            world.make_package("3.0.0", file=wrong)
        assert caught.value.kind.code == code
    world.make_package("3.0.0", file=NewFile(url=url, size=77, sign=f"{world.made:032X}"))


def test_an_empty_file_makes_no_package(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        world.make_package(file=NewFile(url=world.make_object(size=0)))
    assert caught.value.kind.code == "iot.firmware.EmptyFirmwareFile"


def test_names_are_unique_in_the_instance_and_versions_in_the_product(world: World) -> None:
    world.make_package("2.0.0", name="one")
    with pytest.raises(ApiError) as caught:
        world.make_package("3.0.0", name="one")
    assert caught.value.kind.code == "iot.firmware.AlreadyExistedFirmwareName"
    with pytest.raises(ApiError) as caught:
        world.make_package("2.0.0", name="two")
    assert caught.value.kind.code == "iot.firmware.AlreadyExistedFirmwareVersion"
    other = world.make_product("product_2")
    world.make_package("2.0.0", name="two", product_key=other.product_key)


def test_a_package_of_several_files_keeps_their_order(world: World) -> None:
    files = [NewFile(url=world.make_object(), name=f"part-{number}") for number in (3, 1, 2)]
    package = packages.find(world.tx, world.instance.id, world.make_package(files=files))
    found = statements.files_of(world.tx, [package.id])[package.id]
    assert [file.name for file in found] == ["part-3", "part-1", "part-2"]
    assert package.multi_file


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["a", "a"], "iot.common.InvalidFormattedParameter"),
        (["a", ""], "iot.common.InvalidFormattedParameter"),
        (["a" * 33], "iot.common.InvalidFormattedParameter"),
        ([f"part-{number}" for number in range(21)], "iot.firmware.ParameterSizeExceedMax"),
    ],
)
def test_files_of_a_package_have_up_to_20_different_names(world: World, names: list[str], code: str) -> None:
    url = world.make_object()
    with pytest.raises(ApiError) as caught:
        world.make_package(files=[NewFile(url=url, name=name) for name in names])
    assert caught.value.kind.code == code


def modify(world: World, firmware_id: str, *, product_key: str | None = None, **changes: str) -> PackageRecord:
    packages.modify(
        world.tx,
        world.instance.id,
        firmware_id,
        product_key or world.product.product_key,
        PackageChanges(**changes),
        now=world.now,
    )
    return packages.find(world.tx, world.instance.id, firmware_id)


def test_what_is_not_named_stays(world: World) -> None:
    firmware_id = world.make_package(name="one", description="first", udi="{}")
    world.now += 1_000
    assert modify(world, firmware_id).modified_at == world.now
    package = modify(world, firmware_id, name="two")
    assert (package.name, package.description, package.udi) == ("two", "first", "{}")
    package = modify(world, firmware_id, description="", udi="")
    assert (package.name, package.description, package.udi) == ("two", None, None)
    package = modify(world, firmware_id, name="two", description="d" * 100, udi="u" * 4_096)
    assert (package.name, package.description, package.udi) == ("two", "d" * 100, "u" * 4_096)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "iot.firmware.NullFirmwareName"),
        ({"name": " "}, "iot.firmware.BlankFirmwareName"),
        ({"name": "-dash"}, "iot.firmware.IncorrectFormattedFirmwareName"),
        ({"name": "taken"}, "iot.firmware.AlreadyExistedFirmwareName"),
        ({"description": "d" * 101}, "iot.firmware.FirmwareDescriptionExceedMaxLength"),
        ({"udi": "u" * 4_097}, "iot.common.InvalidFormattedParameter"),
        ({"product_key": "a1unknown00"}, "iot.prod.NotExistedProduct"),
    ],
    ids=str,
)
def test_a_bad_change_changes_nothing(world: World, values: dict[str, str], code: str) -> None:
    world.make_package("1.0.0", name="taken")
    firmware_id = world.make_package("2.0.0", description="before")
    with pytest.raises(ApiError) as caught:
        modify(world, firmware_id, **values)
    assert caught.value.kind.code == code
    package = packages.find(world.tx, world.instance.id, firmware_id)
    assert (package.name, package.description) == ("package-2-0-0", "before")


def test_a_package_that_is_unknown_or_of_another_product_is_not_changed(world: World) -> None:
    firmware_id = world.make_package()
    other = world.make_product("product_2").product_key
    for changed, product_key, code in (
        ("x" * 26, None, "iot.ota.FirmwareNotFound"),
        (firmware_id, other, "iot.firmware.FirmwareAndProductKeyMismatch"),
    ):
        with pytest.raises(ApiError) as caught:
            modify(world, changed, product_key=product_key, name="changed")
        assert caught.value.kind.code == code


def test_an_instance_has_500_packages_unless_the_operator_says_otherwise(world: World) -> None:
    assert world.limits.most_packages == 500

    world.limits = EngineLimits(most_packages=3)
    url = world.make_object()
    for number in range(3):
        world.make_package(f"2.0.{number}", file=NewFile(url=url))
    with pytest.raises(ApiError) as caught:
        world.make_package("3.0.0", file=NewFile(url=url))
    assert caught.value.kind.code == "iot.firmware.FirmwareCountExceedMax"


def test_a_blank_url_beside_several_files_is_none(world: World) -> None:
    files = [NewFile(url=world.make_object(), name="part")]
    assert packages.find(world.tx, world.instance.id, world.make_package(file=NewFile(url=""), files=files)).multi_file


def test_no_package_is_made_of_a_list_of_devices(world: World) -> None:
    url = world.make_object(suffix="csv")
    with pytest.raises(ApiError) as caught:
        world.make_package(file=NewFile(url=url))
    assert caught.value.kind.code == "iot.firmware.InvalidFirmwareUrl"
    assert "GenerateDeviceNameListURL" in caught.value.text


def test_progress_of_a_verification_is_the_share_of_ended_tasks(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(3)]
    firmware_id = world.make_package(need_to_verify=True)

    def progress() -> int:
        return packages.verify_progress(world.tx, packages.find(world.tx, world.instance.id, firmware_id))

    assert progress() == 0
    world.make_verify_job(firmware_id, ["dev0", "dev1", "dev2"])
    world.say_version(devices[0], "2.0.0")
    assert progress() == 33
    world.say_version(devices[1], "2.0.0")
    world.say_version(devices[2], "2.0.0")
    assert progress() == 100

"""Modules (control-plane reference §5.1-5.4)."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError

from skyferry.errors import ApiError
from skyferry.ota import modules, packages
from skyferry.store import modules as statements
from skyferry.store.modules import ModuleRecord
from tests.support.rows import START, World


def create(world: World, name: str, alias: str | None = None, description: str | None = None) -> None:
    modules.create(world.tx, world.product, name, alias=alias, description=description, now=world.now)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value.kind.code


def test_the_default_module_is_as_old_as_the_product(world: World) -> None:
    world.now += 60_000
    create(world, "mcu")
    found = [(module.name, module.created_at) for module in modules.of_product(world.tx, world.product)]
    assert found == [("default", START), ("mcu", START + 60_000)]


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "x" * 64])
def test_a_name_has_up_to_64_letters(world: World, name: str) -> None:
    create(world, name)
    assert [module.name for module in modules.of_product(world.tx, world.product)] == ["default", name]


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "模块", "line\n"])
def test_another_name_is_refused(world: World, name: str) -> None:
    assert code_of(lambda: create(world, name)) == "iot.ota.CreateOTAModuleParamError"


def test_the_database_itself_keeps_names_apart_in_any_letter_case(world: World) -> None:
    create(world, "MCU")
    again = ModuleRecord("mcu", None, None, START, START)
    with pytest.raises(IntegrityError), world.tx.begin_nested():
        statements.insert(world.tx, world.product.id, "mcu", again)


def test_a_module_goes_only_when_no_package_is_left(world: World) -> None:
    firmware_id = world.make_package(module="MCU")
    assert packages.find(world.tx, world.instance.id, firmware_id).module == "MCU"
    refused = code_of(lambda: modules.delete(world.tx, world.product, "mcu"))
    assert refused == "iot.ota.DeleteOTAModulePackageExist"
    create(world, "wifi")
    modules.delete(world.tx, world.product, "WiFi")
    assert [module.name for module in modules.of_product(world.tx, world.product)] == ["default", "MCU"]


def test_a_package_takes_the_module_s_own_letters(world: World) -> None:
    create(world, "MCU")
    assert modules.name_for_package(world.tx, world.product, "mCu") == "MCU"
    assert modules.name_for_package(world.tx, world.product, None) == "default"
    assert modules.name_for_package(world.tx, world.product, "DEFAULT") == "default"
    refused = code_of(lambda: modules.name_for_package(world.tx, world.product, "wifi"))
    assert refused == "iot.firmware.InvalidFirmware"


def test_modules_of_other_products_count_for_nothing(world: World) -> None:
    other = world.make_product("product_2")
    for number in range(modules.MOST_MODULES):
        modules.create(world.tx, other, f"m{number}", alias=None, description=None, now=world.now)
    create(world, "m1")
    modules.delete(world.tx, world.product, "m1")
    assert len(modules.of_product(world.tx, other)) == modules.MOST_MODULES + 1

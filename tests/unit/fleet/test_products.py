"""Products (control-plane reference §9.1)."""

from collections.abc import Iterator
from typing import Any

import pytest

from skyferry.errors import ApiError
from skyferry.fleet import products
from skyferry.fleet.products import NewProduct
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def create(world: World, *, most: int = products.MOST_PRODUCTS, **values: Any) -> Any:
    new = NewProduct(**{"name": "thermostat", "node_type": 0, **values})
    return products.create(
        world.tx,
        new,
        most=most,
        instance_id=world.instance.id,
        account_id=world.instance.account_id,
        box=world.box,
        now=world.now,
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "iot.prod.NullProductName"),
        ({"name": "abc"}, "iot.prod.InvalidFormattedProductName"),
        ({"name": "a" * 31}, "iot.prod.InvalidFormattedProductName"),
        ({"name": "产" * 16}, "iot.prod.InvalidFormattedProductName"),
        ({"name": "with-dash"}, "iot.prod.InvalidFormattedProductName"),
        ({"node_type": 2}, "iot.prod.InvalidNodeType"),
        ({"commodity_code": "other"}, "iot.prod.InvalidAliyunCommodityCode"),
        ({"commodity_code": "iothub_senior"}, "iot.prod.InvalidAliyunCommodityCode"),
        ({"description": "d" * 101}, "iot.prod.LongProductDesc"),
        ({"net_type": "SMOKE"}, "iot.common.InvalidFormattedParameter"),
        ({"auth_type": "none"}, "iot.common.InvalidFormattedParameter"),
        ({"validate_type": 3}, "iot.common.InvalidFormattedParameter"),
    ],
)
def test_bad_values_get_their_documented_code(world: World, values: dict[str, Any], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        create(world, **values)
    assert caught.value.kind.code == code


@pytest.mark.parametrize("left_out", [{}, {"commodity_code": "", "auth_type": "", "net_type": "", "description": ""}])
def test_a_product_has_the_documented_defaults(world: World, left_out: dict[str, Any]) -> None:
    product = create(world, **left_out)
    assert (product.commodity_code, product.net_type, product.auth_type, product.validate_type) == (
        "iothub",
        3,
        "secret",
        1,
    )
    assert product.product_key.startswith("a1")
    assert len(product.product_key) == 11
    assert world.box.open(product.secret_sealed).encode() not in product.secret_sealed


def test_names_are_unique_in_the_instance(world: World) -> None:
    create(world)
    with pytest.raises(ApiError) as caught:
        create(world)
    assert caught.value.kind.code == "iot.prod.AlreadyExistedProductName"


def test_an_account_has_at_most_1000_products_unless_the_operator_says_otherwise(world: World) -> None:
    assert world.limits.most_products == 1_000
    create(world)
    with pytest.raises(ApiError) as caught:
        create(world, name="another", most=2)
    assert caught.value.kind.code == "iot.prod.ProductCountExceedMax"


def test_a_product_is_found_in_its_own_instance_only(world: World) -> None:
    product = create(world)
    assert products.find(world.tx, world.instance.id, product.product_key) == product
    with pytest.raises(ApiError) as caught:
        products.find(world.tx, world.instance.id + 1, product.product_key)
    assert caught.value.kind.code == "iot.prod.NotExistedProduct"
    with pytest.raises(ApiError) as caught:
        products.find(world.tx, world.instance.id, " ")
    assert caught.value.kind.code == "iot.prod.NullProductKey"


def update(world: World, product_key: str, name: str, description: str | None = None) -> Any:
    products.update(world.tx, world.instance.id, product_key, name=name, description=description, now=world.now)
    return products.find(world.tx, world.instance.id, product_key)


def test_name_and_description_can_be_changed(world: World) -> None:
    key = create(world, description="first").product_key
    world.now += 1_000
    product = update(world, key, "heating")
    assert (product.name, product.description, product.modified_at) == ("heating", "first", world.now)
    assert update(world, key, "heating", "d" * 100).description == "d" * 100
    assert update(world, key, "heating", "").description is None


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        (" ", None, "iot.prod.NullProductName"),
        ("abc", None, "iot.prod.InvalidFormattedProductName"),
        ("product_1", None, "iot.prod.AlreadyExistedProductName"),
        ("heating", "d" * 101, "iot.prod.LongProductDesc"),
    ],
)
def test_a_bad_change_changes_nothing(world: World, name: str, description: str | None, code: str) -> None:
    product = create(world)
    with pytest.raises(ApiError) as caught:
        update(world, product.product_key, name, description)
    assert caught.value.kind.code == code
    assert products.find(world.tx, world.instance.id, product.product_key) == product


def test_an_unknown_product_is_not_changed(world: World) -> None:
    with pytest.raises(ApiError) as caught:
        update(world, "a1unknown00", "heating")
    assert caught.value.kind.code == "iot.prod.NotExistedProduct"

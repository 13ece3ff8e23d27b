"""Searches and groups find their devices by an index, whatever the size of the fleet (see test_plans)."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from sqlalchemy import select

from skyferry.search.parsing import parse_condition, parse_statement
from skyferry.store import device_search, groups, memberships
from skyferry.store.groups import GroupRecord
from skyferry.store.memberships import MemberFilter
from skyferry.store.tables import devices
from tests.support.plans import indexes, migrated, plan_of
from tests.support.rows import START, World

Statement = Callable[[World], object]

IDS: Final = range(1, 201)
NAMED: Final = [f"dev-{number}" for number in IDS]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with migrated(tmp_path_factory.mktemp("plans")) as tx:
        yield World(tx)


DEVICE = "devices (product_id=? AND name=?)"
PRODUCT = "products (product_key=?)"
NEXT_DEVICES = "ix_devices_product_id_id"
BY_STATE = "ix_devices_product_id_state_id"
NAMES = "devices (product_id=? AND name>? AND name<?)"
BY_VERSION = "ix_module_versions_version_device_id"
TAGS = "ix_device_tags_search"
MEMBERSHIPS = "ix_group_members_device_id"
LISTED = {"ix_products_instance_id_id", MEMBERSHIPS}
"""What every search looks at besides: the products of the instance, the groups of the devices that were found."""


def search_for(world: World, condition: str, order: str = "") -> object:
    text = condition.replace("$P", world.product.product_key)
    statement = parse_statement(f"SELECT * FROM device WHERE {text} {order} LIMIT 10")
    return device_search.search(world.tx, world.instance.id, statement)


def page_of(world: World, condition: str | None = None, *, product: int | None = 1) -> object:
    wanted = parse_condition(condition) if condition else None
    return device_search.page(world.tx, world.instance.id, wanted, product_id=product, limit=51, before=1_000)


def page_of_names(world: World, *, product: int | None = 1) -> object:
    return device_search.page_by_name(
        world.tx, world.instance.id, "dev-", product_id=product, limit=51, after=("dev-1", 1)
    )


def count_of(world: World, condition: str) -> object:
    statement = parse_statement(f"SELECT count(*) FROM device WHERE {condition}")
    return device_search.count(world.tx, world.instance.id, statement)


def group(world: World, expression: str | None = None) -> GroupRecord:
    text = expression and expression.replace("$P", world.product.product_key)
    kind = "LINK_PLATFORM_DYNAMIC" if text else "LINK_PLATFORM"
    return GroupRecord(1, world.instance.id, "group", "group", None, kind, None, 1, text, START, START)


def select_members(world: World, expression: str | None = None) -> object:
    """The next portion of a group, as a job takes it."""
    portion = (devices.c.product_id == 1, devices.c.id > 0, devices.c.id <= 500)
    return world.tx.execute(select(devices.c.id).where(*portion, groups.members(group(world, expression))))


HOT: dict[str, tuple[Statement, set[str]]] = {
    "search a product": (lambda w: search_for(w, "product_key = '$P'"), {PRODUCT, NEXT_DEVICES, *LISTED}),
    "search a name": (lambda w: search_for(w, "product_key = '$P' AND name = 'dev-1'"), {PRODUCT, DEVICE, *LISTED}),
    "search a beginning": (
        lambda w: search_for(w, "product_key = '$P' AND name LIKE 'dev-%'"),
        {PRODUCT, NAMES, *LISTED},
    ),
    "search a tag": (lambda w: search_for(w, "tag.tag_name = 'a' AND tag.tag_value = 'b'"), {TAGS, *LISTED}),
    "search a group": (lambda w: search_for(w, "group.group_id = 'a'"), {"groups (group_id=?)", *LISTED}),
    "search an IotId": (lambda w: search_for(w, "iot_id IN ('a', 'b')"), {"devices (iot_id=?)", *LISTED}),
    "search a state": (lambda w: search_for(w, "status = 'ONLINE'"), {BY_STATE, *LISTED}),
    "count a state": (lambda w: count_of(w, "status = 'ONLINE'"), {BY_STATE, "ix_products_instance_id_id"}),
    "page of all devices": (lambda w: page_of(w, product=None), {NEXT_DEVICES, *LISTED}),
    "page of a product": (page_of, {NEXT_DEVICES, MEMBERSHIPS}),
    "page of a product's state": (lambda w: page_of(w, "status = 'ONLINE'"), {BY_STATE, MEMBERSHIPS}),
    "page of a product's beginnings": (lambda w: page_of(w, "name LIKE 'dev-%'"), {NAMES, MEMBERSHIPS}),
    "page of a product's names": (page_of_names, {NAMES, MEMBERSHIPS}),
    "page of all names": (lambda w: page_of_names(w, product=None), {NAMES, *LISTED}),
    "page of a product's disabled devices": (lambda w: page_of(w, "status = 'DISABLE'"), {BY_STATE, MEMBERSHIPS}),
    "page of a tag": (
        lambda w: page_of(w, "tag.tag_name = 'a' AND tag.tag_value = 'b'", product=None),
        {TAGS, NEXT_DEVICES, *LISTED},
    ),
    "page of a version": (
        lambda w: page_of(w, "ota_module.version = '1.0.0'", product=None),
        {BY_VERSION, NEXT_DEVICES, *LISTED},
    ),
    "search a version": (lambda w: search_for(w, "ota_module.version = '1.0.0'"), {BY_VERSION, *LISTED}),
    "page of a static group": (lambda w: memberships.page(w.tx, group(w), MemberFilter(), limit=10), set()),
    "sums of a static group": (lambda w: memberships.statistics(w.tx, group(w)), set()),
    "page of a dynamic group": (
        lambda w: memberships.page(w.tx, group(w, "product_key = '$P'"), MemberFilter(), limit=10),
        {PRODUCT, NEXT_DEVICES, "ix_products_instance_id_id"},
    ),
    "page of a dynamic group of beginnings": (
        lambda w: memberships.page(
            w.tx, group(w, "product_key = '$P' AND name LIKE 'dev-%'"), MemberFilter(), limit=10
        ),
        {PRODUCT, NAMES, "ix_products_instance_id_id"},
    ),
    "select of a dynamic group of beginnings": (
        lambda w: select_members(w, "product_key = '$P' AND name LIKE 'dev-%'"),
        {PRODUCT, NEXT_DEVICES, "ix_products_instance_id_id"},
    ),
    "select of a dynamic group of a group": (
        lambda w: select_members(w, "product_key = '$P' AND group.group_id = 'a'"),
        {PRODUCT, NEXT_DEVICES, "ix_products_instance_id_id", MEMBERSHIPS, "groups (group_id=?)"},
    ),
    "select of a static group": (select_members, {NEXT_DEVICES}),
    "select of a dynamic group": (
        lambda w: select_members(w, "product_key = '$P' AND tag.tag_name = 'a'"),
        {PRODUCT, NEXT_DEVICES, "ix_products_instance_id_id"},
    ),
    "devices by product and name": (
        lambda w: memberships.named(w.tx, w.instance.id, {w.product.product_key: NAMED}),
        {PRODUCT, DEVICE},
    ),
    "members among": (lambda w: memberships.among(w.tx, 1, IDS), {MEMBERSHIPS}),
    "groups of devices": (lambda w: memberships.group_counts(w.tx, IDS), {MEMBERSHIPS}),
    "add to a group": (lambda w: memberships.add(w.tx, 1, [1_000_000]), set()),
    "remove from a group": (lambda w: memberships.remove(w.tx, 1, IDS), {MEMBERSHIPS}),
}


@pytest.mark.parametrize("name", HOT)
def test_the_statement_uses_its_indexes(world: World, name: str) -> None:
    run, wanted = HOT[name]
    steps = plan_of(world.tx, lambda: run(world))
    assert steps
    assert indexes(steps) == wanted, steps


@pytest.mark.parametrize("name", HOT)
def test_the_statement_reads_no_table_from_end_to_end(world: World, name: str) -> None:
    run, _ = HOT[name]
    scans = [step for step in plan_of(world.tx, lambda: run(world)) if step.startswith("SCAN")]
    assert all(re.match(r"SCAN (CONSTANT ROW|\(subquery-1\))$", step) for step in scans), scans


def test_many_devices_of_a_beginning_are_not_sorted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_search, "_FEW", 0)
    world.make_device("dev-1")

    steps = plan_of(world.tx, lambda: page_of(world, "name LIKE 'dev-%'"))

    assert NEXT_DEVICES in indexes(steps)


def test_many_devices_of_a_version_are_not_listed_before_the_newest_are_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_search, "_FEW", 0)
    world.make_device("dev-2", version="1.0.0")

    steps = plan_of(world.tx, lambda: page_of(world, "ota_module.version = '1.0.0'"))

    assert any(NEXT_DEVICES in step and step.endswith("(product_id=? AND id<?)") for step in steps), steps


def test_members_of_a_static_group_are_not_sorted(world: World) -> None:
    steps = plan_of(world.tx, lambda: memberships.page(world.tx, group(world), MemberFilter(), limit=10))

    assert "USE TEMP B-TREE FOR ORDER BY" not in steps

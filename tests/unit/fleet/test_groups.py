"""Groups (control-plane reference §9.4)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from skyferry.errors import ApiError
from skyferry.fleet import accounts, groups, memberships
from skyferry.fleet.groups import GroupType
from skyferry.store import accounts as account_statements
from skyferry.store import groups as statements
from skyferry.store.groups import GroupRecord
from skyferry.store.tables import devices, group_members
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def make(
    world: World, name: str, *, description: str | None = None, instance_id: int | None = None, **values: Any
) -> GroupRecord:
    """A static group, or a dynamic one when an expression is given."""
    create = groups.create_dynamic if "expression" in values else groups.create
    owner = world.instance.id if instance_id is None else instance_id
    return create(world.tx, name, description, instance_id=owner, now=world.now, **values)


def put(world: World, group: GroupRecord, *names: str) -> None:
    memberships.add(world.tx, group, [(world.product.product_key, name) for name in names])


def members(world: World, group: GroupRecord) -> set[str]:
    return set(world.tx.execute(select(devices.c.name).where(statements.members(group))).scalars())


def refusal(world: World, name: str = "fine_name", **values: Any) -> str:
    with pytest.raises(ApiError) as caught:
        make(world, name, **values)
    return caught.value.kind.code


def test_a_static_group_has_the_devices_that_were_put_into_it(world: World) -> None:
    group = make(world, "group_one")
    below = make(world, "group_two", parent=group.group_id)
    for name in ("device-1", "device-2", "device-3"):
        world.make_device(name)
    put(world, group, "device-1", "device-2")
    put(world, below, "device-3")
    assert members(world, group) == {"device-1", "device-2"}
    assert members(world, below) == {"device-3"}


def test_a_dynamic_group_has_the_devices_that_match_now(world: World) -> None:
    group = make(
        world,
        "outdated",
        expression="name LIKE 'device%' AND ota_module.name = 'default' AND ota_module.version = '1.0.0'",
    )
    one = world.make_device("device-1")
    world.make_device("device-2", version="2.0.0")
    world.make_device("other-1")
    assert members(world, group) == {"device-1"}
    world.say_version(one, "2.0.0")
    assert members(world, group) == set()


def test_a_dynamic_group_has_no_device_of_another_instance(world: World) -> None:
    group = make(world, "everything", expression="status != 'DISABLE'")
    world.make_device("device-1")
    assert members(world, group) == {"device-1"}
    assert members(world, replace(group, instance_id=group.instance_id + 1)) == set()


def test_a_group_is_found_by_its_type_in_its_instance(world: World) -> None:
    static, dynamic = make(world, "static"), make(world, "dynamic", expression="name = 'x'")
    find = groups.find
    assert find(world.tx, world.instance.id, static.group_id) == static
    assert find(world.tx, world.instance.id, dynamic.group_id, GroupType.DYNAMIC) == dynamic
    for instance_id, group, kind, sentence in (
        (world.instance.id + 1, static, None, "has no group of this GroupId"),
        (world.instance.id, static, GroupType.DYNAMIC, "is LINK_PLATFORM, not LINK_PLATFORM_DYNAMIC"),
        (world.instance.id, dynamic, None, "is LINK_PLATFORM_DYNAMIC, not LINK_PLATFORM"),
    ):
        with pytest.raises(ApiError, match=sentence) as caught:
            find(world.tx, instance_id, group.group_id, kind)
        assert caught.value.kind.code == "iot.group.NotExistedGroup"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "iot.group.InvalidGroupName"),
        ({"name": "abc"}, "iot.group.InvalidGroupName"),
        ({"name": "a" * 31}, "iot.group.InvalidGroupName"),
        ({"name": "组" * 16}, "iot.group.InvalidGroupName"),
        ({"name": "with-dash"}, "iot.group.InvalidGroupName"),
        ({"description": "d" * 101}, "iot.group.LongGroupDescError"),
        ({"parent": "unknown"}, "iot.group.NotExistedGroup"),
        ({"expression": ""}, "iot.devicesearch.InvalidSQLError"),
        ({"expression": "colour = 'red'"}, "iot.devicesearch.InvalidSQLFieldError"),
    ],
    ids=str,
)
def test_bad_values_get_their_documented_code(world: World, values: dict[str, Any], code: str) -> None:
    assert refusal(world, **values) == code


def test_names_are_unique_in_the_instance_whatever_the_type(world: World) -> None:
    make(world, "taken", expression="name = 'x'")
    assert refusal(world, "taken") == "iot.group.GroupNameExisted"


def test_groups_are_three_levels_deep(world: World) -> None:
    parent: GroupRecord | None = None
    for level in (1, 2, 3):
        parent = make(world, f"level_{level}", parent=parent and parent.group_id)
        assert parent.level == level
    assert parent is not None
    assert refusal(world, "level_4", parent=parent.group_id) == "iot.group.GroupLevelExceedingLimitError"


def test_a_dynamic_group_has_no_subgroups(world: World) -> None:
    dynamic = make(world, "dynamic", expression="name = 'x'")
    assert refusal(world, parent=dynamic.group_id) == "iot.group.NotExistedGroup"


def test_a_group_has_a_limited_number_of_subgroups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_SUBGROUPS", 2)
    parent = make(world, "parent")
    for number in (1, 2):
        make(world, f"child_{number}", parent=parent.group_id)
    assert refusal(world, "child_3", parent=parent.group_id) == "iot.group.GroupCountExceedMax"
    make(world, "first_level")


@pytest.mark.parametrize(
    ("limit", "values"), [("MOST_GROUPS", {}), ("MOST_DYNAMIC_GROUPS", {"expression": "name = 'x'"})]
)
def test_an_account_has_a_limited_number_of_groups_of_each_type(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: str, values: dict[str, Any]
) -> None:
    """§9.4; 10 dynamic groups by the vendor's page of CreateDeviceDynamicGroup. All instances count."""
    monkeypatch.setattr(groups, limit, 2)
    account = accounts.account_named(world.tx, "root")
    name = accounts.create_instance(world.tx, world.box, account, now_ms=world.now)
    [other] = [item.id for item in account_statements.instances_of(world.tx, account.id) if item.name == name]
    make(world, "group_1", **values)
    make(world, "group_2", instance_id=other, **values)
    assert refusal(world, "group_3", **values) == "iot.group.GroupCountExceedMax"
    other_type: dict[str, Any] = {} if values else {"expression": "name = 'x'"}
    make(world, "group_3", **other_type)


def test_only_the_description_of_a_group_changes(world: World) -> None:
    group = make(world, "group_one", description="before")
    groups.describe(world.tx, group, "after", world.now + 1)
    changed = groups.find(world.tx, world.instance.id, group.group_id)
    assert changed == replace(group, description="after", modified_at=world.now + 1)
    groups.describe(world.tx, group, None, world.now + 2)
    assert groups.find(world.tx, world.instance.id, group.group_id) == changed
    with pytest.raises(ApiError) as caught:
        groups.describe(world.tx, group, "d" * 101, world.now)
    assert caught.value.kind.code == "iot.group.LongGroupDescError"


def test_a_group_is_deleted_after_its_subgroups(world: World) -> None:
    parent = make(world, "parent")
    child = make(world, "child", parent=parent.group_id)
    world.make_device("device-1")
    put(world, child, "device-1")
    with pytest.raises(ApiError) as caught:
        groups.delete(world.tx, parent)
    assert caught.value.kind.code == "iot.group.SubGroupNotNull"

    groups.delete(world.tx, child)
    groups.delete(world.tx, parent)

    assert world.tx.execute(select(group_members)).all() == []
    assert world.tx.execute(select(devices.c.name)).scalars().all() == ["device-1"]
    with pytest.raises(ApiError) as caught:
        groups.delete(world.tx, parent)
    assert caught.value.kind.code == "iot.group.NotExistedGroup"
    with pytest.raises(ApiError) as caught:
        groups.describe(world.tx, parent, "new", world.now)
    assert caught.value.kind.code == "iot.group.NotExistedGroup"

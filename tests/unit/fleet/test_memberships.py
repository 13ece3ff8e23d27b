"""Devices of static groups (control-plane reference §9.4)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from skyferry.errors import ApiError
from skyferry.fleet import groups, memberships
from skyferry.fleet.memberships import Added, Removed
from skyferry.store import memberships as statements
from skyferry.store.devices import DeviceStatistics
from skyferry.store.groups import GroupRecord
from skyferry.store.tables import devices, group_members
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def make(world: World, name: str = "group_one") -> GroupRecord:
    return groups.create(world.tx, name, None, instance_id=world.instance.id, now=world.now)


def named(world: World, *names: str) -> list[tuple[str, str]]:
    return [(world.product.product_key, name) for name in names]


def members(world: World, group: GroupRecord) -> list[str]:
    statement = select(devices.c.name).join(group_members).where(group_members.c.group_id == group.id)
    return sorted(world.tx.execute(statement).scalars())


def test_what_became_of_each_device_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "MOST_GROUPS_OF_DEVICE", 2)
    group, others = make(world), [make(world, f"other_{number}") for number in (1, 2)]
    for name in ("free", "here", "everywhere"):
        world.make_device(f"{name}-1")
    memberships.add(world.tx, group, named(world, "here-1"))
    for other in others:
        memberships.add(world.tx, other, named(world, "everywhere-1"))
    memberships.add(world.tx, others[0], named(world, "here-1"))

    result = memberships.add(world.tx, group, named(world, "free-1", "here-1", "everywhere-1", "unknown", "free-1"))

    assert result == Added(named=5, valid=3, added=1, already=1, in_too_many=1)
    assert members(world, group) == ["free-1", "here-1"]


def test_devices_of_several_products_are_added_at_once(world: World) -> None:
    group = make(world)
    world.make_device("same-name")
    first = world.product
    world.product = world.make_product("product_2")
    world.make_device("same-name")
    result = memberships.add(world.tx, group, [(first.product_key, "same-name"), *named(world, "same-name")])
    assert (result.valid, result.added) == (2, 2)


def test_products_of_other_instances_and_deleted_ones_have_no_devices(world: World) -> None:
    group = make(world)
    world.make_device("device-1")
    world.tx.exec_driver_sql("UPDATE products SET deleted_at = 1")
    assert memberships.add(world.tx, group, named(world, "device-1")).valid == 0
    world.tx.exec_driver_sql("UPDATE products SET deleted_at = NULL")
    foreign = GroupRecord(**{name: getattr(group, name) for name in group.__slots__} | {"instance_id": 99})
    assert memberships.add(world.tx, foreign, named(world, "device-1")).valid == 0
    assert memberships.add(world.tx, group, named(world, "device-1")).valid == 1


def test_a_group_has_a_limited_number_of_devices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memberships, "MOST_DEVICES", 2)
    group = make(world)
    for name in ("device-1", "device-2", "device-3"):
        world.make_device(name)
    memberships.add(world.tx, group, named(world, "device-1"))
    with pytest.raises(ApiError) as caught:
        memberships.add(world.tx, group, named(world, "device-2", "device-3"))
    assert caught.value.kind.code == "iot.group.BindGroupRelationFailed"
    assert members(world, group) == ["device-1"]
    memberships.add(world.tx, group, named(world, "device-1", "device-2"))
    assert members(world, group) == ["device-1", "device-2"]


def test_devices_are_taken_out(world: World) -> None:
    group = make(world)
    for name in ("device-1", "device-2", "device-3"):
        world.make_device(name)
    memberships.add(world.tx, group, named(world, "device-1", "device-2"))
    removed = memberships.remove(world.tx, group, named(world, "device-1", "device-3", "unknown"))
    assert removed == Removed(valid=2, removed=1)
    assert members(world, group) == ["device-2"]


@pytest.mark.parametrize("count", [0, 201])
def test_1_to_200_devices_are_named(world: World, count: int) -> None:
    group = make(world)
    names = named(world, *(f"device-{number}" for number in range(count)))
    for change in (memberships.add, memberships.remove):
        with pytest.raises(ApiError) as caught:
            change(world.tx, group, names)
        assert caught.value.kind.code == "iot.common.InvalidFormattedParameter"


def test_devices_of_a_group_are_counted_by_their_state(world: World) -> None:
    group = make(world)
    empty = make(world, "group_two")
    made = [world.make_device(name) for name in ("device-1", "device-2", "device-3", "outside")]
    memberships.add(world.tx, group, named(world, "device-1", "device-2", "device-3"))
    world.connect(made[0])
    world.connect(made[3])
    world.tx.exec_driver_sql("UPDATE devices SET activated_at = 1 WHERE name = 'device-2'")
    assert statements.statistics(world.tx, group) == DeviceStatistics(devices=3, activated=2, online=1)
    by_product = statements.statistics(world.tx, group, product_key=world.product.product_key)
    assert by_product == DeviceStatistics(devices=3, activated=2, online=1)
    assert statements.statistics(world.tx, group, product_key="other") == DeviceStatistics(0, 0, 0)
    assert statements.statistics(world.tx, empty) == DeviceStatistics(devices=0, activated=0, online=0)

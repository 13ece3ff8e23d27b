"""Groups (control-plane reference §9.4)."""

from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from skyferry.errors import ApiError
from skyferry.fleet import groups
from skyferry.fleet.groups import GroupType
from skyferry.store import groups as statements
from skyferry.store.groups import GroupRecord
from skyferry.store.tables import devices, group_members
from skyferry.store.tables import groups as table
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def make(world: World, name: str, expression: str | None = None) -> GroupRecord:
    kind = GroupType.STATIC if expression is None else GroupType.DYNAMIC
    values = {"instance_id": world.instance.id, "group_id": name, "name": name, "type": kind, "level": 1}
    times = {"created_at": world.now, "modified_at": world.now}
    world.tx.execute(insert(table).values(**values, **times, expression=expression))
    return groups.find(world.tx, world.instance.id, name, kind)


def names(world: World, group: GroupRecord) -> set[str]:
    return set(world.tx.execute(select(devices.c.name).where(statements.members(group))).scalars())


def test_a_static_group_has_the_devices_that_were_put_into_it(world: World) -> None:
    group, other = make(world, "one"), make(world, "other")
    for number, owner in enumerate((group, group, other)):
        device = world.make_device(f"device-{number}")
        world.tx.execute(insert(group_members).values(group_id=owner.id, device_id=device.id))
    assert names(world, group) == {"device-0", "device-1"}


def test_a_dynamic_group_has_the_devices_that_match_now(world: World) -> None:
    group = make(world, "new", "name LIKE 'device%' AND ota_module.name = 'default' AND ota_module.version = '1.0.0'")
    one = world.make_device("device-1")
    world.make_device("device-2", version="2.0.0")
    world.make_device("other-1")
    assert names(world, group) == {"device-1"}
    world.say_version(one, "2.0.0")
    assert names(world, group) == set()


def test_a_dynamic_group_has_no_device_of_another_instance(world: World) -> None:
    group = make(world, "all", "status != 'DISABLE'")
    world.make_device("device-1")
    elsewhere = GroupRecord(group.id, group.instance_id + 1, *(getattr(group, name) for name in REST))
    assert names(world, group) == {"device-1"}
    assert names(world, elsewhere) == set()


REST = GroupRecord.__slots__[2:]


def test_a_group_is_found_by_its_type_in_its_instance(world: World) -> None:
    static, dynamic = make(world, "static"), make(world, "dynamic", "name = 'x'")
    assert groups.find(world.tx, world.instance.id, "static") == static
    assert groups.find(world.tx, world.instance.id, "dynamic", GroupType.DYNAMIC) == dynamic
    for instance_id, name, kind in (
        (world.instance.id + 1, "static", None),
        (world.instance.id, "static", GroupType.DYNAMIC),
        (world.instance.id, "dynamic", None),
    ):
        with pytest.raises(ApiError) as caught:
            groups.find(world.tx, instance_id, name, kind)
        assert caught.value.kind.code == "iot.group.NotExistedGroup"
    with pytest.raises(ApiError) as caught:
        groups.find(world.tx, world.instance.id, " ")
    assert caught.value.kind.code == "iot.group.NullGroupId"

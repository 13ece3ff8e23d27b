"""What the search language means in the database: the same as in plain Python."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from skyferry.fleet import groups as fleet_groups
from skyferry.search.parsing import parse_condition, parse_statement
from skyferry.search.syntax import Condition, Field, Statement
from skyferry.store import conditions, device_search
from skyferry.store.tables import device_tags, devices, group_members, groups, module_versions, products
from tests.support.rows import START, World, world
from tests.support.search import STATUSES, PlainDevice, matches, vocabulary_of

GROUPS: Final = ("group-one", "group-two")
PRODUCTS: Final = ("product_a", "product_b")


def some_devices(count: int) -> list[PlainDevice]:
    """Devices that differ in everything that can be asked for; letters in both cases, since LIKE must tell them."""
    dice = random.Random(7)

    def some(values: tuple[str, ...]) -> dict[str, str]:
        return {name: dice.choice(("1.0.0", "1.0.10", "2.0.0", "red_%")) for name in values if dice.random() < 0.5}

    return [
        PlainDevice(
            product_key=dice.choice(PRODUCTS),
            iot_id=f"iot-{number:03d}",
            name=f"{dice.choice(('Meter', 'meter', 'valve'))}-{number % 7}-{number}",
            nickname=dice.choice((None, "hall_1", "hall_2", "Hall_1")),
            status=STATUSES[number % 4],
            active_time=None if STATUSES[number % 4] == "UNACTIVE" else START + dice.randrange(3),
            gmt_create=START + dice.randrange(3),
            gmt_modified=START + dice.randrange(3),
            groups=frozenset(name for name in GROUPS if dice.random() < 0.4),
            tags=some(("abc", "color", "shape")),
            modules=some(("default", "mcu")),
        )
        for number in range(count)
    ]


FLEET: Final = some_devices(48)
CONDITIONS: Final = vocabulary_of(FLEET).conditions()


@dataclass(frozen=True)
class Stored:
    """The devices in a database, and which row is which."""

    world: World
    keys: dict[int, PlainDevice]

    def found(self, condition: Condition) -> list[PlainDevice]:
        """The devices that a search finds."""
        statement = Statement(
            counted=False, fields=frozenset(Field), where=condition, order=(), offset=0, limit=len(self.keys)
        )
        found = device_search.search(self.world.tx, self.world.instance.id, statement)
        assert device_search.count(self.world.tx, self.world.instance.id, statement) == len(found)
        return [self.keys[item.device.id] for item in found]

    def grouped(self, condition: Condition) -> list[PlainDevice]:
        """The devices of a dynamic group."""
        keys = self.world.tx.execute(select(devices.c.id).where(conditions.compiled(condition))).scalars()
        return [self.keys[key] for key in keys]


def store(made: World, plain: list[PlainDevice]) -> Stored:
    product_ids = {name: made.make_product(name).id for name in PRODUCTS}
    group_ids = {
        name: made.tx.execute(
            insert(groups)
            .values(
                instance_id=made.instance.id,
                group_id=name,
                name=name,
                type=fleet_groups.GroupType.STATIC,
                level=1,
                created_at=START,
                modified_at=START,
            )
            .returning(groups.c.id)
        ).scalar_one()
        for name in GROUPS
    }
    keys = {}
    for device in plain:
        key = made.tx.execute(
            insert(devices)
            .values(
                product_id=product_ids[device.product_key],
                name=device.name,
                iot_id=device.iot_id,
                secret_sealed=b"",
                nickname=device.nickname,
                disabled=device.status == "DISABLE",
                connection_id="c" if device.status in {"ONLINE", "DISABLE"} else None,
                activated_at=device.active_time,
                status_at=START,
                created_at=device.gmt_create,
                modified_at=device.gmt_modified,
            )
            .returning(devices.c.id)
        ).scalar_one()
        keys[key] = device
        for name in device.groups:
            made.tx.execute(insert(group_members).values(group_id=group_ids[name], device_id=key))
        for name, value in device.tags.items():
            made.tx.execute(
                insert(device_tags).values(device_id=key, key=name, value=value, instance_id=made.instance.id)
            )
        for name, value in device.modules.items():
            made.tx.execute(
                insert(module_versions).values(device_id=key, module=name, version=value, reported_at=START)
            )
    return Stored(made, keys)


@pytest.fixture(scope="module")
def stored() -> Iterator[Stored]:
    with world() as made:
        found = store(made, FLEET)
        made.tx.execute(update(products).values(product_key=products.c.name))
        yield found


@settings(max_examples=300)
@given(data=st.data())
def test_a_condition_means_the_same_in_sql_and_in_python(stored: Stored, data: st.DataObject) -> None:
    condition = data.draw(CONDITIONS)
    expected = [device.iot_id for device in FLEET if matches(device, condition)]
    assert [device.iot_id for device in stored.found(condition)] == expected[::-1]
    assert sorted(device.iot_id for device in stored.grouped(condition)) == expected


def test_only_devices_of_the_instance_are_found_and_counted(stored: Stored) -> None:
    everything = parse_statement("SELECT * FROM device WHERE status != 'ONLINE' LIMIT 50")
    for instance_id, expected in ((stored.world.instance.id, 36), (stored.world.instance.id + 1, 0)):
        assert device_search.count(stored.world.tx, instance_id, everything) == expected
        assert len(device_search.search(stored.world.tx, instance_id, everything)) == expected


def test_a_tag_is_looked_for_in_the_instance_only(stored: Stored) -> None:
    condition = parse_condition("tag.tag_name = 'color'")
    [narrowed] = conditions.narrowed(condition, stored.world.instance.id + 1)
    assert stored.found(condition)
    assert stored.world.tx.execute(select(devices.c.id).where(narrowed)).all() == []


def test_a_found_device_is_told_with_its_groups_tags_and_modules(stored: Stored) -> None:
    statement = parse_statement("SELECT * FROM device WHERE status = 'ONLINE' LIMIT 50")
    found = device_search.search(stored.world.tx, stored.world.instance.id, statement)
    assert len(found) == 12
    for item in found:
        plain = stored.keys[item.device.id]
        assert item.product_key == plain.product_key
        assert set(item.groups) == plain.groups
        assert dict(item.tags) == {key: value for key, value in plain.tags.items() if key != "abc"}
        assert dict(item.modules) == plain.modules


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_devices_are_sorted_by_times_and_those_without_come_last(stored: Stored, direction: str) -> None:
    statement = parse_statement(
        f"SELECT * FROM device WHERE name != '' ORDER BY active_time {direction}, gmt_create LIMIT 50"
    )
    found = device_search.search(stored.world.tx, stored.world.instance.id, statement)

    sign = -1 if direction == "DESC" else 1
    ranks = [
        (item.device.activated_at is None, sign * (item.device.activated_at or 0), item.device.created_at, -key)
        for item in found
        for key in [item.device.id]
    ]
    assert len(ranks) == 48
    assert ranks == sorted(ranks)


def test_pages_follow_each_other(stored: Stored) -> None:
    def page(limit: str) -> list[str]:
        statement = parse_statement(f"SELECT * FROM device WHERE name != '' ORDER BY gmt_create LIMIT {limit}")
        found = device_search.search(stored.world.tx, stored.world.instance.id, statement)
        return [item.device.name for item in found]

    whole = page("48")
    assert [name for start in range(0, 48, 20) for name in page(f"{start},20")] == whole
    assert len(set(whole)) == 48

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
from skyferry.search.syntax import Condition
from skyferry.store import conditions
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
            tags=some(("color", "shape")),
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
        where = conditions.of_instance(self.world.instance.id) & conditions.compiled(condition)
        keys = self.world.tx.execute(select(devices.c.id).where(where)).scalars()
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


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_condition_means_the_same_in_sql_and_in_python(stored: Stored, data: st.DataObject) -> None:
    condition = data.draw(CONDITIONS)
    expected = [device for device in FLEET if matches(device, condition)]
    assert sorted(device.iot_id for device in stored.found(condition)) == [device.iot_id for device in expected]

"""Which sub-devices are behind which gateway: one gateway each, of their own instance, up to a limit."""

from collections.abc import Iterator, Sequence

import pytest

from skyferry.fleet import topology
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.topology import Attachable, Attached, Attachment, Found, SubDeviceQuery
from skyferry.keys import SecretBox
from skyferry.store import topology as statements
from skyferry.store.tables import products
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


@pytest.fixture
def gateways(world: World) -> list[int]:
    """Two gateways."""
    subdevices = world.product
    world.product = world.make_product("gateways")
    world.tx.execute(products.update().where(products.c.id == world.product.id).values(node_type=1))
    made = [world.make_device(f"gateway-{number}").id for number in (1, 2)]
    world.product = subdevices
    return made


@pytest.fixture
def subdevices(world: World, gateways: list[int]) -> list[int]:
    """Three devices."""
    return [world.make_device(f"sub-{number}").id for number in (1, 2, 3)]


def attach(world: World, *wanted: tuple[int, Sequence[int]], most: int = 2) -> list[Attached]:
    attachments = [Attachment(gateway, frozenset(devices)) for gateway, devices in wanted]
    return topology.attach(world.tx, attachments, now=world.now, most=most)


def behind(world: World, gateway: int) -> list[int]:
    return [device.id for device in topology.subdevices_of(world.tx, gateway)]


def find(world: World, gateway: int, *names: str) -> list[Found]:
    addresses = [DeviceAddress(world.product.product_key, name) for name in names]
    return topology.find_subdevices(world.tx, [SubDeviceQuery(gateway, address) for address in addresses], world.box)


def test_a_subdevice_moves_and_its_former_gateway_is_told(
    world: World, gateways: list[int], subdevices: list[int]
) -> None:
    first, second = gateways
    attach(world, (first, subdevices[:2]))

    [moved] = attach(world, (second, subdevices[1:]))

    assert moved == Attached(Attachable.YES, {first: frozenset({subdevices[1]})})
    assert behind(world, first) == subdevices[:1]
    assert behind(world, second) == subdevices[1:]
    assert statements.count(world.tx, second) == 2


def test_each_attachment_stands_for_itself(world: World, gateways: list[int], subdevices: list[int]) -> None:
    first, second = gateways
    unknown = max(subdevices) + 1

    outcomes = attach(
        world,
        (first, subdevices),
        (first, [subdevices[0], unknown]),
        (unknown, subdevices[:1]),
        (second, subdevices[:2]),
        (second, subdevices[:2]),
        (second, subdevices[2:]),
    )

    kinds = Attachable
    assert [outcome.attachable for outcome in outcomes] == [
        kinds.FULL,
        kinds.GONE,
        kinds.GONE,
        kinds.YES,
        kinds.YES,
        kinds.FULL,
    ]
    assert behind(world, first) == []
    assert behind(world, second) == subdevices[:2]


def test_only_what_is_behind_the_gateway_is_taken_away(
    world: World, gateways: list[int], subdevices: list[int]
) -> None:
    first, second = gateways
    attach(world, (first, subdevices[:1]), (second, subdevices[1:2]))

    assert topology.detach(world.tx, first, subdevices) == subdevices[:1]
    assert behind(world, second) == subdevices[1:2]


def test_a_device_that_is_no_gateway_finds_nothing(world: World, subdevices: list[int]) -> None:
    assert find(world, subdevices[0], "sub-2") == [Found(by_gateway=False, subdevice=None)]
    assert find(world, max(subdevices) + 1, "sub-2") == [Found(by_gateway=False, subdevice=None)]


def test_a_gateway_finds_the_devices_of_its_instance(world: World, gateways: list[int], subdevices: list[int]) -> None:
    attach(world, (gateways[1], subdevices[:1]))

    first, unknown, second = find(world, gateways[0], "sub-1", "unknown", "sub-2")

    assert unknown == Found(by_gateway=True, subdevice=None)
    assert first.subdevice is not None
    assert second.subdevice is not None
    assert (first.subdevice.device_id, first.subdevice.gateway_id) == (subdevices[0], gateways[1])
    assert (second.subdevice.device_id, second.subdevice.gateway_id) == (subdevices[1], None)
    assert first.subdevice.secret not in repr(first)


def test_a_secret_of_another_key_file_makes_a_device_unknown(
    world: World, gateways: list[int], subdevices: list[int]
) -> None:
    world.box = SecretBox(b"1" * 32)

    assert find(world, gateways[0], "sub-1") == [Found(by_gateway=True, subdevice=None)]

"""PreviewOTAJob tells what the job does."""

from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.ota import preview
from skyferry.ota.models import NameList, NewStaticJob
from skyferry.ota.preview import Preview
from tests.support.rows import World
from tests.support.rows import world as make_world


def look(world: World, firmware: str, **values: object) -> Preview:
    given: dict[str, object] = {"target_selection": "ALL", **values}
    new = NewStaticJob(firmware_id=firmware, product_key=world.product.product_key, **given)  # type: ignore[arg-type]
    return preview.static(world.tx, new, instance_id=world.instance.id, limits=world.limits, now=world.now)


def test_a_preview_counts_devices_by_version_and_the_busy_ones(world: World) -> None:
    for number in range(3):
        world.make_device(f"old{number}")
    world.make_device("older", version="0.9.0")
    world.make_device("updated", version="2.0.0")
    world.make_job(world.make_package("3.0.0"), ["old1"])
    found = look(world, world.make_package())
    assert (found.candidates, found.selected, found.busy) == (4, 4, 1)
    assert list(found.versions) == [("1.0.0", 3), ("0.9.0", 1)]
    assert list(found.names) == ["old0", "old1", "old2", "older"]


def test_a_preview_makes_nothing(world: World) -> None:
    world.make_device("dev0")
    firmware = world.make_package()
    look(world, firmware)
    assert look(world, firmware).busy == 0


def test_a_preview_of_a_list_tells_the_unknown_names(world: World) -> None:
    world.make_device("dev0")
    data = b"dev0,nobody,nobody"
    found = look(world, world.make_package(), target_selection="SPECIFIC", name_list=NameList("k", len(data), data))
    assert (found.selected, found.unknown, found.complete) == (1, 1, True)
    part = NameList("k", 1_000, data)
    assert not look(world, world.make_package("3.0.0"), target_selection="SPECIFIC", name_list=part).complete


@settings(max_examples=25)
@given(st.integers(1, 25), st.integers(1, 100_000))
def test_a_job_updates_whom_its_preview_named(devices: int, share: int) -> None:
    with make_world() as world:
        for number in range(devices):
            world.make_device(f"dev{number:03}")
        firmware = world.make_package()
        percent = f"{share / 1_000:.3f}"
        found = look(world, firmware, target_selection="GRAY", gray_percent=percent)
        job = world.make_static(firmware, target_selection="GRAY", gray_percent=percent)
        names = [task.device_name for task in world.tasks(job)]
        assert found.selected == len(names)
        assert list(found.names) == names[:20] or devices * share < 100_000

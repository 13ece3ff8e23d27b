"""PreviewOTAJob tells what the job does."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.ota import preview
from skyferry.ota.models import NameList, NewStaticJob
from skyferry.ota.preview import Preview
from skyferry.store import selection
from skyferry.store.selection import SelectionRule
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


VERSIONS = (None, "0.9.0", "1.0.0", "2.0.0")


@settings(max_examples=15)
@given(st.lists(st.sampled_from(VERSIONS), max_size=8), st.sets(st.integers(0, 7)), st.sampled_from([(), ("1.0.0",)]))
def test_a_whole_product_is_told_from_counters_as_from_its_devices(
    reported: Sequence[str | None], busy: set[int], wanted: tuple[str, ...]
) -> None:
    with make_world() as world, pytest.MonkeyPatch.context() as patch:
        for number, version in enumerate(reported):
            world.make_device(f"dev{number}", version=version)
        if named := [f"dev{number}" for number in busy if number < len(reported) and reported[number]]:
            world.make_job(world.make_package("3.0.0"), named)
        firmware = world.make_package()
        found = look(world, firmware, src_versions=list(wanted))
        patch.setattr(selection, "_FEW", 0)
        assert look(world, firmware, src_versions=list(wanted)) == found
        patch.setattr(SelectionRule, "is_of_product", property(lambda _rule: False))
        assert look(world, firmware, src_versions=list(wanted)) == found


def test_devices_with_open_tasks_are_counted_up_to_a_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["dev0", "dev1", "dev2"]
    for name in names:
        world.make_device(name)
    world.make_job(world.make_package("3.0.0"), names)
    firmware = world.make_package()

    monkeypatch.setattr(preview, "_MOST_BUSY", 3)
    assert (look(world, firmware).busy, look(world, firmware).busy_is_exact) == (3, True)
    monkeypatch.setattr(preview, "_MOST_BUSY", 2)
    assert (look(world, firmware).busy, look(world, firmware).busy_is_exact) == (2, False)

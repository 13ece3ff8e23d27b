"""TargetSelection GRAY (control-plane reference §5.7; §12, 28)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.errors import ApiError
from skyferry.ota import gray
from skyferry.ota.states import TaskStatus
from tests.support.rows import World

shares = st.integers(1, gray.WHOLE)


@pytest.mark.parametrize(
    ("percent", "share"), [("33.33", 33_330), ("100", 100_000), ("0.001", 1), (" 5 ", 5_000), ("12.5", 12_500)]
)
def test_a_percentage_with_up_to_three_decimals_is_a_share(percent: str, share: int) -> None:
    assert gray.parse(percent) == share


@pytest.mark.parametrize(
    ("percent", "code"),
    [
        (None, "NullGrayPercent"),
        ("", "NullGrayPercent"),
        ("  ", "NullGrayPercent"),
        ("1e1", "BadlyFormattedGrayPercent"),
        ("-1", "BadlyFormattedGrayPercent"),
        ("1.2345", "BadlyFormattedGrayPercent"),
        ("٣", "BadlyFormattedGrayPercent"),
        ("50%", "BadlyFormattedGrayPercent"),
        ("0", "InvalidGrayPercent"),
        ("0.000", "InvalidGrayPercent"),
        ("100.001", "InvalidGrayPercent"),
        ("999", "InvalidGrayPercent"),
    ],
)
def test_anything_else_is_refused(percent: str | None, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        gray.parse(percent)
    assert refused.value.kind.code == f"iot.firmware.{code}"


@pytest.mark.parametrize(("share", "text"), [(33_330, "33.33"), (50_000, "50.00"), (1, "0.00"), (100_000, "100.00")])
def test_a_share_is_shown_with_two_decimals(share: int, text: str) -> None:
    assert gray.shown(share) == text


@given(shares, st.integers(0, 3_000))
def test_exactly_the_floor_of_the_share_is_chosen(share: int, count: int) -> None:
    assert len(gray.choose(range(count), 0, share)) == count * share // gray.WHOLE


@given(shares, st.lists(st.integers(0, 400), max_size=8))
def test_portions_choose_what_the_whole_chooses(share: int, sizes: list[int]) -> None:
    whole = range(sum(sizes))
    chosen: list[int] = []
    begin = 0
    for size in sizes:
        chosen += gray.choose(whole[begin : begin + size], begin, share)
        begin += size
    assert chosen == gray.choose(whole, 0, share)


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
@given(shares, st.integers(1, 2_000))
def test_the_choice_is_even_over_the_fleet(share: int, count: int) -> None:
    chosen = gray.choose(range(count), 0, share)
    for begin in range(0, count, 100):
        in_stretch = sum(begin <= number < begin + 100 for number in chosen)
        assert abs(in_stretch - min(100, count - begin) * share / gray.WHOLE) <= 1


def job_for_share(world: World, percent: str, devices: int) -> list[int]:
    """Which of so many devices a gray job takes, by their numbers."""
    keys = [world.make_device(f"dev{number:03}").id for number in range(devices)]
    job = world.make_static(world.make_package(), target_selection="GRAY", gray_percent=percent)
    while world.select_portion():
        pass
    states = world.states(job)
    assert set(states.values()) == {TaskStatus.QUEUED}
    return [keys.index(key) for key in states]


def test_a_third_of_a_hundred_is_thirty_three(world: World) -> None:
    chosen = job_for_share(world, "33.33", 100)
    assert len(chosen) == 33
    assert max(chosen) > 90


def test_the_share_is_exact_over_portions(world: World) -> None:
    world.in_portions_of(7)
    assert len(job_for_share(world, "50", 33)) == 16


def test_one_device_at_least_is_chosen(world: World) -> None:
    world.in_portions_of(3)
    assert len(job_for_share(world, "0.001", 10)) == 1


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_devices_that_need_no_update_do_not_count(world: World) -> None:
    for number in range(50):
        world.make_device(f"new{number:03}", version="2.0.0")
    assert len(job_for_share(world, "10", 50)) == 5

"""Dice that are the same in every run."""

from collections import Counter

import pytest

from skyferry.simulator.behaviour import Behaviour, Fate, Pull
from skyferry.simulator.identity import DeviceIdentity

DEVICES = [DeviceIdentity("pk", f"device-{number}", "s") for number in range(2_000)]


def fates(behaviour: Behaviour, attempt: int = 1) -> list[Fate]:
    return [behaviour.plan(device, "2.0.0", attempt).fate for device in DEVICES]


def test_same_seed_same_fates() -> None:
    behaviour = Behaviour(fail_download=0.3, seed=7)
    assert fates(behaviour) == fates(Behaviour(fail_download=0.3, seed=7))
    assert fates(behaviour) != fates(Behaviour(fail_download=0.3, seed=8))


def test_every_attempt_throws_again() -> None:
    behaviour = Behaviour(fail_verify=0.5)
    assert fates(behaviour, attempt=1) != fates(behaviour, attempt=2)


def test_devices_without_bad_luck_always_succeed() -> None:
    assert set(fates(Behaviour())) == {Fate.SUCCEED}


@pytest.mark.parametrize("fate", [fate for fate in Fate if fate is not Fate.SUCCEED])
def test_every_chance_leads_to_its_fate(fate: Fate) -> None:
    assert set(fates(Behaviour(**{fate.value: 1.0}))) == {fate}  # type: ignore[arg-type] # the names are probabilities


def test_chances_come_out_in_proportion() -> None:
    counts = Counter(fates(Behaviour(fail_upgrade=0.1, fail_flash=0.2, vanish=0.3)))
    assert 140 < counts[Fate.FAIL_UPGRADE] < 260
    assert 320 < counts[Fate.FAIL_FLASH] < 480
    assert 500 < counts[Fate.VANISH] < 700
    assert counts.total() == len(DEVICES)


def test_broken_downloads_are_thrown_apart_from_the_fate() -> None:
    plans = [Behaviour(break_download=0.5, fail_verify=0.5).plan(device, "2", 1) for device in DEVICES]
    assert {(plan.breaks_download, plan.fate) for plan in plans} == {
        (breaks, fate) for breaks in (True, False) for fate in (Fate.SUCCEED, Fate.FAIL_VERIFY)
    }


def test_start_delays_lie_in_the_spread() -> None:
    delays = [Behaviour(start_spread_seconds=10).start_delay(device) for device in DEVICES]
    assert 0 <= min(delays) < 1
    assert 9 < max(delays) <= 10
    assert Behaviour().start_delay(DEVICES[0]) == 0


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"fail_flash": 1.5}, "fail_flash is a probability"),
        ({"break_download": -0.1}, "break_download is a probability"),
        ({"ignore": 0.6, "vanish": 0.6}, "more than 1"),
        ({"progress_steps": 0}, "progress_steps"),
        ({"bytes_per_second": 0}, "bytes_per_second"),
        ({"install_seconds": -1}, "time"),
        ({"report_qos": 2}, "report_qos"),
        ({"pull": Pull.REQUEST, "module": "MCU"}, "no modules"),
    ],
)
def test_nonsense_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Behaviour(**settings)  # type: ignore[arg-type]

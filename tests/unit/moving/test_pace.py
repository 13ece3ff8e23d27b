"""Calls are spaced by the quota, slower after refusals, and as planned again later."""

import pytest

from skyferry.moving import pace
from skyferry.moving.pace import UNLISTED, Pace


class Sleeper:
    """Stands for `asyncio` in the module: time moves on only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def get_running_loop(self) -> "Sleeper":
        return self

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Sleeper:
    found = Sleeper()
    monkeypatch.setattr(pace, "asyncio", found)
    return found


async def test_the_share_of_the_quota_is_used_evenly(sleeper: Sleeper) -> None:
    paced = Pace({"QueryDevice": 50}, 0.5)
    for action in ("QueryDevice", "QueryDevice", "QueryDevice", "Other", "Other"):
        await paced.wait(action)

    assert sleeper.slept == [0, 0.04, 0.04, 0, round(1 / UNLISTED / 0.5, 6)]


async def test_refusals_make_it_slower_once_for_all_that_were_under_way(sleeper: Sleeper) -> None:
    paced = Pace({"QueryDevice": 10}, 1)
    await paced.wait("QueryDevice")
    for _ in range(5):
        paced.hold("QueryDevice", 3)
    for _ in range(3):
        await paced.wait("QueryDevice")

    assert sleeper.slept == [0, 3, 0.2, 0.2]
    paced.hold("QueryDevice", 1)
    await paced.wait("QueryDevice")
    await paced.wait("QueryDevice")
    assert sleeper.slept[-2:] == [1, 0.4]


async def test_it_becomes_as_fast_as_planned_again(sleeper: Sleeper) -> None:
    paced = Pace({"QueryDevice": 10}, 1)
    paced.hold("QueryDevice", 0)
    for _ in range(100):
        paced.went_well("QueryDevice")
    await paced.wait("QueryDevice")
    await paced.wait("QueryDevice")

    assert sleeper.slept[-1] == 0.1


async def test_it_never_stands_still(sleeper: Sleeper) -> None:
    paced = Pace({"QueryDevice": 10}, 1)
    for _ in range(50):
        paced.hold("QueryDevice", 0)
    await paced.wait("QueryDevice")
    await paced.wait("QueryDevice")

    assert sleeper.slept[-1] == 6.4

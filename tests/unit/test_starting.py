"""How a start waits for engines."""

import asyncio
from collections.abc import Sequence

import pytest

from skyferry import starting
from skyferry.starting import EngineAwayError, Patience, StartError, StartGivenUpError

AWAY = EngineAwayError("It does not answer.")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_PAUSE_SECONDS", 0.001)


class Engine:
    """Fails so often, and then is there."""

    def __init__(self, failures: Sequence[Exception]) -> None:
        self.tries = 0
        self._failures = list(failures)

    async def join(self) -> None:
        self.tries += 1
        if self._failures:
            raise self._failures.pop(0)


async def test_an_engine_that_comes_is_waited_for() -> None:
    engine = Engine([AWAY, AWAY, AWAY])
    await Patience(60).wait_for(engine.join)
    assert engine.tries == 4


async def test_all_engines_together_have_the_time_of_a_start() -> None:
    patience = Patience(0.01)
    for _ in range(2):
        with pytest.raises(EngineAwayError):
            await patience.wait_for(Engine([AWAY] * 10).join)
    once = Engine([AWAY])
    with pytest.raises(EngineAwayError):
        await patience.wait_for(once.join)
    assert once.tries == 1


async def test_what_engines_take_to_say_so_counts() -> None:
    tries = 0

    async def join() -> None:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.05)
        raise AWAY

    with pytest.raises(EngineAwayError):
        await Patience(0.01).wait_for(join)
    assert tries == 1


async def test_what_waiting_does_not_change_is_told_at_once() -> None:
    engine = Engine([StartError("Wrong."), AWAY])
    with pytest.raises(StartError, match="Wrong"):
        await Patience(60).wait_for(engine.join)
    assert engine.tries == 1


async def test_who_is_told_to_stop_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "_PAUSE_SECONDS", 3_600)
    patience = Patience(7_200)
    asyncio.get_running_loop().call_later(0.01, patience.give_up)
    with pytest.raises(StartGivenUpError):
        await patience.wait_for(Engine([AWAY]).join)

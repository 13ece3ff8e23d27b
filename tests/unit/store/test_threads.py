"""Threads that work for the event loop: in turn, without a call too many, and to the end."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from skyferry.store.threads import Threads


class Notes:
    """The tool: notes who used it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.closed = False

    def note(self, what: object) -> object:
        self.done.append(what)
        return what

    def close(self) -> None:
        self.closed = True


class Bench:
    """Threads, their tools, and a gate that keeps a thread busy."""

    def __init__(self, number: int) -> None:
        self.tools: list[Notes] = []
        self.gate = threading.Event()
        self.threads = Threads(number, "test", self._make)

    def _make(self) -> Notes:
        self.tools.append(Notes())
        return self.tools[-1]

    def note(self, what: object) -> asyncio.Future[object]:
        return self.threads.run(lambda tool: tool.note(what))

    def hold(self) -> asyncio.Future[bool]:
        return self.threads.run(lambda _: self.gate.wait(10))


@pytest.fixture
async def one() -> AsyncIterator[Bench]:
    bench = Bench(1)
    yield bench
    bench.gate.set()
    await asyncio.to_thread(bench.threads.close)


async def test_calls_are_done_in_their_order_and_answered(one: Bench) -> None:
    held = one.hold()
    answers = [one.note(number) for number in range(50)]
    one.gate.set()
    assert await asyncio.gather(held, *answers) == [True, *range(50)]
    assert one.tools[0].done == list(range(50))


async def test_what_fails_fails_alone(one: Bench) -> None:
    def fail(_tool: Notes) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await one.threads.run(fail)
    assert await one.note("next") == "next"


async def test_what_nobody_waits_for_is_left_undone_unless_it_has_begun(one: Bench) -> None:
    begun, waiting = one.hold(), one.note("never")
    waiting.cancel()
    begun.cancel()
    one.gate.set()
    assert await one.note("next") == "next"
    assert one.tools[0].done == ["next"]


async def test_a_call_goes_to_the_thread_that_rested_last_and_to_another_when_it_is_busy() -> None:
    bench = Bench(2)
    for number in range(10):
        await bench.note(number)
    assert len(bench.tools) == 1, "one after the other they need one thread"
    held = bench.hold()
    assert await bench.note("beside") == "beside"
    assert len(bench.tools) == 2
    late = [bench.hold(), bench.note("last")]
    bench.gate.set()
    await asyncio.gather(held, *late)
    await asyncio.to_thread(bench.threads.close)


async def test_a_close_waits_for_what_was_asked_for() -> None:
    bench = Bench(1)
    held, last = bench.hold(), bench.note("last")
    closing = asyncio.create_task(asyncio.to_thread(bench.threads.close))
    await asyncio.sleep(0)
    bench.gate.set()
    await asyncio.gather(held, last, closing)
    assert (bench.tools[0].done, bench.tools[0].closed) == (["last"], True)
    with pytest.raises(RuntimeError, match="ended"):
        bench.note("late")


async def test_threads_that_nobody_asked_end_at_once() -> None:
    await asyncio.to_thread(Bench(3).threads.close)

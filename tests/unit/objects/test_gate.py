"""Who may download, and how fast."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.objects.errors import ObjectError
from skyferry.objects.gate import Gate, client_of
from skyferry.objects.limits import ServingLimits
from skyferry.objects.pace import Pace

A, B = "192.0.2.1", "192.0.2.2"


class Visitors:
    """Downloads that stay until they are told to go."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside: list[str] = []
        self.refused: list[str] = []
        self.errors: list[tuple[str, int, str]] = []
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, address: str, name: str) -> None:
        self._leave[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._visit(address, name))
        await settle()

    async def go(self, name: str) -> None:
        self._leave[name].set()
        await settle()

    async def vanish(self, name: str) -> None:
        self._tasks[name].cancel()
        await settle()

    async def _visit(self, address: str, name: str) -> None:
        try:
            async with self.gate.passage(address):
                self.inside.append(name)
                await self._leave[name].wait()
                self.inside.remove(name)
        except ObjectError as error:
            self.refused.append(name)
            self.errors.append((error.code, error.status, error.headers["Retry-After"]))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_than_the_limit_are_in_and_the_next_comes_when_one_leaves() -> None:
    visitors = Visitors(Gate(ServingLimits(most_at_once=2)))
    for name in "abcd":
        await visitors.come(A, name)
    assert visitors.inside == ["a", "b"]
    await visitors.go("a")
    assert visitors.inside == ["b", "c"]
    await visitors.go("c")
    await visitors.go("b")
    assert visitors.inside == ["d"]


async def test_one_client_cannot_take_all_places() -> None:
    visitors = Visitors(Gate(ServingLimits(most_at_once=3, most_of_client=2)))
    for name in ("a1", "a2", "a3"):
        await visitors.come(A, name)
    await visitors.come(B, "b1")
    assert visitors.inside == ["a1", "a2", "b1"]
    await visitors.go("b1")
    assert visitors.inside == ["a1", "a2"]
    await visitors.go("a2")
    assert visitors.inside == ["a1", "a3"]


async def test_clients_take_turns() -> None:
    """A client with many that wait does not keep another waiting behind all of them."""
    visitors = Visitors(Gate(ServingLimits(most_at_once=1)))
    for name in ("a1", "a2", "a3", "a4"):
        await visitors.come(A, name)
    for name in ("b1", "b2"):
        await visitors.come(B, name)
    order = []
    while visitors.inside:
        order += visitors.inside
        await visitors.go(visitors.inside[0])
    assert order == ["a1", "a2", "b1", "a3", "b2", "a4"]


async def test_one_that_waits_in_vain_is_told_to_come_again() -> None:
    visitors = Visitors(Gate(ServingLimits(most_at_once=1, wait_seconds=0.01)))
    await visitors.come(A, "a")
    await visitors.come(B, "b")
    await asyncio.sleep(0.1)
    assert visitors.refused == ["b"]
    assert visitors.errors == [("SlowDown", 503, "30")]
    await visitors.go("a")
    await visitors.come(B, "c")
    assert visitors.inside == ["c"]


async def test_the_queue_has_an_end() -> None:
    visitors = Visitors(Gate(ServingLimits(most_at_once=1, most_waiting=1)))
    for name in "abc":
        await visitors.come(A, name)
    assert visitors.refused == ["c"]


async def test_one_that_vanishes_takes_no_place() -> None:
    visitors = Visitors(Gate(ServingLimits(most_at_once=1)))
    for name in "abc":
        await visitors.come(A, name)
    await visitors.vanish("b")
    await visitors.vanish("a")
    assert visitors.inside[-1] == "c"
    await visitors.go("c")
    await visitors.come(B, "d")
    assert visitors.inside[-1] == "d"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["come", "go", "vanish"]), st.integers(0, 3)), max_size=60))
def test_however_they_come_and_go_the_limits_hold_and_nobody_waits_for_nothing(steps: list[tuple[str, int]]) -> None:
    async def scenario() -> None:
        limits = ServingLimits(most_at_once=3, most_of_client=2)
        visitors = Visitors(Gate(limits))
        here: list[str] = []
        for number, (step, which) in enumerate(steps):
            if step == "come":
                name = f"{which}:{number}"
                here.append(name)
                await visitors.come(f"192.0.2.{which}", name)
            elif here:
                name = here.pop(which % len(here))
                inside = name in visitors.inside
                await (visitors.go(name) if inside and step == "go" else visitors.vanish(name))
                if name in visitors.inside:
                    visitors.inside.remove(name)
            counts = [sum(name.startswith(f"{client}:") for name in visitors.inside) for client in range(4)]
            waiting = [sum(name.startswith(f"{client}:") for name in here) - counts[client] for client in range(4)]
            assert sum(counts) <= limits.most_at_once
            assert max(counts) <= limits.most_of_client
            if sum(counts) < limits.most_at_once:
                assert all(counts[c] == limits.most_of_client for c in range(4) if waiting[c])
        for name in here:
            await visitors.vanish(name)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_client(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same


async def test_a_rate_is_kept_by_all_together() -> None:
    pace = Pace(1_000_000)
    began = time.monotonic()

    async def send() -> None:
        left = 50_000
        while left:
            left -= await pace.take(min(left, 10_000), sharers=4)

    await asyncio.gather(*(send() for _ in range(4)))
    assert time.monotonic() - began >= 0.2 - 0.1 - 0.02  # 0.2 s of bytes, of which 0.1 s may go at once


async def test_portions_get_smaller_with_the_number_of_those_who_share() -> None:
    pace = Pace(100_000)
    assert await pace.take(1 << 20, sharers=10) == 10_000
    assert await pace.take(1 << 20, sharers=1_000_000) == 1_024
    assert await pace.take(500, sharers=1_000_000) == 500


async def test_a_client_has_a_rate_of_its_own() -> None:
    gate = Gate(ServingLimits(client_bytes_per_second=50_000))
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(gate.passage(A)) for _ in range(2)]
        fast = await stack.enter_async_context(gate.passage(B))
        assert await slow[0].allow(1 << 20) == 25_000
        assert await fast.allow(1 << 20) == 50_000

"""Group commit."""

import asyncio
from collections.abc import Sequence

import pytest

from skyferry.batching import Batcher


async def test_what_arrives_while_a_batch_runs_is_the_next_batch() -> None:
    batches: list[list[int]] = []
    gate = asyncio.Event()

    async def process(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        await gate.wait()
        return [item * 10 for item in items]

    batcher = Batcher(process)
    first = batcher.submit(1)
    await asyncio.sleep(0)
    others = [batcher.submit(number) for number in (2, 3, 4)]
    assert batcher.depth == 3
    gate.set()
    assert await first == 10
    assert await asyncio.gather(*others) == [20, 30, 40]
    assert batches == [[1], [2, 3, 4]]


async def test_a_batch_has_a_largest_size() -> None:
    sizes: list[int] = []

    async def process(items: Sequence[int]) -> Sequence[None]:
        sizes.append(len(items))
        return [None] * len(items)

    batcher = Batcher(process, most=4)
    await asyncio.gather(*(batcher.submit(number) for number in range(10)))
    assert sizes == [4, 4, 2]


async def test_what_comes_soon_after_a_batch_waits_for_others() -> None:
    batches: list[list[int]] = []

    async def process(items: Sequence[int]) -> Sequence[int]:
        batches.append(list(items))
        return items

    batcher = Batcher(process, interval_s=0.1)
    assert await batcher.submit(1) == 1
    first = batcher.submit(2)
    await asyncio.sleep(0.01)
    assert list(await asyncio.gather(first, batcher.submit(3))) == [2, 3]
    assert batches == [[1], [2, 3]]


async def test_what_comes_alone_or_fills_a_batch_does_not_wait() -> None:
    async def process(items: Sequence[int]) -> Sequence[int]:
        return items

    batcher = Batcher(process, most=3, interval_s=3_600)
    assert await batcher.submit(1) == 1
    assert await asyncio.gather(*(batcher.submit(number) for number in (2, 3, 4))) == [2, 3, 4]


async def test_a_failed_batch_fails_its_items_and_not_the_next_ones() -> None:
    async def process(items: Sequence[str]) -> Sequence[str]:
        await asyncio.sleep(0)
        if "bad" in items:
            raise ValueError("bad")
        return items

    batcher = Batcher(process, most=2)
    results = await asyncio.gather(*(batcher.submit(item) for item in ("a", "bad", "c", "d")), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, str, str]


async def test_an_item_whose_result_is_an_exception_fails_alone() -> None:
    async def process(items: Sequence[str]) -> Sequence[str | Exception]:
        return [ValueError(item) if item == "bad" else item for item in items]

    batcher = Batcher(process)
    good, bad, other = (batcher.submit(item) for item in ("good", "bad", "other"))
    assert [await good, await other] == ["good", "other"]
    with pytest.raises(ValueError, match="bad"):
        await bad


async def test_an_item_whose_caller_went_away_does_not_disturb_the_others() -> None:
    async def process(items: Sequence[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        return items

    batcher = Batcher(process)
    gone, stays = batcher.submit(1), batcher.submit(2)
    gone.cancel()
    assert await stays == 2


async def test_drain_waits_for_everything() -> None:
    done: list[int] = []

    async def process(items: Sequence[int]) -> Sequence[None]:
        await asyncio.sleep(0.01)
        done.extend(items)
        return [None] * len(items)

    batcher = Batcher(process, most=1)
    for number in range(3):
        batcher.submit(number)
    await batcher.drain()
    assert done == [0, 1, 2]


async def test_a_wrong_number_of_results_fails_the_batch() -> None:
    with pytest.raises(RuntimeError, match="0 results"):
        await Batcher(_too_few).submit(1)


async def _too_few(_items: Sequence[int]) -> Sequence[int]:
    return []

"""Group commit: everything that arrives while one batch is worked on forms the next batch.

One transaction (or one look-up) for many items is what makes reports cheap. What comes alone never waits; what comes
soon after a batch may, so that it shares the next one with others.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[ItemT, ResultT]):
    """Runs `process` on batches of submitted items, one batch at a time, in the order of submission.

    A batch that fails fails each of its items with the same exception: nothing of it was done (the caller's
    transaction rolled back). An item whose result is an exception fails alone.
    """

    def __init__(
        self,
        process: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT | Exception]]],
        *,
        most: int = 2_000,
        interval_s: float = 0.0,
    ) -> None:
        """Does nothing yet.

        Args:
            process: works on the items of a batch; gives a result for each.
            most: the largest batch.
            interval_s: seconds from the beginning of a batch to that of the next one, unless that is full already.
        """
        self._process = process
        self._most = most
        self._interval_s = interval_s
        self._next_at = 0.0
        self._waiting: deque[tuple[ItemT, asyncio.Future[ResultT]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    def submit(self, item: ItemT) -> asyncio.Future[ResultT]:
        """Queues an item; the future ends when its batch has been processed."""
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run())
        return future

    async def drain(self) -> None:
        """Waits until everything that was submitted has been processed."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    @property
    def depth(self) -> int:
        """How many items wait for their batch."""
        return len(self._waiting)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_others()
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                await self._run_batch(batch)
        finally:
            self._worker = None

    async def _wait_for_others(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._next_at - loop.time()
        if seconds > 0 and len(self._waiting) < self._most:
            await asyncio.sleep(seconds)
        self._next_at = loop.time() + self._interval_s

    async def _run_batch(self, batch: Sequence[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        try:
            results = _complete(await self._process([item for item, _ in batch]), len(batch))
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    if isinstance(error, Exception):
                        future.set_exception(error)
                    else:
                        future.cancel()
            if not isinstance(error, Exception):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


def _complete(results: Sequence[ResultT], expected: int) -> Sequence[ResultT]:
    if len(results) != expected:
        raise RuntimeError(f"A batch of {expected} items got {len(results)} results.")
    return results

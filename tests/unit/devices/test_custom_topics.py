"""Messages on topics that an application has invented: dropped, or taken over by someone else."""

import asyncio

import pytest

from skyferry.devices.custom_topics import CustomTopics
from skyferry.devices.limits import ForwardLimits
from skyferry.devices.mqtt.errors import UnacknowledgedError


class Taker:
    """Takes messages when the test lets it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.error: OSError | None = None
        self.tried = 0

    async def forward(self, topic: str, payload: bytes) -> None:
        self.tried += 1
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        self.taken.append((topic, payload))


async def result(custom: CustomTopics, payload: bytes = b"1") -> bool:
    """Whether a message was taken over."""
    waiting = custom.take("/pk/dn/user/x", payload)
    assert waiting is not None
    try:
        await waiting
    except UnacknowledgedError:
        return False
    return True


async def test_without_a_taker_a_message_is_done_with_at_once() -> None:
    assert CustomTopics(ForwardLimits()).take("/pk/dn/user/x", b"1") is None


async def test_a_message_is_acknowledged_when_it_was_taken_over() -> None:
    taker = Taker()
    custom = CustomTopics(ForwardLimits(), taker.forward)
    taker.go_on.clear()
    waiting = asyncio.ensure_future(custom.take("/pk/dn/user/x", b"1"))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert not waiting.done()
    taker.go_on.set()
    await waiting
    assert taker.taken == [("/pk/dn/user/x", b"1")]


async def test_after_a_failure_messages_are_refused_at_once_for_a_while() -> None:
    taker = Taker()
    custom = CustomTopics(ForwardLimits(pause_s=0.03), taker.forward)
    taker.error = TimeoutError()
    assert not await result(custom)
    assert not await result(custom)
    assert taker.tried == 1
    taker.error = None
    await asyncio.sleep(0.05)
    assert await result(custom)


@pytest.mark.parametrize("limits", [ForwardLimits(messages_waiting=2), ForwardLimits(bytes_waiting=25)])
async def test_what_waits_is_bounded(limits: ForwardLimits) -> None:
    taker = Taker()
    custom = CustomTopics(limits, taker.forward)
    taker.go_on.clear()
    first = [custom.take("/pk/dn/user/x", bytes(10)) for _ in range(2)]
    assert not await result(custom, bytes(10))
    taker.go_on.set()
    await custom.drain()
    assert all(asyncio.ensure_future(each).exception() is None for each in first if each)
    assert await result(custom, bytes(10))

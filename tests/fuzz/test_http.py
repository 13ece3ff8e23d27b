"""The HTTP port takes requests that are nearly right: it answers, stays as it was, and tells nothing foreign."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Final

import pytest

from tests.fuzz.corpus import CONNECTS, PACKETS
from tests.fuzz.http_corpus import CORPORA, call, websockets
from tests.fuzz.http_world import SETTINGS, Condition, HttpWorld
from tests.fuzz.mutating import SEED, mutated, rounds
from tests.fuzz.parameters import Parameters
from tests.fuzz.requests import exchange, spoilt
from tests.support.server import Server

_AT_ONCE: Final = 16
_PATIENCE_SECONDS: Final = 60
"""How long a right request may take to be answered."""


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWorld]:
    """A started server with two accounts. Whatever one of them sent, the other has what it had."""
    with Server(tmp_path_factory.mktemp("http"), SETTINGS) as server:
        world = HttpWorld.make(server)
        before = world.others_have()
        yield world
        assert world.others_have() == before
        server.stop()


@pytest.fixture
async def world(settled: HttpWorld) -> AsyncIterator[HttpWorld]:
    """The same, looked at after each test."""
    condition = Condition.of(settled.server)
    yield settled
    condition.check()
    assert settled.own.api.call("QueryProduct", ProductKey=settled.own.product)["Data"]


@pytest.mark.parametrize("kind", CORPORA)
async def test_requests_that_are_nearly_right(world: HttpWorld, kind: str) -> None:
    http, corpus = world.server.http, CORPORA[kind]
    secrets = world.foreign.secrets if kind == "calls" else world.secrets
    for right in corpus(world, now_ms()):
        answer = await exchange(http, right.encode(http), Random(SEED), _PATIENCE_SECONDS)
        assert answer is not None
        assert answer.status == right.status, answer
    for seed, dice in rounds():
        requests = corpus(world, now_ms())
        wrong = [exchange(http, spoilt(dice, dice.choice(requests), requests, http), dice) for _ in range(_AT_ONCE)]
        for answer in await asyncio.gather(*wrong):
            world.check(answer, secrets, f"seed {seed}")


async def test_right_signatures_of_any_parameters(world: HttpWorld) -> None:
    http, api = world.server.http, world.own.api
    played = api.create_product("played")
    for name in ("device-1", "device-2"):
        api.register(played, name)
    parameters = Parameters(world, played)
    answered: Counter[int] = Counter()
    for seed, dice in rounds():
        asked = [parameters.any(dice) for _ in range(_AT_ONCE)]
        requests = [
            call(
                action,
                given,
                now_ms(),
                scheme=dice.choice(("V1", "V3")),
                form=True,
                xml=dice.randrange(2) == 0,
            )
            for action, given in asked
        ]
        answers = [exchange(http, each.encode(http), dice, _PATIENCE_SECONDS) for each in requests]
        for request, answer in zip(asked, await asyncio.gather(*answers), strict=True):
            world.check(answer, world.foreign.secrets, f"seed {seed}: {request}")
            assert answer is not None, request
            answered[answer.status] += 1
    assert set(answered) <= {200, 400, 403, 404, 409}, answered
    assert answered[200], answered


async def test_frames_of_any_websocket(world: HttpWorld) -> None:
    """MQTT packets, and what is none, in frames that are right and in others, after a right handshake."""
    http = world.server.http
    handshake = websockets(world, now_ms())[0].encode(http)
    for seed, dice in rounds():
        frames = [
            b"".join(mutated(dice, [framed(dice, mutated(dice, (*CONNECTS, *PACKETS)))]) for _ in range(3))
            for _ in range(_AT_ONCE)
        ]
        for answer in await asyncio.gather(*(exchange(http, handshake + each, dice) for each in frames)):
            world.check(answer, world.secrets, f"seed {seed}")


async def test_requests_that_end_before_they_are_complete(world: HttpWorld) -> None:
    """The connection is gone while the server reads the body."""
    http = world.server.http
    requests = [each for corpus in CORPORA.values() for each in corpus(world, now_ms()) if each.body]
    cut = [exchange(http, each.encode(http)[: -len(each.body) // 2], Random(SEED)) for each in requests]
    for request, answer in zip(requests, await asyncio.gather(*cut), strict=True):
        world.check(answer, world.foreign.secrets, request.target)


def framed(dice: Random, data: bytes) -> bytes:
    """A WebSocket frame of a client: masked, mostly binary, mostly whole."""
    first = dice.choice((0x82, 0x82, 0x82, 0x02, 0x80, 0x81, 0x88, 0x89, 0x8A, 0xC2))
    mask = dice.randbytes(4)
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2)
    return bytes([first]) + length + mask + bytes(each ^ mask[at % 4] for at, each in enumerate(data))


def now_ms() -> int:
    """The time as the server counts it."""
    return round(time.time() * 1_000)

"""Nonces, quotas and remembered principals: what they forget, and when."""

from hypothesis import given
from hypothesis import strategies as st

from skyferry.ram.principal import Principal
from skyferry.rpc.nonces import NonceCache
from skyferry.rpc.principals import Remembered
from skyferry.rpc.quota import LocalQuota
from tests.unit.rpc.support import FrozenClock, principal

MINUTE_MS = 60_000


async def test_nonces_are_forgotten_after_they_expired_and_not_before() -> None:
    nonces = NonceCache()
    assert await nonces.use("k", "n", now_ms=0, expires_ms=15 * MINUTE_MS) == "new"
    assert await nonces.use("k", "later", now_ms=15 * MINUTE_MS, expires_ms=30 * MINUTE_MS) == "new"
    assert await nonces.use("k", "n", now_ms=15 * MINUTE_MS, expires_ms=30 * MINUTE_MS) == "used"
    assert await nonces.use("other", "n", now_ms=15 * MINUTE_MS, expires_ms=30 * MINUTE_MS) == "new"
    assert await nonces.use("k", "n", now_ms=16 * MINUTE_MS, expires_ms=31 * MINUTE_MS) == "new"
    assert await nonces.use("k", "later", now_ms=16 * MINUTE_MS, expires_ms=31 * MINUTE_MS) == "used"
    assert await nonces.use("third", "y", now_ms=40 * MINUTE_MS, expires_ms=55 * MINUTE_MS) == "new"
    assert list(nonces._used) == ["third"]


async def test_a_full_share_is_full_for_its_key_only_until_what_fills_it_has_expired() -> None:
    nonces = NonceCache(most_per_key=2)
    for nonce in ("a", "b"):
        assert await nonces.use("k", nonce, now_ms=0, expires_ms=MINUTE_MS) == "new"
    assert await nonces.use("k", "c", now_ms=0, expires_ms=MINUTE_MS) == "full"
    assert await nonces.use("k", "a", now_ms=0, expires_ms=MINUTE_MS) == "used"
    assert await nonces.use("other", "x", now_ms=0, expires_ms=MINUTE_MS) == "new"
    assert await nonces.use("k", "c", now_ms=2 * MINUTE_MS, expires_ms=3 * MINUTE_MS) == "new"


@given(st.lists(st.integers(0, 700), max_size=60), st.integers(1, 5))
async def test_no_second_has_more_calls_than_allowed(gaps: list[int], limit: int) -> None:
    quota = LocalQuota()
    now = 0
    taken: list[int] = []
    for gap in gaps:
        now += gap
        wait = await quota.take(1, "Op", limit, now_ms=now)
        recent = [at for at in taken if at > now - 1_000]
        if wait is None:
            assert len(recent) < limit
            taken.append(now)
        else:
            assert len(recent) == limit
            assert wait == recent[0] + 1_000 - now
            assert 1 <= wait <= 1_000


async def test_quotas_of_operations_and_accounts_are_their_own() -> None:
    quota = LocalQuota()
    assert await quota.take(1, "A", 1, now_ms=0) is None
    assert await quota.take(1, "A", 1, now_ms=0) == 1_000
    assert await quota.take(2, "A", 1, now_ms=0) is None
    assert [await quota.take(1, "B", 2, now_ms=0) for _ in range(3)] == [None, None, 1_000]
    assert await quota.take(1, "Closed", 0, now_ms=0) == 1_000


async def test_a_clock_that_is_set_back_locks_no_one_out() -> None:
    quota = LocalQuota()
    assert await quota.take(1, "A", 1, now_ms=10_000_000) is None
    assert await quota.take(1, "A", 1, now_ms=5_000) is None


class Finder:
    """A credential store that counts how often it is asked."""

    def __init__(self) -> None:
        self.known = {"k": principal("k")}
        self.asked = 0

    async def __call__(self, access_key_id: str) -> Principal | None:
        self.asked += 1
        return self.known.get(access_key_id)


async def test_found_principals_are_remembered_for_a_second() -> None:
    finder, clock = Finder(), FrozenClock()
    cache = Remembered(finder, clock)
    assert await cache("k") is finder.known["k"]
    clock.ms += 999
    finder.known["k"] = principal("k", active=False)
    assert await cache("k") == principal("k")
    assert finder.asked == 1
    clock.ms += 1
    assert await cache("k") is finder.known["k"]
    del finder.known["k"]
    clock.ms += 1_000
    assert await cache("k") is None


async def test_a_new_key_works_at_once() -> None:
    finder = Finder()
    cache = Remembered(finder, FrozenClock())
    assert await cache("new") is None
    finder.known["new"] = principal("new")
    assert await cache("new") is finder.known["new"]


async def test_remembered_principals_are_bounded_and_absurd_keys_not_looked_up() -> None:
    finder, clock = Finder(), FrozenClock()
    finder.known |= {name: principal(name) for name in ("a", "b", "c")}
    cache = Remembered(finder, clock, most=2)
    for name in ("a", "b", "c", "b", "c"):
        await cache(name)
    assert finder.asked == 3
    await cache("a")
    assert finder.asked == 4
    for name in ("x" * 129, "", "a b", "é", "a\n"):
        assert await cache(name) is None
    assert finder.asked == 4


async def test_a_clock_that_is_set_back_forgets() -> None:
    finder, clock = Finder(), FrozenClock()
    cache = Remembered(finder, clock)
    await cache("k")
    clock.ms -= 3_600_000
    await cache("k")
    assert finder.asked == 2

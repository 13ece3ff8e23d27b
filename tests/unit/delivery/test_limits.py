"""How long a message waits for its next attempt."""

from skyferry.delivery.limits import DeliveryLimits

LIMITS = DeliveryLimits(retry_ms=2_000)


def test_each_wait_is_twice_as_long_within_its_chance() -> None:
    for failed, longest in [(1, 2_000), (2, 4_000), (3, 8_000), (10, 1_024_000)]:
        waits = {LIMITS.wait_ms(failed) for _ in range(50)}
        assert longest // 2 <= min(waits)
        assert max(waits) <= longest
        assert len(waits) > 10, "messages that failed together must not come back together"


def test_no_wait_is_longer_than_an_hour() -> None:
    assert all(1_800_000 <= LIMITS.wait_ms(failed) <= 3_600_000 for failed in (12, 20, 1_000))

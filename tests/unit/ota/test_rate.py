"""MaximumPerMinute: no window of 60 seconds sees more than the number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.ota.rate import allowance

NOW = 1_795_000_000_000


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
@given(
    st.integers(min_value=10, max_value=10_000),
    st.lists(st.integers(min_value=1, max_value=4_000), min_size=1, max_size=400),
)
def test_no_minute_sees_more_than_the_maximum(maximum: int, pauses: list[int]) -> None:
    now, next_push_at = NOW, 0
    sent: list[tuple[int, int]] = []
    for pause in pauses:
        now += pause
        allowed = allowance(maximum, next_push_at, now)
        if allowed.count:
            next_push_at = allowed.next_push_at(allowed.count)
            sent.append((now, allowed.count))
    for start, _ in sent:
        assert sum(count for at, count in sent if start <= at < start + 60_000) <= maximum


def test_a_worker_that_looks_often_sends_almost_the_maximum() -> None:
    next_push_at, sent = 0, 0
    for now in range(NOW, NOW + 60_000, 50):
        allowed = allowance(600, next_push_at, now)
        next_push_at = allowed.next_push_at(allowed.count) if allowed.count else next_push_at
        sent += allowed.count
    assert 570 <= sent <= 600


def test_nothing_may_go_out_before_its_time() -> None:
    assert allowance(60, NOW + 1, NOW).count == 0

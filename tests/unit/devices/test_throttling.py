"""Who tries wrong credentials again and again waits, and no one else does."""

from hypothesis import given
from hypothesis import strategies as st

from skyferry.devices.throttling import LoginThrottle, ThrottleSettings

HERE, THERE = "192.0.2.1", "198.51.100.7"
DEVICE, OTHER = "dev-1&a1Product", "dev-2&a1Product"


class Time:
    now = 1_000_000

    def now_ms(self) -> int:
        return self.now


def throttle(**settings: float) -> tuple[LoginThrottle, Time]:
    time = Time()
    return LoginThrottle(time, ThrottleSettings(**settings)), time  # type: ignore[arg-type]


def fail(made: LoginThrottle, count: int, address: str = HERE, device: str = DEVICE) -> None:
    for _ in range(count):
        made.failed(address, device)


def test_some_failures_are_free() -> None:
    made, _ = throttle(free=3)
    fail(made, 3)
    assert made.allows(HERE, DEVICE)


def test_further_failures_cost_twice_the_time_each_up_to_a_limit() -> None:
    made, time = throttle(free=1, first_delay_ms=100, most_delay_ms=350)
    fail(made, 1)
    for delay in (100, 200, 350, 350):
        fail(made, 1)
        time.now += delay - 1
        assert not made.allows(HERE, DEVICE)
        time.now += 1
        assert made.allows(HERE, DEVICE)


def test_failures_are_forgotten_with_time() -> None:
    made, time = throttle(free=1, first_delay_ms=100, most_delay_ms=1_000)
    fail(made, 5)
    time.now += 10_000
    fail(made, 1)
    assert made.allows(HERE, DEVICE)


def test_a_right_log_in_forgives_what_was_before() -> None:
    made, _ = throttle(free=2)
    fail(made, 2)
    made.succeeded(HERE, DEVICE)
    fail(made, 2)
    assert made.allows(HERE, DEVICE)


def test_no_address_locks_a_device_out_elsewhere() -> None:
    made, _ = throttle(free=0, most_delay_ms=1 << 40)
    fail(made, 10_000)
    assert not made.allows(HERE, DEVICE)
    assert made.allows(THERE, DEVICE)


def test_one_device_does_not_lock_out_the_others_behind_its_address() -> None:
    made, _ = throttle(free=0, address_failures=10)
    fail(made, 9)
    assert made.allows(HERE, OTHER)


def test_an_address_has_so_many_failures_and_no_more() -> None:
    made, time = throttle(address_failures=10, address_failures_per_s=2)
    for number in range(10):
        assert made.allows(HERE, f"guess-{number}")
        fail(made, 1, device=f"guess-{number}")
    assert not made.allows(HERE, OTHER)
    assert made.allows(THERE, OTHER)
    time.now += 500
    assert made.allows(HERE, OTHER)


def test_a_device_that_logged_in_rightly_is_let_in_from_a_spent_address() -> None:
    made, _ = throttle(address_failures=3, address_failures_per_s=0)
    made.succeeded(HERE, OTHER)
    for number in range(50):
        fail(made, 1, device=f"guess-{number}")
    assert made.allows(HERE, OTHER)
    assert not made.allows(HERE, DEVICE)


def test_right_log_ins_cost_an_address_nothing() -> None:
    made, _ = throttle(address_failures=3)
    for number in range(1_000):
        made.succeeded(HERE, f"device-{number}")
    assert made.allows(HERE, DEVICE)


def test_of_ipv6_the_network_counts() -> None:
    made, _ = throttle(free=0)
    fail(made, 1, address="2001:db8:1:2::3")
    assert not made.allows("2001:db8:1:2:ffff::4", DEVICE)
    assert made.allows("2001:db8:1:3::3", DEVICE)
    fail(made, 1, address="::ffff:192.0.2.1")
    assert not made.allows(HERE, DEVICE)
    fail(made, 1, address="no address")
    assert not made.allows("no address", DEVICE)


@given(st.lists(st.tuples(st.sampled_from("fsa"), st.ip_addresses().map(str), st.text(max_size=20))))
def test_memory_is_bounded_whatever_comes(attempts: list[tuple[str, str, str]]) -> None:
    made, _ = throttle(remembered=5)
    for kind, address, device in attempts:
        {"f": made.failed, "s": made.succeeded, "a": made.allows}[kind](address, device)
        assert len(made) <= 10


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100_000)), min_size=1, max_size=60))
def test_no_one_waits_longer_than_the_longest_delay(attempts: list[tuple[bool, int]]) -> None:
    made, time = throttle(free=0, first_delay_ms=10, most_delay_ms=5_000)
    for right, pause in attempts:
        (made.succeeded if right else made.failed)(HERE, DEVICE)
        time.now += pause
    time.now += 5_000
    assert made.allows(HERE, DEVICE)

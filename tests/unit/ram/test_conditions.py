"""Conditions against the definition of each operator."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.ram.conditions import KEYS, OPERATORS, Condition, Facts, check, facts_of, parse
from skyferry.ram.errors import PolicyError

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def holds(operator: str, values: list[str], fact: str) -> bool:
    """A comparison with one fact, whatever its key is."""
    made = OPERATORS[operator.lower()]
    return Condition(made, "test:fact", tuple(made.value(value) for value in values)).holds({"test:fact": fact})


def outcome(block: object, **facts: str) -> bool:
    """A whole block; `source_ip` is `acs:sourceip` and so on."""
    known: Facts = {f"acs:{name.replace('_', '')}": value for name, value in facts.items()}
    return all(condition.holds(known) for condition in parse(block))


TEXTS = st.text("abAB*?", max_size=3)
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda fact, value: fact == value,
    "LessThan": lambda fact, value: fact < value,
    "LessThanEquals": lambda fact, value: fact <= value,
    "GreaterThan": lambda fact, value: fact > value,
    "GreaterThanEquals": lambda fact, value: fact >= value,
}


class TestOperators:
    @given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
    def test_texts(self, values: list[str], fact: str) -> None:
        assert holds("StringEquals", values, fact) is (fact in values)
        folded = [value.lower() for value in values]
        assert holds("StringEqualsIgnoreCase", values, fact) is (fact.lower() in folded)

    @given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS.map(lambda text: text.replace("*", "").replace("?", "")))
    def test_wildcards(self, values: list[str], fact: str) -> None:
        def covers(pattern: str, text: str) -> bool:
            if not pattern:
                return not text
            if pattern[0] == "*":
                return covers(pattern[1:], text) or (bool(text) and covers(pattern, text[1:]))
            return bool(text) and pattern[0] in {"?", text[0]} and covers(pattern[1:], text[1:])

        assert holds("StringLike", values, fact) is any(covers(value, fact) for value in values)

    @pytest.mark.parametrize("order", ORDERS)
    @given(values=st.lists(st.integers(-3, 3), min_size=1, max_size=3), fact=st.integers(-3, 3))
    def test_numbers(self, order: str, values: list[int], fact: int) -> None:
        expected = any(ORDERS[order](fact, value) for value in values)
        assert holds(f"Numeric{order}", [f"{value}.0" for value in values], str(fact)) is expected

    @pytest.mark.parametrize("order", ORDERS)
    @given(
        values=st.lists(st.tuples(st.integers(-3, 3), st.integers(-12, 14)), min_size=1, max_size=3),
        fact=st.integers(-3, 3),
    )
    def test_times_of_any_zone(self, order: str, values: list[tuple[int, int]], fact: int) -> None:
        zoned = [
            (NOON + timedelta(seconds=shift)).astimezone(timezone(timedelta(hours=hours))).isoformat()
            for shift, hours in values
        ]
        expected = any(ORDERS[order](fact, shift) for shift, _ in values)
        assert holds(f"Date{order}", zoned, (NOON + timedelta(seconds=fact)).isoformat()) is expected

    @given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 32))
    def test_ipv4_networks(self, address: int, network: int, length: int) -> None:
        shift = 32 - length
        written = f"{ip_address(network)}/{length}"
        assert holds("IpAddress", [written], str(ip_address(address))) is (address >> shift == network >> shift)
        assert holds("IpAddress", [written], f"::ffff:{ip_address(address)}") is (address >> shift == network >> shift)

    @given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.integers(0, 128))
    def test_ipv6_networks(self, address: int, network: int, length: int) -> None:
        shift = 128 - length
        fact, written = IPv6Address(address), IPv6Address(network)
        if fact.ipv4_mapped is None:
            assert holds("IpAddress", [f"{written}/{length}"], str(fact)) is (address >> shift == network >> shift)

    @pytest.mark.parametrize(
        ("values", "fact", "expected"),
        [
            (["203.0.113.7"], "203.0.113.7", True),
            (["203.0.113.7"], "203.0.113.8", False),
            (["10.0.0.0/8", "203.0.113.9/24"], "203.0.113.1", True),
            (["0.0.0.0/0"], "::1", False),
            (["2001:db8::/32"], "2001:db8:1::5", True),
            (["2001:db8::/32"], "fe80::1%eth0", False),
        ],
    )
    def test_addresses(self, values: list[str], fact: str, expected: bool) -> None:
        assert holds("IpAddress", values, fact) is expected
        assert holds("NotIpAddress", values, fact) is not expected

    @pytest.mark.parametrize(("value", "fact", "expected"), [("True", "true", True), ("false", "true", False)])
    def test_truths(self, value: str, fact: str, expected: bool) -> None:
        assert holds("Bool", [value], fact) is expected

    @pytest.mark.parametrize(
        ("positive", "negative"),
        [
            ("StringEquals", "StringNotEquals"),
            ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
            ("StringLike", "StringNotLike"),
            ("NumericEquals", "NumericNotEquals"),
        ],
    )
    @given(st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=3), st.sampled_from(["1", "2", "x"]))
    def test_a_negated_operator_holds_when_no_value_fits(
        self, positive: str, negative: str, values: list[str], fact: str
    ) -> None:
        assert holds(negative, values, fact) is not holds(positive, values, fact)

    def test_all_of_the_language_are_there(self) -> None:
        assert {operator.name for operator in OPERATORS.values()} == {
            *(f"String{name}" for name in ("Equals", "NotEquals", "Like", "NotLike")),
            *("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Bool", "IpAddress", "NotIpAddress"),
            *(f"{kind}{name}" for kind in ("Numeric", "Date") for name in (*ORDERS, "NotEquals")),
        }


class TestBlock:
    def test_any_value_of_a_key_and_all_keys_and_operators(self) -> None:
        block = {
            "IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]},
            "Bool": {"acs:SecureTransport": "true", "acs:MFAPresent": "false"},
        }
        good = {"source_ip": "192.168.3.4", "secure_transport": "true", "mfa_present": "false"}
        assert outcome(block, **good)
        for name, value in {"source_ip": "172.16.0.1", "secure_transport": "false", "mfa_present": "true"}.items():
            assert not outcome(block, **(good | {name: value}))

    @pytest.mark.parametrize(
        "block",
        [
            {"IPaddress ": {"acs:SourceIp": "10.1.2.3"}},
            {" ipADDRESS": {" ACS:sourceip ": " 10.1.2.3 "}},
            {"stringEQUALS": {"acs:sourceIP": ["10.1.2.3"]}},
        ],
    )
    def test_names_are_read_as_people_write_them(self, block: object) -> None:
        assert outcome(block, source_ip="10.1.2.3")
        assert not outcome(block, source_ip="10.1.2.4")

    @pytest.mark.parametrize("value", [True, "true", "True ", ["true"]])
    def test_truths_may_be_json(self, value: object) -> None:
        assert outcome({"Bool": {"acs:SecureTransport": value}}, secure_transport="true")

    @pytest.mark.parametrize("facts", [{}, {"source_ip": "unix socket"}])
    def test_a_fact_that_is_not_there_fits_no_value(self, facts: dict[str, str]) -> None:
        assert not outcome({"IpAddress": {"acs:SourceIp": "0.0.0.0/0"}}, **facts)
        assert outcome({"NotIpAddress": {"acs:SourceIp": "0.0.0.0/0"}}, **facts)

    @pytest.mark.parametrize(
        ("block", "sentence"),
        [
            ("x", "Condition is a JSON object"),
            ({}, "Condition is a JSON object with at least one"),
            ({"IpAddress": {}}, "IpAddress is a JSON object with at least one"),
            ({"IpAdress": {"acs:SourceIp": "::1"}}, "no condition operator IpAdress"),
            ({"Null": {"acs:SourceIp": "true"}}, "no condition operator Null"),
            ({"IpAddress": {"acs:SourceVpc": "::1"}}, "no condition key acs:SourceVpc: use acs:SourceIp, acs:Secure"),
            ({"IpAddress": {"acs:SourceIp": []}}, "no value"),
            ({"IpAddress": {"acs:SourceIp": [None]}}, "is a text"),
            ({"IpAddress": {"acs:SourceIp": "10.0.0.0/33"}}, "compares IP addresses, and 10.0.0.0/33 is not"),
            ({"DateLessThan": {"acs:CurrentTime": "2026-01-01T00:00:00"}}, "compares times"),
            ({"NumericEquals": {"acs:CurrentTime": "NaN"}}, "compares numbers"),
            ({"NumericEquals": {"acs:CurrentTime": "ten"}}, "compares numbers"),
            ({"Bool": {"acs:MFAPresent": 1}}, "compares true and false, and 1 is not"),
        ],
    )
    def test_what_cannot_be_read(self, block: object, sentence: str) -> None:
        with pytest.raises(PolicyError, match=sentence):
            parse(block)

    @pytest.mark.parametrize("key", [key.name for key in KEYS.values()])
    def test_operators_that_fit_a_key(self, key: str) -> None:
        fitting = {"acs:SourceIp": "Ip", "acs:CurrentTime": "Date"}.get(key, "Bool")
        values = {"Date": NOON.isoformat(), "Bool": "true", "Nume": "1"}
        for operator in OPERATORS.values():
            [condition] = parse({operator.name: {key: values.get(operator.name[:4], "::1")}})
            if operator.name.startswith(("String", fitting, f"Not{fitting}")):
                check(condition)
            else:
                with pytest.raises(PolicyError, match=f"{operator.name} compares .*: it does not fit {key}"):
                    check(condition)


def test_the_facts_of_a_call() -> None:
    now_ms = round(NOON.timestamp() * 1_000) + 987
    facts = facts_of(source_address="10.0.0.1", secure=True, now_ms=now_ms)
    assert set(facts) == set(KEYS)
    block = {
        "IpAddress": {"acs:SourceIp": "10.0.0.1"},
        "Bool": {"acs:SecureTransport": "true", "acs:MFAPresent": "false"},
        "DateEquals": {"acs:CurrentTime": "2026-11-23T20:00:00+08:00"},
    }
    assert all(condition.holds(facts) for condition in parse(block))
    unknown = facts_of(source_address="", secure=False, now_ms=now_ms)
    assert set(unknown) == set(KEYS) - {"acs:sourceip"}
    assert unknown["acs:securetransport"] == "false"

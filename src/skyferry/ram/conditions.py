"""Conditions of policies: what else must be true of a request (gateway reference §4.2).

A condition compares one fact of the request with the values of the policy. It holds when any of the values fits; one
of the negated operators (`StringNotEquals`, `NotIpAddress` and so on) holds when none does. A fact that the request
does not have, or that the operator cannot read, fits no value: the negated operators hold then, the others do not.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from skyferry.ram import wildcards
from skyferry.ram.errors import PolicyError

Facts = Mapping[str, str]
"""What is known of a request, by condition key in lower case."""


class Kind(Enum):
    """What an operator compares; the value completes a sentence."""

    TEXT = "texts"
    NUMBER = "numbers"
    TIME = "times"
    TRUTH = "true and false"
    ADDRESS = "IP addresses"


@dataclass(frozen=True, slots=True)
class Key:
    """A fact that conditions may ask for.

    Attributes:
        name: the spelling of the documentation.
        kind: what it holds.
    """

    name: str
    kind: Kind


KEYS: Final[Mapping[str, Key]] = {
    key.name.lower(): key
    for key in (
        Key("acs:SourceIp", Kind.ADDRESS),
        Key("acs:SecureTransport", Kind.TRUTH),
        Key("acs:CurrentTime", Kind.TIME),
        Key("acs:MFAPresent", Kind.TRUTH),
    )
}


@dataclass(frozen=True, slots=True)
class Operator:
    """How a fact is compared with a value.

    Attributes:
        name: the spelling of the documentation.
        kind: what it compares.
        fact: reads the fact; ValueError when it cannot.
        value: reads a value of the policy; ValueError when it cannot.
        test: whether the fact fits the value.
        negated: it holds when the fact fits none of the values.
    """

    name: str
    kind: Kind
    fact: Callable[[str], Any]
    value: Callable[[str], Any]
    test: Callable[[Any, Any], bool]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact and what it is compared with.

    Attributes:
        operator: how.
        key: which fact, in lower case.
        values: the values as the operator reads them.
    """

    operator: Operator
    key: str
    values: tuple[Any, ...]

    def holds(self, facts: Facts) -> bool:
        """True when the request is as the condition wants it."""
        text = facts.get(self.key)
        if text is None:
            return self.operator.negated
        try:
            fact = self.operator.fact(text)
        except ValueError:
            return self.operator.negated
        return any(self.operator.test(fact, value) for value in self.values) is not self.operator.negated


def facts_of(*, source_address: str, secure: bool, now_ms: int) -> Facts:
    """The facts of a call that is signed with an access key: there is never a second factor in it.

    Args:
        source_address: where the call comes from; empty when that is not known.
        secure: it came over TLS.
        now_ms: the time now.
    """
    facts = {
        "acs:securetransport": _TRUTHS[secure],
        "acs:currenttime": datetime.fromtimestamp(now_ms // 1_000, UTC).isoformat(),
        "acs:mfapresent": _TRUTHS[False],
    }
    return facts | ({"acs:sourceip": source_address} if source_address else {})


def parse(block: object) -> tuple[Condition, ...]:
    """Reads a Condition element; names of operators and keys in any letter case, with blanks around them or not.

    Raises:
        PolicyError: it is no condition block, or names an operator or a key that there is not.
    """
    found: list[Condition] = []
    for operator_name, comparisons in _members(block, "Condition"):
        operator = OPERATORS.get(operator_name.lower())
        if operator is None:
            raise PolicyError(f"There is no condition operator {operator_name}.")
        for key_name, values in _members(comparisons, operator.name):
            if key_name.lower() not in KEYS:
                names = ", ".join(key.name for key in KEYS.values())
                raise PolicyError(f"There is no condition key {key_name}: use {names}.")
            found.append(Condition(operator, key_name.lower(), _values(operator, values)))
    return tuple(found)


def check(condition: Condition) -> None:
    """Checks that the condition can ever be decided by the fact that it asks for.

    Raises:
        PolicyError: the operator compares something else.
    """
    operator, key = condition.operator, KEYS[condition.key]
    if operator.kind not in {Kind.TEXT, key.kind}:
        raise PolicyError(f"{operator.name} compares {operator.kind.value}: it does not fit {key.name}.")


def _members(block: object, name: str) -> list[tuple[str, object]]:
    if not isinstance(block, Mapping) or not block:
        raise PolicyError(f"{name} is a JSON object with at least one member.")
    return [(str(key).strip(), value) for key, value in block.items()]


def _values(operator: Operator, source: object) -> tuple[Any, ...]:
    values = source if isinstance(source, list) else [source]
    if not values:
        raise PolicyError(f"{operator.name} has no value to compare with.")
    return tuple(_value(operator, value) for value in values)


def _value(operator: Operator, source: object) -> Any:
    if isinstance(source, bool):
        text = _TRUTHS[source]
    elif isinstance(source, str | int | float):
        text = str(source)
    else:
        raise PolicyError(f"A value of {operator.name} is a text.")
    try:
        return operator.value(text if operator.kind is Kind.TEXT else text.strip())
    except ValueError:
        raise PolicyError(f"{operator.name} compares {operator.kind.value}, and {text} is not one of them.") from None


_TRUTHS: Final = {True: "true", False: "false"}


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS.values():
        raise ValueError(text)
    return text.lower() == _TRUTHS[True]


def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> Any:
    return ip_network(text, strict=False)


def _pattern(text: str) -> re.Pattern[str]:
    return wildcards.compiled(text, ignore_case=False)


def _like(fact: str, pattern: re.Pattern[str]) -> bool:
    return pattern.match(fact) is not None


def _within(fact: IPv4Address | IPv6Address, network: Any) -> bool:
    return fact in network


def _pair(operator: Operator, opposite: str) -> tuple[Operator, Operator]:
    return operator, replace(operator, name=opposite, negated=True)


def _ordered(prefix: str, kind: Kind, read: Callable[[str], Any]) -> tuple[Operator, ...]:
    tests = {"LessThan": lt, "LessThanEquals": le, "GreaterThan": gt, "GreaterThanEquals": ge}
    orders = (Operator(f"{prefix}{suffix}", kind, read, read, test) for suffix, test in tests.items())
    return (*_pair(Operator(f"{prefix}Equals", kind, read, read, eq), f"{prefix}NotEquals"), *orders)


_FOLD: Final = str.casefold
OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name.lower(): operator
    for operator in (
        *_pair(Operator("StringEquals", Kind.TEXT, str, str, eq), "StringNotEquals"),
        *_pair(Operator("StringEqualsIgnoreCase", Kind.TEXT, _FOLD, _FOLD, eq), "StringNotEqualsIgnoreCase"),
        *_pair(Operator("StringLike", Kind.TEXT, str, _pattern, _like), "StringNotLike"),
        *_ordered("Numeric", Kind.NUMBER, _number),
        *_ordered("Date", Kind.TIME, _time),
        Operator("Bool", Kind.TRUTH, _truth, _truth, eq),
        *_pair(Operator("IpAddress", Kind.ADDRESS, _address, _network, _within), "NotIpAddress"),
    )
}

"""Policies against a small model of their own."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.ram import conditions
from skyferry.ram.errors import PolicyError
from skyferry.ram.policies import (
    AccessRequest,
    Decision,
    Effect,
    Statement,
    check,
    decide,
    effective,
    matches,
    parse,
    resource_of,
)

UID = "1000000000000001"
ALLOW_ALL = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


def statement(**changes: Any) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*", **changes}]}


def outcome(*documents: object, operation: str = "QueryDevice") -> Decision:
    return decide(effective(documents), asked(operation))


def asked(operation: str) -> AccessRequest:
    return AccessRequest(f"iot:{operation}", resource_of(UID), {"acs:securetransport": "true"})


def covers(pattern: str, text: str) -> bool:
    """Wildcards by the definition, one character at a time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return covers(pattern[1:], text) or (bool(text) and covers(pattern, text[1:]))
    return bool(text) and pattern[0].lower() in {"?", text[0].lower()} and covers(pattern[1:], text[1:])


@given(st.text("ab*?[]!", max_size=7), st.text("abAB[]!\n", max_size=7))
def test_wildcards(pattern: str, text: str) -> None:
    assert matches(pattern, text) is covers(pattern, text)


def test_many_wildcards_are_quick() -> None:
    assert not matches("*a" * 40 + "b", "a" * 500)


PATTERNS = st.sampled_from(["*", "iot:*", "iot:Query*", "iot:QueryDevice", "iot:Q?ery*", "oss:*", "iot:Create*"])
STATEMENTS = st.lists(st.tuples(st.sampled_from(Effect), st.lists(PATTERNS, min_size=1, max_size=3), st.booleans()))


@given(STATEMENTS, st.sampled_from(["QueryDevice", "QueryDeviceDetail", "CreateProduct", "Delete"]))
def test_decisions(sources: list[tuple[Effect, list[str], bool]], operation: str) -> None:
    hits = {
        effect
        for effect, patterns, condition in sources
        if condition and any(covers(pattern, f"iot:{operation}") for pattern in patterns)
    }
    if Effect.DENY in hits:
        expected = Decision.EXPLICIT_DENY
    elif Effect.ALLOW in hits:
        expected = Decision.ALLOWED
    else:
        expected = Decision.IMPLICIT_DENY
    statements = [
        Statement(effect, tuple(patterns), ("*",), conditions.parse({"Bool": {"acs:SecureTransport": condition}}))
        for effect, patterns, condition in sources
    ]
    assert decide(statements, asked(operation)) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (ALLOW_ALL, Decision.ALLOWED),
        (statement(Action=["oss:*", "iot:QueryDevice"], Resource=["acs:oss:*:*:b", "*"]), Decision.ALLOWED),
        (
            {"version": 1, "STATEMENT": {"effect ": " allow", "action": " iot:query* ", "resource": "*"}},
            Decision.ALLOWED,
        ),
        (statement(Action="iot:Create*"), Decision.IMPLICIT_DENY),
        (statement(Effect="Deny"), Decision.EXPLICIT_DENY),
        (statement(Resource=f"acs:iot:*:{UID}:*"), Decision.ALLOWED),
        (statement(Resource="acs:iot:*:*:*"), Decision.ALLOWED),
        (statement(Resource="acs:iot:*:2000000000000002:*"), Decision.IMPLICIT_DENY),
        (statement(Resource="acs:oss:*:*:*"), Decision.IMPLICIT_DENY),
        (statement(Condition={"Bool": {"acs:SecureTransport": "true"}}), Decision.ALLOWED),
        (statement(Condition={"Bool": {"acs:SecureTransport": "false"}}), Decision.IMPLICIT_DENY),
        (statement(Effect="Deny", Condition={"Bool": {"acs:SecureTransport": "false"}}), Decision.IMPLICIT_DENY),
        (statement(Effect="Deny", Condition={"Bool": {"acs:SecureTransport": "true"}}), Decision.EXPLICIT_DENY),
        (statement(Condition={}), Decision.EXPLICIT_DENY),
        (statement(Condition={"Later": {"acs:SourceIp": "::1"}}), Decision.EXPLICIT_DENY),
        ({"Version": "1"}, Decision.EXPLICIT_DENY),
        ("damaged", Decision.EXPLICIT_DENY),
    ],
)
def test_documents(document: object, expected: Decision) -> None:
    assert outcome(document) is expected


def test_deny_wins_over_any_allow() -> None:
    deny = statement(Effect="Deny", Action="iot:QueryDevice")
    assert outcome(ALLOW_ALL, deny, ALLOW_ALL) is Decision.EXPLICIT_DENY
    assert outcome(ALLOW_ALL, deny, operation="QueryDeviceDetail") is Decision.ALLOWED
    assert outcome() is Decision.IMPLICIT_DENY


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "A policy is a JSON object"),
        ({"Version": "2", "Statement": []}, '"Version": "1"'),
        ({"Version": "1", "Statement": []}, "at least one"),
        ({"Version": "1", "Statement": [1]}, "A Statement is a JSON object"),
        ({**ALLOW_ALL, "Id": "x"}, "not id"),
        ({**ALLOW_ALL, "version": "1"}, "twice"),
        (statement(NotAction="iot:*"), "not notaction"),
        (statement(Effect="Maybe"), "Allow or Deny"),
        (statement(Action=[]), "has Action"),
        (statement(Action=7), "has Action"),
        (statement(Action=["iot:*", " "]), "Action must not be empty"),
        (statement(Resource=None), "has Resource"),
        (statement(Condition={"Bool": {}}), "Bool is a JSON object with at least one member"),
        (
            statement(Condition={"IpAddress": {"acs:CurrentTime": "::1"}}),
            "IpAddress compares IP addresses: it does not",
        ),
        (statement(Resource="acs:iot:*:*:product/a1"), "no single resources"),
        (statement(Resource="acs:*:cn-shanghai:*:*"), "no single resources"),
        (statement(Resource="product"), "no single resources"),
        (statement(Action="iot:" + "x" * 6_200), "6144"),
    ],
)
def test_what_is_not_stored(document: object, sentence: str) -> None:
    with pytest.raises(PolicyError, match=sentence):
        check(document, account_uid=UID)


def test_what_is_stored() -> None:
    before = copy.deepcopy(ALLOW_ALL)
    check(ALLOW_ALL, account_uid=UID)
    check(statement(Action="oss:Get*", Resource=["acs:oss:*:*:bucket/x"]), account_uid=UID)
    check(statement(Resource=f"acs:iot:*:{UID}:*"), account_uid=UID)
    assert before == ALLOW_ALL
    assert parse(ALLOW_ALL) == (Statement(Effect.ALLOW, ("iot:*",), ("*",)),)

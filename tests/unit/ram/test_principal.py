"""Several grants: each of them must allow."""

import itertools
from dataclasses import replace

import pytest

from skyferry.ram.policies import AccessRequest, Decision, Effect, Statement
from skyferry.ram.principal import Denial, Grant, Instance, Kind, PolicyType, Principal, Role
from skyferry.ram.tokens import Session

REQUEST = AccessRequest("iot:QueryDevice", "acs:iot:*:1:*", {})
INSTANCE = Instance(1, 1, "iot-1", "pending")
STATEMENTS = {
    Decision.ALLOWED: (Statement(Effect.ALLOW, ("iot:*",), ("*",)),),
    Decision.IMPLICIT_DENY: (Statement(Effect.ALLOW, ("oss:*",), ("*",)),),
    Decision.EXPLICIT_DENY: (
        Statement(Effect.ALLOW, ("*",), ("*",)),
        Statement(Effect.DENY, ("iot:Query*",), ("*",)),
    ),
}


def principal(*decisions: Decision) -> Principal:
    kinds = (PolicyType.IDENTITY, PolicyType.SESSION)
    grants = tuple(Grant(kind, STATEMENTS[decision]) for kind, decision in zip(kinds, decisions, strict=False))
    role = Role(1, "1", "role", Grant(PolicyType.IDENTITY, ()), INSTANCE, {})
    return replace(role.during(Session("3", "session", "id", "secret", 0, None)), grants=grants)


@pytest.mark.parametrize(("identity", "session"), list(itertools.product(STATEMENTS, repeat=2)))
def test_a_call_needs_every_grant(identity: Decision, session: Decision) -> None:
    denial = principal(identity, session).denial(REQUEST)
    decisions = {identity, session}
    if decisions == {Decision.ALLOWED}:
        assert denial is None
    else:
        assert denial is not None
        worst = Decision.EXPLICIT_DENY if Decision.EXPLICIT_DENY in decisions else Decision.IMPLICIT_DENY
        culprit = PolicyType.IDENTITY if identity is worst else PolicyType.SESSION
        assert denial == Denial(culprit, worst)


def test_nothing_restricts_who_has_no_grants() -> None:
    assert principal().denial(REQUEST) is None


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, None),
        ({"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Query*", "Resource": "*"}}, None),
        ({"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:List*", "Resource": "*"}}, "ImplicitDeny"),
        ({"Version": "1"}, "ExplicitDeny"),
    ],
)
def test_the_policy_of_a_session_limits_the_role(policy: object, expected: str | None) -> None:
    role = Role(1, "1", "updater", Grant(PolicyType.IDENTITY, STATEMENTS[Decision.ALLOWED]), INSTANCE, {})
    caller = role.during(Session("3", "nightly", "STS.abc", "secret", 0, policy))
    assert (caller.kind, caller.name) == (Kind.ROLE, "updater:nightly")
    assert (caller.access_key_id, caller.secret, caller.active) == ("STS.abc", "secret", True)
    denial = caller.denial(REQUEST)
    assert (denial and denial.decision.value) == expected

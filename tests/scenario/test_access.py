"""RAM users and what their policies let them do (gateway reference §4)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scenario.support import Accounts, application
from tests.support.api import Application, GatewayError
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("accounts")


def statement(effect: str, actions: str | list[str], **condition: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {"Condition": condition} if condition else {}
    return {"Effect": effect, "Action": actions, "Resource": "*"} | conditions


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def user(accounts: Accounts, name: str, *statements: Mapping[str, Any]) -> Application:
    """A RAM user of an account of its own."""
    accounts.create(f"of-{name}")
    return application(accounts.user(f"of-{name}", name, policy(*statements)))


def may_look(caller: Application) -> bool:
    try:
        caller.call("QueryProductList", CurrentPage=1, PageSize=1)
    except GatewayError as error:
        if (error.code, error.status) != ("NoPermission", 403):
            raise
        return False
    return True


def moment(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"IpAddress": {"acs:SourceIp": ["192.0.2.1", "127.0.0.0/8"]}}, True),
        ({"IpAddress": {"acs:SourceIp": ["192.0.2.0/24", "::1"]}}, False),
        ({"NotIpAddress": {"acs:SourceIp": ["192.0.2.0/24", "127.0.0.1"]}}, False),
        ({"Bool": {"acs:SecureTransport": "true"}}, False),
        ({"Bool": {"acs:SecureTransport": "false", "acs:MFAPresent": "false"}}, True),
        ({"IPaddress ": {"ACS:sourceip": "127.0.0.1"}, "bool": {"acs:MFAPresent ": "true"}}, False),
        ({"DateLessThan": {"acs:CurrentTime": moment(1)}, "DateGreaterThan": {"acs:CurrentTime": moment(-1)}}, True),
        ({"DateGreaterThan": {"acs:CurrentTime": moment(1)}}, False),
        ({"StringLike": {"acs:SourceIp": "127.?.0.*"}}, True),
    ],
)
def test_a_user_may_do_what_is_allowed_while_all_conditions_hold(
    accounts: Accounts, request: pytest.FixtureRequest, condition: Mapping[str, Any], expected: bool
) -> None:
    name = f"conditional-{request.node.callspec.indices['condition']}"
    assert may_look(user(accounts, name, statement("Allow", "iot:*", **condition))) is expected


def test_a_deny_whose_conditions_hold_wins(accounts: Accounts) -> None:
    outside = {"NotIpAddress": {"acs:SourceIp": "192.0.2.0/24"}}
    inside = {"IpAddress": {"acs:SourceIp": "192.0.2.0/24"}}

    refused = user(accounts, "outside", statement("Allow", "iot:*"), statement("Deny", "iot:Query*", **outside))
    served = user(accounts, "inside", statement("Allow", "iot:*"), statement("Deny", "iot:Query*", **inside))

    assert not may_look(refused)
    assert may_look(served)


def test_a_policy_counts_from_the_moment_that_it_is_put(accounts: Accounts) -> None:
    caller = user(accounts, "moving", statement("Allow", "iot:Create*"))
    assert not may_look(caller)

    wider = policy(statement("Allow", "iot:*", IpAddress={"acs:SourceIp": "127.0.0.1"}))
    accounts.put_policy("of-moving", "movingPolicy", wider)

    wait_until(lambda: may_look(caller), what="the new policy")


def test_a_policy_with_an_unknown_condition_is_not_stored(accounts: Accounts) -> None:
    document = policy(statement("Deny", "iot:*", IpAdress={"acs:SourceIp": "192.0.2.0/24"}))

    sentence = accounts.refused("policy", "put", "typo", "-", given=json.dumps(document))

    assert "There is no condition operator IpAdress." in sentence

"""Temporary access keys at the gateway (gateway reference §2.2, §4.6)."""

from typing import Any

import pytest

from skyferry.keys import KeyRing
from skyferry.ram.policies import Effect, Statement
from skyferry.ram.tokens import SecurityTokens, Session
from skyferry.rpc.call import Call
from skyferry.rpc.operation import Access, Empty, RequestModel, operation
from tests.unit.rpc.support import KEY, NOW_MS, SECRET, Recorder, Reply, Server, role, serving, toy

TEMPORARY = "STS.key"
ALLOW = Statement(Effect.ALLOW, ("iot:*",), ("*",))


def session(**changes: Any) -> Session:
    fields: dict[str, Any] = {
        "role_id": "3",
        "name": "nightly",
        "access_key_id": TEMPORARY,
        "secret": SECRET,
        "expires_ms": NOW_MS + 900_000,
        "policy": None,
    }
    return Session(**(fields | changes))


async def sent(server: Server, scheme: str, token: str | None, *, key: str = TEMPORARY, action: str = "Toy") -> Reply:
    """A call with a token, in the parameters or in the headers."""
    if scheme == "v1":
        return await server.v1(action, AccessKeyId=key, SecurityToken=token)
    return await server.v3(action, parameters={"ProductKey": "a1pk"}, key=key, token=token)


SCHEMES = pytest.mark.parametrize("scheme", ["v1", "v3"])


@SCHEMES
async def test_a_session_signs_as_its_role(server: Server, scheme: str) -> None:
    server.roles["3"] = role(ALLOW)
    reply = await sent(server, scheme, server.tokens.seal(session()))
    assert reply.status == 200, reply.body
    assert server.recorder.calls[0][0].caller == "updater:nightly"


@SCHEMES
@pytest.mark.parametrize("token", [None, ""])
async def test_a_temporary_key_needs_its_token(server: Server, scheme: str, token: str | None) -> None:
    server.roles["3"] = role(ALLOW)
    reply = await sent(server, scheme, token)
    assert (reply.status, reply.code) == (400, "MissingSecurityToken")


@SCHEMES
@pytest.mark.parametrize("token", ["x", "CAIS+token/with=chars==", SecurityTokens(KeyRing(b"o" * 32)).seal(session())])
async def test_a_token_of_others_is_malformed(server: Server, scheme: str, token: str) -> None:
    server.roles["3"] = role(ALLOW)
    reply = await sent(server, scheme, token)
    assert (reply.status, reply.code) == (400, "InvalidSecurityToken.Malformed")


@SCHEMES
@pytest.mark.parametrize("key", ["STS.other", KEY])
async def test_a_token_belongs_to_one_key(server: Server, scheme: str, key: str) -> None:
    server.roles["3"] = role(ALLOW)
    reply = await sent(server, scheme, server.tokens.seal(session()), key=key)
    assert (reply.status, reply.code) == (400, "InvalidSecurityToken.MismatchWithAccessKey")


@SCHEMES
async def test_a_token_ends(server: Server, scheme: str) -> None:
    server.roles["3"] = role(ALLOW)
    token = server.tokens.seal(session())
    server.clock.ms += 899_999
    assert (await sent(server, scheme, token)).status == 200
    server.clock.ms += 1
    reply = await sent(server, scheme, token)
    assert (reply.status, reply.code) == (400, "InvalidSecurityToken.Expired")


@SCHEMES
async def test_a_token_ends_with_its_role(server: Server, scheme: str) -> None:
    reply = await sent(server, scheme, server.tokens.seal(session()))
    assert (reply.status, reply.code) == (400, "InvalidSecurityToken.Expired")


@SCHEMES
async def test_the_secret_is_the_one_in_the_token(server: Server, scheme: str) -> None:
    server.roles["3"] = role(ALLOW)
    reply = await sent(server, scheme, server.tokens.seal(session(secret="another")))
    assert (reply.status, reply.code) == (400, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("action", "policy", "denied_by"),
    [
        ("iot:Toy", None, None),
        ("iot:Toy", "iot:*", None),
        ("iot:Toy", "iot:Limited", "SessionPolicy"),
        ("iot:Limited", "iot:Toy", "AccountLevelIdentityBasedPolicy"),
        ("iot:Limited", None, "AccountLevelIdentityBasedPolicy"),
    ],
)
async def test_a_session_may_do_what_role_and_session_policy_allow(
    server: Server, action: str, policy: str | None, denied_by: str | None
) -> None:
    server.roles["3"] = role(Statement(Effect.ALLOW, (action,), ("*",)))
    statement = {"Effect": "Allow", "Action": policy, "Resource": "*"}
    document = None if policy is None else {"Version": "1", "Statement": statement}
    reply = await sent(server, "v3", server.tokens.seal(session(policy=document)))
    if denied_by is None:
        assert reply.status == 200
    else:
        assert (reply.status, reply.code) == (403, "NoPermission")
        assert reply.json["AccessDeniedDetail"] == {
            "PolicyType": denied_by,
            "NoPermissionType": "ImplicitDeny",
            "AuthAction": "iot:Toy",
            "AuthPrincipalType": "AssumedRoleUser",
            "AuthPrincipalOwnerId": "1000000000000007",
            "AuthPrincipalDisplayName": "updater:nightly",
        }


class NamedRequest(RequestModel):
    thing_arn: str


@operation(
    "Named",
    qps=1_000,
    access=Access.READ,
    versions=("2015-04-01",),
    action="sts:Named",
    resource_parameter="ThingArn",
)
async def named(call: Call[Recorder], request: NamedRequest) -> Empty:
    """Do something to one thing."""
    return Empty()


class TestDeclaredActions:
    @pytest.mark.parametrize(
        ("pattern", "arn", "status"),
        [
            ("acs:ram::1:role/a*", "acs:ram::1:role/abc", 200),
            ("acs:ram::1:role/a*", "acs:ram::1:role/b", 403),
            ("acs:ram::1:role/a*", None, 403),
            ("*", None, 400),
        ],
    )
    async def test_policies_name_what_the_operation_is_about(self, pattern: str, arn: str | None, status: int) -> None:
        async with serving([named]) as server:
            server.roles["3"] = role(Statement(Effect.ALLOW, ("sts:Named",), (pattern,)))
            token = server.tokens.seal(session())
            reply = await server.v1(
                "Named", Version="2015-04-01", AccessKeyId=TEMPORARY, SecurityToken=token, thingARN=arn
            )
            assert reply.status == status, reply.body

    @pytest.mark.parametrize(
        ("action", "version", "code"),
        [
            ("Named", "2015-04-01", None),
            ("Named", "2018-01-20", "InvalidAction.NotFound"),
            ("Toy", "2015-04-01", "InvalidAction.NotFound"),
            ("Toy", "2018-01-20", None),
            ("Toy", "2016-01-01", "InvalidVersion"),
        ],
    )
    async def test_an_operation_is_called_in_its_versions(self, action: str, version: str, code: str | None) -> None:
        async with serving([named, toy]) as server:
            reply = await server.v1(action, Version=version, ThingArn="x")
            assert (reply.code if reply.status != 200 else None) == code

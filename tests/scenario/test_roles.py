"""Roles and temporary access keys (gateway reference §4.6), through the vendor's client of its token service."""

import itertools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.ram.tokens import SecurityTokens, Session
from skyferry.store.tables import roles
from tests.clients.drivers.tea import TeaClient
from tests.scenario.support import Accounts, application
from tests.support import databases
from tests.support.api import Application, GatewayError
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server, wait_until
from tests.support.sts import StsClient

pytestmark = pytest.mark.rule("AssumeRole")

_serial = itertools.count(1)
READ_ONLY = {"Version": "1", "Statement": {"Effect": "Allow", "Action": ["iot:Query*"], "Resource": "*"}}


@pytest.fixture
def sts(server: Server) -> StsClient:
    """The root account's."""
    return StsClient(str(server.http), ROOT_KEY_ID, ROOT_SECRET)


def new_role(accounts: Accounts, name: str, policy: str = "AliyunIOTFullAccess", **options: str) -> str:
    """A role with a policy; gives its ARN."""
    arn = accounts.run("role", "create", name, *(f"--{option}={value}" for option, value in options.items())).strip()
    accounts.run("role", "attach", policy, name)
    return arn


def signed_by(server: Server, body: Any) -> Application:
    """An application that has the temporary key."""
    key = body.credentials
    return application(TeaClient(str(server.http), key.access_key_id, key.access_key_secret, key.security_token))


def look(caller: Application) -> Mapping[str, Any]:
    return caller.call("QueryProductList", CurrentPage=1, PageSize=1)


def ending_of(caller: Application) -> str | None:
    """The code with which a call is refused, or None."""
    try:
        look(caller)
    except GatewayError as error:
        return error.code
    return None


def refusal(caller: Application) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        look(caller)
    return caught.value


def test_who_assumes_a_role_signs_with_a_temporary_key(server: Server, accounts: Accounts, sts: StsClient) -> None:
    arn = new_role(accounts, "updater")

    body = sts.assume_role(arn, "nightly")
    product = signed_by(server, body).create_product("made_by_a_role")

    assert body.credentials.access_key_id.startswith("STS.")
    ends = datetime.fromisoformat(body.credentials.expiration)
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    assert body.assumed_role_user.arn == f"{arn}/nightly"
    assert re.fullmatch(r"[0-9]{18}:nightly", body.assumed_role_user.assumed_role_id)
    assert product


def test_a_temporary_key_may_do_what_its_role_and_its_policy_allow(
    server: Server, accounts: Accounts, sts: StsClient
) -> None:
    arn = new_role(accounts, "limited-updater")

    caller = signed_by(server, sts.assume_role(arn, policy=json.dumps(READ_ONLY)))

    assert look(caller)
    assert caller.refusal("CreateProduct", ProductName="not_made", NodeType=0) == "NoPermission"
    assert caller.refusal("ListOTAFirmware", CurrentPage=1, PageSize=1) == "NoPermission"


def test_a_policy_for_the_session_gives_no_right_that_the_role_has_not(
    server: Server, accounts: Accounts, sts: StsClient
) -> None:
    arn = new_role(accounts, "reader", "AliyunIOTReadOnlyAccess")
    everything = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}

    caller = signed_by(server, sts.assume_role(arn, policy=json.dumps(everything)))

    assert caller.refusal("CreateProduct", ProductName="not_made", NodeType=0) == "NoPermission"


def test_a_deleted_role_ends_its_temporary_keys(server: Server, accounts: Accounts, sts: StsClient) -> None:
    arn = new_role(accounts, "gone")
    caller = signed_by(server, sts.assume_role(arn))
    assert look(caller)

    accounts.run("role", "delete", "gone")
    new_role(accounts, "gone")

    wait_until(lambda: ending_of(caller) == "InvalidSecurityToken.Expired", what="the end of the key")


def test_an_expired_temporary_key_is_refused(server: Server, accounts: Accounts, sts: StsClient) -> None:
    """The server's clock cannot be moved: a token of a role whose sessions may be short is made by its own key."""

    new_role(accounts, "expired")
    with databases.connection(server.database) as tx:
        role_id = tx.execute(select(roles.c.role_id).where(roles.c.name == "expired")).scalar_one()
    session = Session(role_id, "late", "STS.late", "secret", round(datetime.now(UTC).timestamp() * 1_000) - 1, None)
    token = SecurityTokens(KeyRing.load_or_create(DataDir(server.data).key)).seal(session)

    error = refusal(application(TeaClient(str(server.http), "STS.late", "secret", token)))

    assert (error.code, error.status) == ("InvalidSecurityToken.Expired", 400)


def test_a_temporary_key_is_worth_nothing_without_its_own_token(
    server: Server, accounts: Accounts, sts: StsClient
) -> None:
    arn = new_role(accounts, "careful")
    one, two = (sts.assume_role(arn).credentials for _ in range(2))

    codes = [
        refusal(application(TeaClient(str(server.http), one.access_key_id, one.access_key_secret, token))).code
        for token in (None, two.security_token, "CAIS+token/with=chars==")
    ]

    assert codes == [
        "MissingSecurityToken",
        "InvalidSecurityToken.MismatchWithAccessKey",
        "InvalidSecurityToken.Malformed",
    ]


@pytest.mark.parametrize(
    ("serial", "resource", "expected"),
    [
        (1, "acs:ram::{uid}:role/night*", True),
        (2, "*", True),
        (3, "acs:ram::{uid}:role/day*", False),
        (4, None, False),
    ],
)
def test_a_user_assumes_the_roles_that_its_policies_name(
    server: Server, accounts: Accounts, serial: int, resource: str | None, expected: bool
) -> None:
    arn = new_role(accounts, f"night-{serial}")
    statements: list[dict[str, str]] = [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]
    if resource is not None:
        own = resource.format(uid=arn.split(":")[3])
        statements.append({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": own})
    accounts.user("root", f"operator-{serial}", {"Version": "1", "Statement": statements})
    printed = accounts.run("key", "create", "--user", f"operator-{serial}")
    key_id, secret = (line.partition(": ")[2] for line in printed.splitlines())
    theirs = StsClient(str(server.http), key_id, secret)

    if expected:
        assert look(signed_by(server, theirs.assume_role(arn)))
    else:
        with pytest.raises(GatewayError) as caught:
            theirs.assume_role(arn)
        assert (caught.value.code, caught.value.status) == ("NoPermission", 403)


def test_another_account_cannot_assume_a_role(server: Server, accounts: Accounts) -> None:
    arn = new_role(accounts, "private")
    printed = accounts.run("create", "burglar")
    key_id, secret = (line.partition(": ")[2] for line in printed.splitlines())

    with pytest.raises(GatewayError) as caught:
        StsClient(str(server.http), key_id, secret).assume_role(arn)

    assert (caught.value.code, caught.value.status) == ("EntityNotExist.Role", 404)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"arn": "updater"}, ("InvalidParameter.RoleArn", 400)),
        ({"arn": "acs:ram::1:role/nobody"}, ("EntityNotExist.Role", 404)),
        ({"session": "x"}, ("InvalidParameter.RoleSessionName", 400)),
        ({"duration_seconds": 899}, ("InvalidParameter.DurationSeconds", 400)),
        ({"duration_seconds": 3_601}, ("InvalidParameter.DurationSeconds", 400)),
        ({"policy": "{}"}, ("InvalidParameter.PolicyGrammar", 400)),
        ({"policy": json.dumps(READ_ONLY) + " " * 2_048}, ("InvalidParameter.PolicySize", 400)),
    ],
)
def test_what_cannot_be_a_session_is_told(
    accounts: Accounts, sts: StsClient, changes: Mapping[str, Any], refused: tuple[str, int]
) -> None:
    arn = new_role(accounts, f"strict-{next(_serial)}")

    with pytest.raises(GatewayError) as caught:
        sts.assume_role(**{"arn": arn, **changes})

    assert (caught.value.code, caught.value.status) == refused


def test_a_role_may_allow_longer_sessions(server: Server, accounts: Accounts, sts: StsClient) -> None:
    arn = new_role(accounts, "patient", seconds="43200")

    body = sts.assume_role(arn, duration_seconds=43_200)

    ends = datetime.fromisoformat(body.credentials.expiration)
    assert timedelta(hours=11, minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=12)


def test_the_command_line_gives_out_temporary_keys(accounts: Accounts) -> None:
    new_role(accounts, "handy")

    printed = accounts.run("assume-role", "handy", "--seconds", "900", "--policy", "-", given=json.dumps(READ_ONLY))
    caller = application(accounts.client(printed))

    assert look(caller)
    assert caller.refusal("CreateProduct", ProductName="not_made", NodeType=0) == "NoPermission"


def test_a_role_is_assumed_in_the_versions_of_both_services(api: Application, accounts: Accounts) -> None:
    arn = new_role(accounts, "versions")

    answer = api.call("AssumeRole", RoleArn=arn, RoleSessionName="test")

    assert answer["Credentials"]["AccessKeyId"].startswith("STS.")

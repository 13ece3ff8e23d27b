"""Roles and their sessions on a real database."""

import json

import pytest
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError, ErrorKind
from skyferry.fleet import accounts, policies, principals, roles
from skyferry.fleet.accounts import AccountError
from skyferry.fleet.roles import SessionRequest
from skyferry.keys import SecretBox
from skyferry.ram.policies import AccessRequest, Decision, resource_of
from skyferry.ram.principal import Kind
from skyferry.store import roles as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.roles import RoleRecord

NOW = 1_795_425_360_000
BOX = SecretBox(bytes(32))
DENY = {"Version": "1", "Statement": {"Effect": "Deny", "Action": "iot:Delete*", "Resource": "*"}}


@pytest.fixture
def account(tx: Connection) -> AccountRecord:
    return accounts.create_account(tx, BOX, "acme", now_ms=NOW)


@pytest.fixture
def role(tx: Connection, account: AccountRecord) -> RoleRecord:
    roles.create_role(tx, account, "updater", now_ms=NOW, longest_session=7_200)
    return roles.role_named(tx, account, "updater")


def decision(tx: Connection, role: RoleRecord, operation: str) -> Decision:
    found = principals.find_role(tx, role.role_id)
    assert found is not None
    session = roles.new_session(role, SessionRequest("test"), account_uid=found.account_uid, now_ms=NOW)
    caller = found.during(session)
    assert (caller.kind, caller.account_id, caller.name) == (Kind.ROLE, role.account_id, "updater:test")
    assert caller.default_instance.account_id == role.account_id
    denial = caller.denial(AccessRequest(f"iot:{operation}", resource_of(found.account_uid), {}))
    return Decision.ALLOWED if denial is None else denial.decision


class TestRoles:
    def test_a_new_role_may_do_nothing(self, tx: Connection, role: RoleRecord) -> None:
        assert role.role_id.isdigit()
        assert len(role.role_id) == 18
        assert decision(tx, role, "QueryDevice") is Decision.IMPLICIT_DENY

    def test_its_policies_are_its_rights(self, tx: Connection, account: AccountRecord, role: RoleRecord) -> None:
        policies.put_policy(tx, account, "no-deletes", DENY, now_ms=NOW)
        for _ in range(2):
            roles.attach_policy(tx, account, "AliyunIOTFullAccess", "updater", now_ms=NOW)
        roles.attach_policy(tx, account, "no-deletes", "updater", now_ms=NOW)
        assert decision(tx, role, "QueryDevice") is Decision.ALLOWED
        assert decision(tx, role, "DeleteDevice") is Decision.EXPLICIT_DENY
        with pytest.raises(AccountError, match="attached to 1 user"):
            policies.delete_policy(tx, account, "no-deletes")
        roles.detach_policy(tx, account, "no-deletes", "updater")
        assert decision(tx, role, "DeleteDevice") is Decision.ALLOWED
        policies.delete_policy(tx, account, "no-deletes")

    def test_users_and_roles_count_as_owners_of_a_policy(
        self, tx: Connection, account: AccountRecord, role: RoleRecord
    ) -> None:
        accounts.create_user(tx, account, "alice", now_ms=NOW)
        policies.put_policy(tx, account, "mine", DENY, now_ms=NOW)
        policies.attach_policy(tx, account, "mine", "alice", now_ms=NOW)
        roles.attach_policy(tx, account, "mine", "updater", now_ms=NOW)
        with pytest.raises(AccountError, match="attached to 2 user"):
            policies.delete_policy(tx, account, "mine")

    def test_a_role_of_the_same_name_is_another_role(
        self, tx: Connection, account: AccountRecord, role: RoleRecord
    ) -> None:
        roles.attach_policy(tx, account, "AliyunIOTFullAccess", "updater", now_ms=NOW)
        roles.delete_role(tx, account, "updater")
        assert principals.find_role(tx, role.role_id) is None
        roles.create_role(tx, account, "updater", now_ms=NOW)
        again = roles.role_named(tx, account, "updater")
        assert again.role_id != role.role_id
        assert principals.find_role(tx, role.role_id) is None
        assert decision(tx, again, "QueryDevice") is Decision.IMPLICIT_DENY

    def test_refusals(self, tx: Connection, account: AccountRecord, role: RoleRecord) -> None:
        for name in ("", "a b", "a/b", "a_b", "x" * 65):
            with pytest.raises(AccountError, match="A role's name has"):
                roles.create_role(tx, account, name, now_ms=NOW)
        for seconds in (899, 43_201):
            with pytest.raises(AccountError, match="900 to 43200 seconds"):
                roles.create_role(tx, account, "other", now_ms=NOW, longest_session=seconds)
        with pytest.raises(AccountError, match="no role named other"):
            roles.delete_role(tx, account, "other")
        with pytest.raises(AccountError, match="no role named other"):
            roles.attach_policy(tx, account, "AliyunIOTFullAccess", "other", now_ms=NOW)
        with pytest.raises(AccountError, match="no policy named nothing"):
            roles.attach_policy(tx, account, "nothing", "updater", now_ms=NOW)
        with pytest.raises(AccountError, match="no policy named nothing"):
            roles.detach_policy(tx, account, "nothing", "updater")
        policies.put_policy(tx, account, "mine", DENY, now_ms=NOW)
        with pytest.raises(AccountError, match="not attached to updater"):
            roles.detach_policy(tx, account, "mine", "updater")
        with pytest.raises(AccountError, match="named updater already"):
            roles.create_role(tx, account, "updater", now_ms=NOW)

    def test_roles_of_others_are_out_of_reach(self, tx: Connection, account: AccountRecord, role: RoleRecord) -> None:
        other = accounts.create_account(tx, BOX, "other", now_ms=NOW)
        assert statements.roles_of(tx, other.id) == []
        with pytest.raises(AccountError, match="no role named updater"):
            roles.delete_role(tx, other, "updater")
        with pytest.raises(ApiError) as caught:
            roles.role_with_arn(
                tx, account_id=other.id, account_uid=other.uid, arn=roles.arn_of(account.uid, "updater")
            )
        assert caught.value.kind is codes.STS_ROLE_NOT_FOUND


class TestArn:
    def test_a_role_is_found_by_its_arn(self, tx: Connection, account: AccountRecord, role: RoleRecord) -> None:
        arn = f"acs:ram::{account.uid}:role/updater"
        assert roles.arn_of(account.uid, "updater") == arn
        assert roles.role_with_arn(tx, account_id=account.id, account_uid=account.uid, arn=arn) == role

    @pytest.mark.parametrize(
        ("arn", "kind"),
        [
            ("", codes.STS_INVALID_ROLE_ARN),
            ("updater", codes.STS_INVALID_ROLE_ARN),
            ("acs:ram::{uid}:role/", codes.STS_INVALID_ROLE_ARN),
            ("acs:ram::{uid}:role/a b", codes.STS_INVALID_ROLE_ARN),
            ("acs:ram::{uid}:role/updater/more", codes.STS_INVALID_ROLE_ARN),
            ("acs:ram::{uid}:role/other", codes.STS_ROLE_NOT_FOUND),
            ("acs:ram::{uid}:user/updater", codes.STS_ROLE_NOT_FOUND),
            ("acs:ram::1:role/updater", codes.STS_ROLE_NOT_FOUND),
        ],
    )
    def test_what_is_no_arn_of_a_role(
        self, tx: Connection, account: AccountRecord, role: RoleRecord, arn: str, kind: ErrorKind
    ) -> None:
        with pytest.raises(ApiError) as caught:
            roles.role_with_arn(tx, account_id=account.id, account_uid=account.uid, arn=arn.format(uid=account.uid))
        assert caught.value.kind is kind


class TestSession:
    def test_a_session_has_a_key_of_its_own(self, role: RoleRecord) -> None:
        policy = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Query*", "Resource": "*"}}
        request = SessionRequest("Alice.B@c-d_e", 7_200, json.dumps(policy))
        one, two = (roles.new_session(role, request, account_uid="1", now_ms=NOW) for _ in range(2))
        assert one.access_key_id.startswith("STS.")
        assert (one.role_id, one.name, one.expires_ms) == (role.role_id, "Alice.B@c-d_e", NOW + 7_200_000)
        assert one.policy == policy
        assert one.access_key_id != two.access_key_id
        assert one.secret != two.secret

    def test_it_lasts_an_hour_unless_told(self, role: RoleRecord) -> None:
        session = roles.new_session(role, SessionRequest("ab"), account_uid="1", now_ms=NOW)
        assert (session.expires_ms, session.policy) == (NOW + 3_600_000, None)

    @pytest.mark.parametrize(
        ("request_", "kind"),
        [
            (SessionRequest("a"), codes.STS_INVALID_SESSION_NAME),
            (SessionRequest("x" * 65), codes.STS_INVALID_SESSION_NAME),
            (SessionRequest("a:b"), codes.STS_INVALID_SESSION_NAME),
            (SessionRequest("ab", 899), codes.STS_INVALID_DURATION),
            (SessionRequest("ab", 7_201), codes.STS_INVALID_DURATION),
            (SessionRequest("ab", policy="{"), codes.STS_POLICY_GRAMMAR),
            (SessionRequest("ab", policy="[" * 2_000), codes.STS_POLICY_GRAMMAR),
            (SessionRequest("ab", policy='{"Version": "1"}'), codes.STS_POLICY_GRAMMAR),
            (SessionRequest("ab", policy=" " * 2_049), codes.STS_POLICY_SIZE),
        ],
    )
    def test_what_is_refused(self, role: RoleRecord, request_: SessionRequest, kind: ErrorKind) -> None:
        with pytest.raises(ApiError) as caught:
            roles.new_session(role, request_, account_uid="1", now_ms=NOW)
        assert caught.value.kind is kind

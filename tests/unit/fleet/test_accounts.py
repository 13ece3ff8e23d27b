"""Accounts, keys, users and policies on a real database."""

import json
import re

import pytest
from sqlalchemy import Connection, select

from skyferry.fleet import accounts, policies, principals
from skyferry.fleet.accounts import AccountError
from skyferry.keys import SecretBox
from skyferry.ram.policies import AccessRequest, Decision, resource_of
from skyferry.ram.principal import Kind
from skyferry.store import accounts as statements
from skyferry.store import policies as attachments
from skyferry.store.accounts import AccountRecord
from skyferry.store.tables import access_keys, instances

NOW = 1_795_425_360_000
DENY = {"Version": "1", "Statement": {"Effect": "Deny", "Action": "iot:Delete*", "Resource": "*"}}


def decision(tx: Connection, box: SecretBox, access_key_id: str, operation: str) -> Decision:
    principal = principals.find_principal(tx, access_key_id, box)
    assert principal is not None
    denial = principal.denial(AccessRequest(f"iot:{operation}", resource_of(principal.account_uid), {}))
    return Decision.ALLOWED if denial is None else denial.decision


class TestAccount:
    def test_a_new_account_has_a_default_instance(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        assert re.fullmatch(r"1[0-9]{15}", account.uid)
        assert accounts.account_named(tx, "acme") == account
        [row] = tx.execute(select(instances)).mappings()
        assert re.fullmatch(r"iot-[a-z0-9]{16}", row["name"])
        assert re.fullmatch(r"[0-9a-f]{32}", row["object_prefix"])
        assert re.fullmatch(r"[A-Za-z0-9]{16}", row["upload_key_id"])
        assert re.fullmatch(r"[A-Za-z0-9]{30}", box.open(row["upload_key_sealed"]))
        assert (row["is_default"], row["cancel_by_device"], row["account_id"]) == (True, "pending", account.id)

    @pytest.mark.parametrize("name", ["acme", "", "a b", "-x", "x" * 65, "ü", "a\n"])
    def test_refused_names(self, tx: Connection, box: SecretBox, account: AccountRecord, name: str) -> None:
        with pytest.raises(AccountError):
            accounts.create_account(tx, box, name, now_ms=NOW)

    def test_unknown(self, tx: Connection) -> None:
        with pytest.raises(AccountError, match="no account named nobody"):
            accounts.account_named(tx, "nobody")

    def test_more_instances(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        second = accounts.create_instance(tx, box, account, now_ms=NOW)
        accounts.set_cancel_by_device(tx, account, second, "open")
        key = accounts.create_key(tx, box, account, user=None, now_ms=NOW)
        principal = principals.find_principal(tx, key.access_key_id, box)
        assert principal is not None
        assert principal.default_instance.cancel_by_device == "pending"
        assert principal.instances[second].cancel_by_device == "open"
        assert len(principal.instances) == 2

    def test_settings_of_an_instance_are_fenced(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        other = accounts.create_account(tx, box, "other", now_ms=NOW)
        [foreign] = statements.instances_of(tx, other.id)
        with pytest.raises(AccountError, match="has no instance"):
            accounts.set_cancel_by_device(tx, account, foreign.name, "open")
        with pytest.raises(AccountError, match="pending or open"):
            accounts.set_cancel_by_device(tx, other, foreign.name, "all")
        assert statements.instances_of(tx, other.id) == [foreign]

    def test_an_instance_takes_the_id_that_applications_send(
        self, tx: Connection, box: SecretBox, account: AccountRecord
    ) -> None:
        [default] = statements.instances_of(tx, account.id)
        second = accounts.create_instance(tx, box, account, now_ms=NOW)
        accounts.rename_instance(tx, account, default.name, "iot_instc_pu0123_c-v64abc")
        assert [item.name for item in statements.instances_of(tx, account.id)] == ["iot_instc_pu0123_c-v64abc", second]
        for instance, new, refused in (
            (second, "iot_instc_pu0123_c-v64abc", "another instance"),
            (default.name, "iot-1", "no instance"),
            (second, "", "1 to 64"),
            (second, "with blank", "1 to 64"),
        ):
            with pytest.raises(AccountError, match=refused), tx.begin_nested():
                accounts.rename_instance(tx, account, instance, new)


class TestKeys:
    def test_a_key_of_the_account(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        key = accounts.create_key(tx, box, account, user=None, now_ms=NOW)
        assert re.fullmatch(r"LTAI[A-Za-z0-9]{20}", key.access_key_id)
        assert re.fullmatch(r"[A-Za-z0-9]{30}", key.secret)
        assert key.secret not in repr(key)
        sealed = tx.execute(select(access_keys.c.secret_sealed)).scalar_one()
        assert key.secret.encode() not in sealed
        principal = principals.find_principal(tx, key.access_key_id, box)
        assert principal is not None
        assert key.secret not in repr(principal)
        assert (principal.secret, principal.active, principal.name, principal.grants) == (key.secret, True, "root", ())
        assert (principal.account_id, principal.account_uid) == (account.id, account.uid)

    def test_life_of_a_key(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        key = accounts.create_key(tx, box, account, user=None, now_ms=NOW).access_key_id
        for active in (False, True):
            accounts.set_key_active(tx, account, key, active=active)
            found = principals.find_principal(tx, key, box)
            assert found is not None
            assert found.active is active
        accounts.delete_key(tx, account, key)
        assert principals.find_principal(tx, key, box) is None
        with pytest.raises(AccountError):
            accounts.delete_key(tx, account, key)

    def test_keys_of_others_are_out_of_reach(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        other = accounts.create_account(tx, box, "other", now_ms=NOW)
        key = accounts.create_key(tx, box, other, user=None, now_ms=NOW).access_key_id
        with pytest.raises(AccountError):
            accounts.set_key_active(tx, account, key, active=False)
        with pytest.raises(AccountError):
            accounts.delete_key(tx, account, key)
        found = principals.find_principal(tx, key, box)
        assert found is not None
        assert found.active

    def test_a_user_takes_its_keys_along(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        accounts.create_user(tx, account, "alice", now_ms=NOW)
        policies.put_policy(tx, account, "deny", DENY, now_ms=NOW)
        policies.attach_policy(tx, account, "deny", "alice", now_ms=NOW)
        key = accounts.create_key(tx, box, account, user="alice", now_ms=NOW).access_key_id
        found = principals.find_principal(tx, key, box)
        assert found is not None
        assert (found.kind, found.name) == (Kind.USER, "alice")
        accounts.delete_user(tx, account, "alice")
        assert principals.find_principal(tx, key, box) is None
        policies.delete_policy(tx, account, "deny")

    @pytest.mark.parametrize("name", ["alice", "root", "", "a/b"])
    def test_refused_user_names(self, tx: Connection, account: AccountRecord, name: str) -> None:
        accounts.create_user(tx, account, "alice" if name == "alice" else "bob", now_ms=NOW)
        with pytest.raises(AccountError):
            accounts.create_user(tx, account, name, now_ms=NOW)

    def test_unknown_users(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        with pytest.raises(AccountError, match="no user named bob"):
            accounts.create_key(tx, box, account, user="bob", now_ms=NOW)
        with pytest.raises(AccountError, match="no user named bob"):
            accounts.delete_user(tx, account, "bob")


class TestPolicies:
    @pytest.fixture
    def key(self, tx: Connection, box: SecretBox, account: AccountRecord) -> str:
        accounts.create_user(tx, account, "alice", now_ms=NOW)
        return accounts.create_key(tx, box, account, user="alice", now_ms=NOW).access_key_id

    def test_pre_made_and_own(self, tx: Connection, box: SecretBox, account: AccountRecord, key: str) -> None:
        assert decision(tx, box, key, "QueryDevice") is Decision.IMPLICIT_DENY
        for _ in range(2):
            policies.attach_policy(tx, account, "AliyunIOTReadOnlyAccess", "alice", now_ms=NOW)
        assert decision(tx, box, key, "BatchGetDeviceState") is Decision.ALLOWED
        assert decision(tx, box, key, "GenerateOTAUploadURL") is Decision.IMPLICIT_DENY
        policies.attach_policy(tx, account, "AliyunIOTFullAccess", "alice", now_ms=NOW)
        policies.put_policy(tx, account, "no-deletes", DENY, now_ms=NOW)
        policies.attach_policy(tx, account, "no-deletes", "alice", now_ms=NOW)
        assert decision(tx, box, key, "GenerateOTAUploadURL") is Decision.ALLOWED
        assert decision(tx, box, key, "DeleteProduct") is Decision.EXPLICIT_DENY
        policies.put_policy(tx, account, "no-deletes", policies.BUILT_IN_POLICIES["AliyunIOTFullAccess"], now_ms=NOW)
        assert decision(tx, box, key, "DeleteProduct") is Decision.ALLOWED
        policies.detach_policy(tx, account, "AliyunIOTFullAccess", "alice")
        policies.detach_policy(tx, account, "no-deletes", "alice")
        assert decision(tx, box, key, "DeleteProduct") is Decision.IMPLICIT_DENY

    def test_the_row_of_a_pre_made_policy_does_not_count(
        self, tx: Connection, box: SecretBox, account: AccountRecord, key: str
    ) -> None:
        policies.attach_policy(tx, account, "AliyunIOTReadOnlyAccess", "alice", now_ms=NOW)
        wider = policies.BUILT_IN_POLICIES["AliyunIOTFullAccess"]
        assert attachments.set_policy_document(tx, account.id, "AliyunIOTReadOnlyAccess", wider)
        assert decision(tx, box, key, "DeleteProduct") is Decision.IMPLICIT_DENY

    def test_a_damaged_document_denies(self, tx: Connection, box: SecretBox, account: AccountRecord, key: str) -> None:
        policies.attach_policy(tx, account, "AliyunIOTFullAccess", "alice", now_ms=NOW)
        policies.put_policy(tx, account, "mine", DENY, now_ms=NOW)
        policies.attach_policy(tx, account, "mine", "alice", now_ms=NOW)
        assert attachments.set_policy_document(tx, account.id, "mine", {"Version": "1"})
        assert decision(tx, box, key, "QueryDevice") is Decision.EXPLICIT_DENY

    def test_an_attached_policy_stays(self, tx: Connection, account: AccountRecord, key: str) -> None:
        policies.put_policy(tx, account, "mine", DENY, now_ms=NOW)
        policies.attach_policy(tx, account, "mine", "alice", now_ms=NOW)
        with pytest.raises(AccountError, match="attached to 1 user"):
            policies.delete_policy(tx, account, "mine")
        policies.detach_policy(tx, account, "mine", "alice")
        with pytest.raises(AccountError, match="not attached"):
            policies.detach_policy(tx, account, "mine", "alice")
        policies.delete_policy(tx, account, "mine")
        with pytest.raises(AccountError, match="no policy named mine"):
            policies.delete_policy(tx, account, "mine")

    def test_refusals(self, tx: Connection, account: AccountRecord, key: str) -> None:
        with pytest.raises(AccountError, match="pre-made"):
            policies.put_policy(tx, account, "AliyunIOTFullAccess", DENY, now_ms=NOW)
        with pytest.raises(AccountError, match="pre-made"):
            policies.delete_policy(tx, account, "AliyunIOTFullAccess")
        with pytest.raises(AccountError, match="name has"):
            policies.put_policy(tx, account, "a b", DENY, now_ms=NOW)
        conditional = {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Condition": {}}
        document = {"Version": "1", "Statement": conditional}
        with pytest.raises(AccountError, match="Condition is a JSON object"):
            policies.put_policy(tx, account, "p", document, now_ms=NOW)
        with pytest.raises(AccountError, match="no policy named p"):
            policies.attach_policy(tx, account, "p", "alice", now_ms=NOW)
        with pytest.raises(AccountError, match="no user named bob"):
            policies.attach_policy(tx, account, "AliyunIOTFullAccess", "bob", now_ms=NOW)

    def test_policies_of_others_are_out_of_reach(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        other = accounts.create_account(tx, box, "other", now_ms=NOW)
        accounts.create_user(tx, other, "eve", now_ms=NOW)
        policies.put_policy(tx, account, "mine", DENY, now_ms=NOW)
        with pytest.raises(AccountError, match="no policy named mine"):
            policies.attach_policy(tx, other, "mine", "eve", now_ms=NOW)
        with pytest.raises(AccountError, match="no user named eve"):
            policies.attach_policy(tx, account, "mine", "eve", now_ms=NOW)


class TestRoot:
    def secret_of(self, tx: Connection, box: SecretBox, key_id: str) -> str | None:
        found = principals.find_principal(tx, key_id, box)
        return found.secret if found is not None and found.active and found.kind is Kind.ACCOUNT else None

    def test_the_first_start_makes_a_key_and_shows_it_once(self, tx: Connection, box: SecretBox) -> None:
        key = accounts.ensure_root(tx, box, key_id=None, secret=None, now_ms=NOW)
        assert key is not None
        assert accounts.ensure_root(tx, box, key_id=None, secret=None, now_ms=NOW) is None
        assert self.secret_of(tx, box, key.access_key_id) == key.secret
        assert [account.name for account in statements.all_accounts(tx)] == ["root"]
        assert len(tx.execute(select(access_keys)).all()) == 1

    def test_a_given_key_becomes_valid(self, tx: Connection, box: SecretBox) -> None:
        first = accounts.ensure_root(tx, box, key_id="testid", secret="one", now_ms=NOW)
        assert first == accounts.NewKey("testid", "one")
        assert accounts.ensure_root(tx, box, key_id="testid", secret="two", now_ms=NOW) is None
        assert self.secret_of(tx, box, "testid") == "two"
        accounts.ensure_root(tx, box, key_id="other", secret="three", now_ms=NOW)
        assert self.secret_of(tx, box, "testid") == "two"
        assert self.secret_of(tx, box, "other") == "three"
        root = accounts.account_named(tx, "root")
        accounts.set_key_active(tx, root, "other", active=False)
        assert self.secret_of(tx, box, "other") is None
        accounts.ensure_root(tx, box, key_id="other", secret="three", now_ms=NOW)
        assert self.secret_of(tx, box, "other") == "three"

    def test_a_key_that_is_there_is_not_written_again(self, tx: Connection, box: SecretBox) -> None:
        accounts.ensure_root(tx, box, key_id="testid", secret="one", now_ms=NOW)
        before = tx.execute(select(access_keys)).all()
        accounts.ensure_root(tx, box, key_id="testid", secret="one", now_ms=NOW)
        assert tx.execute(select(access_keys)).all() == before

    @pytest.mark.parametrize(("key_id", "secret"), [("a", None), (None, "b"), ("a", ""), ("a b", "c")])
    def test_half_a_key(self, tx: Connection, box: SecretBox, key_id: str | None, secret: str | None) -> None:
        with pytest.raises(AccountError):
            accounts.ensure_root(tx, box, key_id=key_id, secret=secret, now_ms=NOW)

    def test_a_key_of_someone_else(self, tx: Connection, box: SecretBox, account: AccountRecord) -> None:
        theirs = accounts.create_key(tx, box, account, user=None, now_ms=NOW).access_key_id
        with pytest.raises(AccountError, match="someone else"):
            accounts.ensure_root(tx, box, key_id=theirs, secret="x", now_ms=NOW)


def test_pre_made_policies_are_documents() -> None:
    assert json.loads(json.dumps(policies.BUILT_IN_POLICIES)) == policies.BUILT_IN_POLICIES

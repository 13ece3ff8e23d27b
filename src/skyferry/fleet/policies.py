"""Policies of an account, and who has them: RAM users and roles (gateway reference §4)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from skyferry.fleet.accounts import AccountError, check_name, user_named
from skyferry.ram import policies
from skyferry.ram.errors import PolicyError
from skyferry.ram.policies import Statement
from skyferry.store import policies as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.policies import PolicyRecord

_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,128}")


def _policy(*actions: str) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


BUILT_IN_POLICIES: Final[Mapping[str, dict[str, Any]]] = {
    "AliyunIOTFullAccess": _policy("iot:*"),
    "AliyunIOTReadOnlyAccess": _policy("iot:Query*", "iot:List*", "iot:Get*", "iot:BatchGet*", "iot:Check*"),
}
"""The pre-made policies (gateway reference §4.1). Every account has them; none can change them.

An attachment needs a row, which is made by the first one; the document that counts is the one here.
"""


def check_policy_name(name: str) -> None:
    """Checks the form of a policy's name.

    Raises:
        AccountError: it has another one.
    """
    check_name(name, _NAME, "A policy's name has 1 to 128 of A-Z a-z 0-9 -")


def put_policy(tx: Connection, account: AccountRecord, name: str, document: object, *, now_ms: int) -> None:
    """Stores a policy, or replaces the document of the one that has the name.

    Raises:
        AccountError: the name is malformed or belongs to a pre-made policy, or the document cannot take effect as it
            is written.
    """
    check_policy_name(name)
    _check_own(name)
    try:
        policies.check(document, account_uid=account.uid)
    except PolicyError as problem:
        raise AccountError(str(problem)) from None
    if not statements.set_policy_document(tx, account.id, name, document):
        statements.insert_policy(tx, account_id=account.id, name=name, document=document, created_at=now_ms)


def delete_policy(tx: Connection, account: AccountRecord, name: str) -> None:
    """Removes a policy that is attached to no one, so that a forgotten Deny does not vanish unseen.

    Raises:
        AccountError: there is none of this name, it is attached, or it is pre-made.
    """
    _check_own(name)
    policy = policy_named(tx, account, name)
    if count := statements.attachment_count(tx, policy.id):
        raise AccountError(f"The policy {name} is attached to {count} user(s) or role(s). Detach it first.")
    statements.delete_policy(tx, account.id, name)


def attach_policy(tx: Connection, account: AccountRecord, name: str, user: str, *, now_ms: int) -> None:
    """Attaches a policy to a RAM user; attaching it again changes nothing.

    Raises:
        AccountError: there is no such policy or user.
    """
    owner = user_named(tx, account, user)
    statements.attach_to_user(tx, attachable(tx, account, name, now_ms=now_ms), owner.id)


def detach_policy(tx: Connection, account: AccountRecord, name: str, user: str) -> None:
    """Detaches a policy from a RAM user.

    Raises:
        AccountError: there is no such policy or user, or it is not attached.
    """
    owner = user_named(tx, account, user)
    policy = policy_named(tx, account, name)
    if not statements.detach_from_user(tx, policy.id, owner.id):
        raise AccountError(f"The policy {name} is not attached to {user}.")


def attachable(tx: Connection, account: AccountRecord, name: str, *, now_ms: int) -> int:
    """The key of a policy, for an attachment. A pre-made one gets its row now.

    Raises:
        AccountError: there is none of this name.
    """
    policy = statements.policy_named(tx, account.id, name)
    if policy is not None:
        return policy.id
    if name not in BUILT_IN_POLICIES:
        raise _no_policy(account, name)
    document = BUILT_IN_POLICIES[name]
    return statements.insert_policy(tx, account_id=account.id, name=name, document=document, created_at=now_ms)


def policy_named(tx: Connection, account: AccountRecord, name: str) -> PolicyRecord:
    """The account's policy of this name.

    Raises:
        AccountError: there is none.
    """
    policy = statements.policy_named(tx, account.id, name)
    if policy is None:
        raise _no_policy(account, name)
    return policy


def statements_of(attached: Iterable[PolicyRecord]) -> tuple[Statement, ...]:
    """What the policies say together; a pre-made one its own document, whatever its row has."""
    return policies.effective(BUILT_IN_POLICIES.get(policy.name, policy.document) for policy in attached)


def _no_policy(account: AccountRecord, name: str) -> AccountError:
    return AccountError(f"The account {account.name} has no policy named {name}.")


def _check_own(name: str) -> None:
    if name in BUILT_IN_POLICIES:
        raise AccountError(f"{name} is a pre-made policy and cannot be changed.")

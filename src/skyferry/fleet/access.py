"""Users, access keys, passwords and policies of an account as the API changes them, with that service's error codes.

`accounts`, `policies` and `people` do the work; here is what may not be done, and the code that says so.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import ram_codes as codes
from skyferry.errors import ApiError, ErrorKind
from skyferry.fleet import accounts, people, policies
from skyferry.fleet.accounts import AccountError, NewKey
from skyferry.fleet.policies import BUILT_IN_POLICIES
from skyferry.keys import SecretBox
from skyferry.store import accounts as statements
from skyferry.store import people as people_statements
from skyferry.store import policies as policy_statements
from skyferry.store.accounts import AccountRecord, KeyRecord, UserRecord
from skyferry.store.people import PasswordRecord
from skyferry.store.policies import PolicyRecord

SYSTEM: Final = "System"
CUSTOM: Final = "Custom"
LONGEST_DOCUMENT: Final = 6_144


def account(tx: Connection, account_id: int) -> AccountRecord:
    """The caller's account."""
    found = statements.account_by_id(tx, account_id)
    assert found is not None, "the caller has just signed in to it"
    return found


def user(tx: Connection, account_id: int, name: str) -> UserRecord:
    """A user.

    Raises:
        ApiError: there is none of this name.
    """
    found = statements.user_named(tx, account_id, name)
    if found is None:
        raise ApiError(codes.USER_NOT_FOUND, f"The account has no user named {name}.")
    return found


def create_user(tx: Connection, account_id: int, name: str, *, now: int) -> UserRecord:
    """Makes a user, who may do nothing yet.

    Raises:
        ApiError: the name is malformed or taken.
    """
    if statements.user_named(tx, account_id, name) is not None:
        raise ApiError(codes.USER_EXISTS, f"The account has a user named {name} already.")
    with _refused_as(codes.INVALID_USER_NAME):
        accounts.create_user(tx, account(tx, account_id), name, now_ms=now)
    return user(tx, account_id, name)


def delete_user(tx: Connection, account_id: int, name: str) -> None:
    """Removes a user who has nothing any more.

    Raises:
        ApiError: there is none of this name, or they have access keys, policies or a password.
    """
    found = user(tx, account_id, name)
    if statements.keys_of_owner(tx, account_id, found.id):
        raise ApiError(codes.USER_HAS_KEYS)
    if policy_statements.policies_of_user(tx, found.id):
        raise ApiError(codes.USER_HAS_POLICIES)
    if _password(tx, account_id, name) is not None:
        raise ApiError(codes.USER_HAS_LOGIN_PROFILE)
    accounts.delete_user(tx, account(tx, account_id), name)


def keys(tx: Connection, account_id: int, name: str | None) -> Sequence[KeyRecord]:
    """The access keys of a user, or of the account itself when no name is given.

    Raises:
        ApiError: there is no such user.
    """
    return statements.keys_of_owner(tx, account_id, None if name is None else user(tx, account_id, name).id)


def create_key(tx: Connection, account_id: int, name: str | None, *, box: SecretBox, now: int) -> NewKey:
    """Makes an access key for a user, or for the account itself when no name is given.

    Raises:
        ApiError: there is no such user.
    """
    if name is not None:
        user(tx, account_id, name)
    return accounts.create_key(tx, box, account(tx, account_id), user=name, now_ms=now)


def set_key_active(tx: Connection, account_id: int, name: str | None, access_key_id: str, *, active: bool) -> None:
    """Activates or deactivates an access key of this owner.

    Raises:
        ApiError: there is no such user or key.
    """
    _check_key(tx, account_id, name, access_key_id)
    accounts.set_key_active(tx, account(tx, account_id), access_key_id, active=active)


def delete_key(tx: Connection, account_id: int, name: str | None, access_key_id: str) -> None:
    """Removes an access key of this owner.

    Raises:
        ApiError: there is no such user or key.
    """
    _check_key(tx, account_id, name, access_key_id)
    accounts.delete_key(tx, account(tx, account_id), access_key_id)


def _check_key(tx: Connection, account_id: int, name: str | None, access_key_id: str) -> None:
    if access_key_id not in {key.access_key_id for key in keys(tx, account_id, name)}:
        raise ApiError(codes.KEY_NOT_FOUND)


def login_profile(tx: Connection, account_id: int, name: str) -> PasswordRecord:
    """What lets a user sign in to the console.

    Raises:
        ApiError: there is no such user, or nothing lets them.
    """
    user(tx, account_id, name)
    found = _password(tx, account_id, name)
    if found is None:
        raise ApiError(codes.LOGIN_PROFILE_NOT_FOUND)
    return found


def password_digest(password: str) -> str:
    """What is kept of a password; it takes a while, see `people.hash_password`.

    Raises:
        ApiError: the password is too short or too long.
    """
    with _refused_as(codes.WEAK_PASSWORD):
        return people.hash_password(password)


def create_login_profile(tx: Connection, account_id: int, name: str, digest: str, *, now: int) -> None:
    """Lets a user sign in to the console.

    Raises:
        ApiError: there is no such user, or they can already.
    """
    user(tx, account_id, name)
    if _password(tx, account_id, name) is not None:
        raise ApiError(codes.LOGIN_PROFILE_EXISTS)
    people.set_password(tx, account(tx, account_id), name, digest, now=now)


def delete_login_profile(tx: Connection, account_id: int, name: str) -> None:
    """Lets a user sign in to the console no more, and signs them out.

    Raises:
        ApiError: there is no such user, or they could not before.
    """
    people_statements.delete_password(tx, login_profile(tx, account_id, name).id)


def _password(tx: Connection, account_id: int, name: str) -> PasswordRecord | None:
    return people_statements.password_of(tx, account(tx, account_id).name, name)


def type_of(name: str) -> str:
    """The type of the policy of this name: pre-made ones are those of the system."""
    return SYSTEM if name in BUILT_IN_POLICIES else CUSTOM


def document_of(tx: Connection, account_id: int, name: str, policy_type: str) -> tuple[Any, PolicyRecord | None]:
    """The document of a policy, and its row when it has one.

    Raises:
        ApiError: there is none of this name and type.
    """
    check_type(policy_type)
    record = policy_statements.policy_named(tx, account_id, name)
    if policy_type != type_of(name) or (record is None and name not in BUILT_IN_POLICIES):
        raise ApiError(codes.POLICY_NOT_FOUND, f"The account has no {policy_type} policy named {name}.")
    document = BUILT_IN_POLICIES.get(name)
    return (record.document if document is None and record else document), record


def check_type(policy_type: str) -> None:
    """Checks what was given as the type of a policy.

    Raises:
        ApiError: there is no such type.
    """
    if policy_type not in {SYSTEM, CUSTOM}:
        raise ApiError(codes.INVALID_POLICY_TYPE)


def create_policy(tx: Connection, account_id: int, name: str, document: str, *, now: int) -> PolicyRecord:
    """Makes a policy.

    Raises:
        ApiError: the name is malformed or taken, or the document cannot take effect as it is written.
    """
    if name in BUILT_IN_POLICIES or policy_statements.policy_named(tx, account_id, name) is not None:
        raise ApiError(codes.POLICY_EXISTS, f"There is a policy named {name} already.")
    if len(document) > LONGEST_DOCUMENT:
        raise ApiError(codes.LONG_POLICY)
    with _refused_as(codes.INVALID_POLICY_NAME):
        policies.check_policy_name(name)
    try:
        told = json.loads(document)
    except ValueError as problem:
        raise ApiError(codes.MALFORMED_POLICY, f"PolicyDocument is not JSON: {problem}") from None
    with _refused_as(codes.MALFORMED_POLICY):
        policies.put_policy(tx, account(tx, account_id), name, told, now_ms=now)
    made = policy_statements.policy_named(tx, account_id, name)
    assert made is not None, "it was stored just now"
    return made


def delete_policy(tx: Connection, account_id: int, name: str) -> None:
    """Removes a policy that nobody has.

    Raises:
        ApiError: there is none of this name that may be removed, or somebody has it.
    """
    document_of(tx, account_id, name, CUSTOM)
    with _refused_as(codes.POLICY_IS_ATTACHED):
        policies.delete_policy(tx, account(tx, account_id), name)


def attach_policy(tx: Connection, account_id: int, name: str, policy_type: str, user_name: str, *, now: int) -> None:
    """Lets a user do what a policy says.

    Raises:
        ApiError: there is no such user or policy, or the user has it.
    """
    owner = user(tx, account_id, user_name)
    document_of(tx, account_id, name, policy_type)
    if name in {policy.name for policy in policy_statements.policies_of_user(tx, owner.id)}:
        raise ApiError(codes.ALREADY_ATTACHED)
    policies.attach_policy(tx, account(tx, account_id), name, user_name, now_ms=now)


def detach_policy(tx: Connection, account_id: int, name: str, policy_type: str, user_name: str) -> None:
    """Takes a policy from a user.

    Raises:
        ApiError: there is no such user or policy, or the user does not have it.
    """
    owner = user(tx, account_id, user_name)
    document_of(tx, account_id, name, policy_type)
    if name not in {policy.name for policy in policy_statements.policies_of_user(tx, owner.id)}:
        raise ApiError(codes.NOT_ATTACHED)
    policies.detach_policy(tx, account(tx, account_id), name, user_name)


@contextmanager
def _refused_as(kind: ErrorKind) -> Iterator[None]:
    """Gives a refusal the code of an error, and keeps its sentence."""
    try:
        yield
    except AccountError as error:
        raise ApiError(kind, str(error)) from None

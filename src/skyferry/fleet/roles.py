"""Roles: what RAM users may become for a while, and the sessions of those who do (gateway reference §4.6)."""

import json
import re
import string
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import policies
from skyferry.fleet.accounts import AccountError, check_name, random_text
from skyferry.ram import policies as language
from skyferry.ram.errors import PolicyError
from skyferry.ram.tokens import TEMPORARY_KEYS, Session
from skyferry.store import policies as attachments
from skyferry.store import roles as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.roles import RoleRecord

SHORTEST_SESSION: Final = 900
"""Seconds of the shortest session."""
DEFAULT_SESSION: Final = 3_600
"""Seconds of a session when nothing else is asked for."""
LONGEST_SESSION: Final = 43_200
"""Seconds up to which a role may let its sessions last."""

_NAME: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")
_SESSION_NAME: Final = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_MOST_POLICY_BYTES: Final = 2_048


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What someone wants who assumes a role.

    Attributes:
        name: what they call the session.
        seconds: how long it shall last.
        policy: the text of a policy that limits it, or None.
    """

    name: str
    seconds: int = DEFAULT_SESSION
    policy: str | None = None


def create_role(
    tx: Connection,
    account: AccountRecord,
    name: str,
    *,
    now_ms: int,
    description: str | None = None,
    longest_session: int = DEFAULT_SESSION,
) -> None:
    """Makes a role; those who assume it may do nothing until a policy is attached to it.

    Args:
        tx: the transaction.
        account: whose role it is.
        name: its name.
        now_ms: the time now.
        description: what it is for.
        longest_session: how long one may be it, in seconds.

    Raises:
        AccountError: the name is malformed or taken, or the time is too short or too long.
    """
    check_name(name, _NAME, "A role's name has 1 to 64 of A-Z a-z 0-9 . -")
    if not SHORTEST_SESSION <= longest_session <= LONGEST_SESSION:
        raise AccountError(f"A session of a role lasts up to {SHORTEST_SESSION} to {LONGEST_SESSION} seconds.")
    try:
        statements.insert_role(
            tx,
            account_id=account.id,
            role_id="3" + random_text(17, string.digits),
            name=name,
            description=description,
            longest_session_seconds=longest_session,
            created_at=now_ms,
        )
    except IntegrityError:
        raise AccountError(f"The account {account.name} has a role named {name} already.") from None


def delete_role(tx: Connection, account: AccountRecord, name: str) -> None:
    """Removes a role; all its sessions end with it.

    Raises:
        AccountError: there is none of this name.
    """
    if not statements.delete_role(tx, account.id, name):
        raise _no_role(account, name)


def attach_policy(tx: Connection, account: AccountRecord, name: str, role: str, *, now_ms: int) -> None:
    """Attaches a policy to a role; attaching it again changes nothing.

    Raises:
        AccountError: there is no such policy or role.
    """
    owner = role_named(tx, account, role)
    attachments.attach_to_role(tx, policies.attachable(tx, account, name, now_ms=now_ms), owner.id)


def detach_policy(tx: Connection, account: AccountRecord, name: str, role: str) -> None:
    """Detaches a policy from a role.

    Raises:
        AccountError: there is no such policy or role, or it is not attached.
    """
    owner = role_named(tx, account, role)
    policy = policies.policy_named(tx, account, name)
    if not attachments.detach_from_role(tx, policy.id, owner.id):
        raise AccountError(f"The policy {name} is not attached to {role}.")


def role_named(tx: Connection, account: AccountRecord, name: str) -> RoleRecord:
    """The account's role of this name.

    Raises:
        AccountError: there is none.
    """
    role = statements.role_named(tx, account.id, name)
    if role is None:
        raise _no_role(account, name)
    return role


def arn_of(account_uid: str, role: str) -> str:
    """The ARN of a role, by which it is assumed."""
    return f"acs:ram::{account_uid}:role/{role}"


def role_with_arn(tx: Connection, *, account_id: int, account_uid: str, arn: str) -> RoleRecord:
    """The account's role with this ARN.

    Raises:
        ApiError: it is none, or the account has no such role.
    """
    prefix, slash, name = arn.partition("/")
    if not slash or not _NAME.fullmatch(name):
        raise ApiError(codes.STS_INVALID_ROLE_ARN)
    role = statements.role_named(tx, account_id, name)
    if role is None or arn_of(account_uid, name) != f"{prefix}/{name}":
        raise ApiError(codes.STS_ROLE_NOT_FOUND)
    return role


def new_session(role: RoleRecord, request: SessionRequest, *, account_uid: str, now_ms: int) -> Session:
    """A session of the role with an access key of its own.

    Raises:
        ApiError: its name, its length or its policy is not right.
    """
    if not _SESSION_NAME.fullmatch(request.name):
        raise ApiError(codes.STS_INVALID_SESSION_NAME)
    if not SHORTEST_SESSION <= request.seconds <= role.longest_session_seconds:
        sentence = f"DurationSeconds of this role is {SHORTEST_SESSION} to {role.longest_session_seconds}."
        raise ApiError(codes.STS_INVALID_DURATION, sentence)
    return Session(
        role_id=role.role_id,
        name=request.name,
        access_key_id=TEMPORARY_KEYS + random_text(24),
        secret=random_text(44),
        expires_ms=now_ms + request.seconds * 1_000,
        policy=_session_policy(request.policy, account_uid) if request.policy else None,
    )


def _session_policy(text: str, account_uid: str) -> Any:
    if len(text.encode()) > _MOST_POLICY_BYTES:
        raise ApiError(codes.STS_POLICY_SIZE)
    try:
        document = json.loads(text)
        language.check(document, account_uid=account_uid)
    except (ValueError, RecursionError) as problem:
        reason = str(problem) if isinstance(problem, PolicyError) else "It is not JSON."
        raise ApiError(codes.STS_POLICY_GRAMMAR, f"{codes.STS_POLICY_GRAMMAR.text} {reason}") from None
    return document


def _no_role(account: AccountRecord, name: str) -> AccountError:
    return AccountError(f"The account {account.name} has no role named {name}.")

"""People who sign in to the console: an account itself, and its RAM users, with a password and, if they want, codes.

Passwords are kept as Argon2id hashes. Codes are those of RFC 6238 (30 seconds, six digits); the code of the step before
and of the next one are taken as well, each at most once.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection

from skyferry.fleet.accounts import ROOT, AccountError, random_text, user_named
from skyferry.fleet.principals import find_person
from skyferry.keys import SecretBox
from skyferry.ram.principal import Principal
from skyferry.store import accounts
from skyferry.store import people as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.people import PasswordRecord, SignedIn

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 200
_STEP_SECONDS: Final = 30
_STEPS: Final = (0, -1, 1)
_TOKEN_BYTES: Final = 32
_MOST_BROWSER: Final = 200

_hasher: Final = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Login:
    """The name that a person signs in with: `ACCOUNT`, or `USER@ACCOUNT` for a RAM user."""

    account: str
    user: str | None

    @classmethod
    def parse(cls, text: str) -> "Login":
        """Reads `ACCOUNT` or `USER@ACCOUNT`; whatever the text is, it is the login of someone or of no one."""
        user, at, account = text.strip().rpartition("@")
        return cls(account, user if at else None)


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who has signed in.

    Attributes:
        session: the session.
        principal: what they may do.
    """

    session: SignedIn
    principal: Principal = field(repr=False)

    @property
    def login(self) -> str:
        """The name that they sign in with."""
        return self.session.account if self.session.user is None else f"{self.session.user}@{self.session.account}"


def hash_password(password: str) -> str:
    """The hash that is kept of a password. It takes a good part of 100 ms and 64 MiB: not for the event loop.

    Raises:
        AccountError: the password is too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return _hasher.hash(password)


def is_password(record: PasswordRecord | None, password: str) -> bool:
    """Whether the password is right; takes as long when there is no record, so that no one learns which names exist."""
    try:
        _hasher.verify(_nobody() if record is None else record.hash, password[: LONGEST_PASSWORD + 1])
    except VerificationError:
        return False
    return record is not None


def set_password(tx: Connection, account: AccountRecord, user: str | None, digest: str, *, now: int) -> None:
    """Gives a person a password, and ends the sessions that began with another.

    Args:
        tx: the transaction.
        account: the account.
        user: one of its RAM users; None for the account itself.
        digest: what `hash_password` made.
        now: the time now, in milliseconds.

    Raises:
        AccountError: the account has no such user.
    """
    owner = None if user is None else user_named(tx, account, user).id
    statements.set_hash(tx, account.id, owner, digest, now=now)


def remove_password(tx: Connection, account: AccountRecord, user: str | None) -> None:
    """Lets a person sign in no more.

    Raises:
        AccountError: they could not before.
    """
    statements.delete_password(tx, _record_of(tx, account, user).id)


def stop_codes(tx: Connection, account: AccountRecord, user: str | None) -> None:
    """Asks a person for no codes any more.

    Raises:
        AccountError: they cannot sign in at all.
    """
    statements.set_totp(tx, _record_of(tx, account, user).id, None, None)


def _record_of(tx: Connection, account: AccountRecord, user: str | None) -> PasswordRecord:
    record = statements.password_of(tx, account.name, user)
    if record is None:
        raise AccountError(f"{user or account.name} has no password.")
    return record


def ensure_root_password(tx: Connection, given: str | None, *, now: int) -> str | None:
    """Gives the account `root` the password that the settings name, or a random one when it has none yet.

    Returns:
        The random password, to be shown once; None when nothing was made up.

    Raises:
        AccountError: the given password is too short or too long.
    """
    account = accounts.account_named(tx, ROOT)
    assert account is not None, "it is made before"
    there = statements.password_of(tx, ROOT, None)
    if given is not None:
        if there is None or not is_password(there, given):
            set_password(tx, account, None, hash_password(given), now=now)
        return None
    if there is not None:
        return None
    made = random_text(20)
    set_password(tx, account, None, hash_password(made), now=now)
    return made


def is_code(record: PasswordRecord, box: SecretBox, code: str, *, now: int) -> int | None:
    """The step whose code this is, among those that count now; None when it is none of theirs."""
    assert record.totp_sealed is not None
    totp = pyotp.TOTP(box.open(record.totp_sealed))
    return matching_step(totp, code, now=now)


def matching_step(totp: pyotp.TOTP, code: str, *, now: int) -> int | None:
    """The step (30 seconds since the epoch) whose code this is, now or next to now."""
    current = now // 1_000 // _STEP_SECONDS
    digits = "".join(code.split())
    for offset in _STEPS:
        if secrets.compare_digest(totp.generate_otp(current + offset).encode(), digits.encode()):
            return current + offset
    return None


def begin_session(
    tx: Connection, password_id: int, *, source_address: str, browser: str, lifetime_ms: int, now: int
) -> str:
    """Makes a session and returns its token for the cookie."""
    statements.delete_expired(tx, now=now)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    statements.insert_session(
        tx,
        token_hash=_token_hash(token),
        password_id=password_id,
        source_address=source_address,
        browser=browser[:_MOST_BROWSER],
        created_at=now,
        expires_at=now + lifetime_ms,
    )
    return token


def signed_in(tx: Connection, token: str, *, now: int) -> Person | None:
    """Who has the session of this token; None when it has ended or never was."""
    session = statements.signed_in(tx, _token_hash(token), now=now)
    if session is None:
        return None
    return Person(session, find_person(tx, session))


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@cache
def _nobody() -> str:
    return _hasher.hash(random_text(20))

"""Statements on people who sign in to the console: passwords and sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select, update

from skyferry.store import rows
from skyferry.store.tables import accounts, console_sessions, passwords, ram_users


@dataclass(frozen=True, slots=True)
class PasswordRecord:
    """A row of `passwords`."""

    id: int
    account_id: int
    ram_user_id: int | None
    hash: str = field(repr=False)
    totp_sealed: bytes | None = field(repr=False)
    totp_step: int | None
    changed_at: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session with the person behind it.

    Attributes:
        id: the session's key.
        password_id: the key of the person's password.
        account_id: the account's key.
        account_uid: the account's number as shown to people.
        account: the account's name.
        ram_user_id: the RAM user's key; None for the account itself.
        user: the RAM user's name; None for the account itself.
        has_totp: a code is asked for when this person signs in.
        expires_at: when the session ends, in milliseconds.
    """

    id: int
    password_id: int
    account_id: int
    account_uid: str
    account: str
    ram_user_id: int | None
    user: str | None
    has_totp: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A row of `console_sessions` without its token."""

    id: int
    source_address: str
    browser: str
    created_at: int
    expires_at: int


_PASSWORD = rows.columns(PasswordRecord, passwords)
_SESSION = rows.columns(SessionRecord, console_sessions)


def password_of(tx: Connection, account: str, user: str | None) -> PasswordRecord | None:
    """The password of an account, or of one of its RAM users, by their names."""
    statement = select(*_PASSWORD).join(accounts, accounts.c.id == passwords.c.account_id)
    if user is None:
        statement = statement.where(accounts.c.name == account, passwords.c.ram_user_id.is_(None))
    else:
        statement = statement.join(ram_users, ram_users.c.id == passwords.c.ram_user_id).where(
            accounts.c.name == account, ram_users.c.name == user
        )
    return rows.one_of(PasswordRecord, tx.execute(statement))


def password(tx: Connection, password_id: int) -> PasswordRecord | None:
    """The password of this key."""
    return rows.one_of(PasswordRecord, tx.execute(select(*_PASSWORD).where(passwords.c.id == password_id)))


def set_hash(tx: Connection, account_id: int, ram_user_id: int | None, digest: str, *, now: int) -> None:
    """Stores the hash of a person's password, in place of the one that was there."""
    same_user = passwords.c.ram_user_id.is_(None) if ram_user_id is None else passwords.c.ram_user_id == ram_user_id
    changed = tx.execute(
        update(passwords)
        .where(passwords.c.account_id == account_id, same_user)
        .values(hash=digest, changed_at=now)
        .returning(passwords.c.id)
    ).scalar_one_or_none()
    if changed is None:
        values = {"account_id": account_id, "ram_user_id": ram_user_id, "hash": digest, "changed_at": now}
        tx.execute(passwords.insert(), values)
    else:
        tx.execute(delete(console_sessions).where(console_sessions.c.password_id == changed))


def delete_password(tx: Connection, password_id: int) -> None:
    """Removes a password with its sessions."""
    tx.execute(delete(passwords).where(passwords.c.id == password_id))


def set_totp(tx: Connection, password_id: int, sealed: bytes | None, step: int | None) -> None:
    """Stores the secret that codes are made of (None: no codes are asked for), and the step of the last used code."""
    tx.execute(update(passwords).where(passwords.c.id == password_id).values(totp_sealed=sealed, totp_step=step))


def use_totp_step(tx: Connection, password_id: int, step: int) -> bool:
    """Marks a code as used; False when it, or a later one, was used before."""
    unused = passwords.c.totp_step.is_(None) | (passwords.c.totp_step < step)
    statement = update(passwords).where(passwords.c.id == password_id, unused).values(totp_step=step)
    return tx.execute(statement).rowcount == 1


def insert_session(tx: Connection, **values: object) -> None:
    """Adds a session."""
    tx.execute(console_sessions.insert(), values)


def signed_in(tx: Connection, token_hash: bytes, *, now: int) -> SignedIn | None:
    """The session of this token that has not expired, with the person behind it."""
    statement = (
        select(
            console_sessions.c.id,
            passwords.c.id,
            accounts.c.id,
            accounts.c.uid,
            accounts.c.name,
            passwords.c.ram_user_id,
            ram_users.c.name,
            passwords.c.totp_sealed.is_not(None),
            console_sessions.c.expires_at,
        )
        .select_from(console_sessions)
        .join(passwords, passwords.c.id == console_sessions.c.password_id)
        .join(accounts, accounts.c.id == passwords.c.account_id)
        .outerjoin(ram_users, ram_users.c.id == passwords.c.ram_user_id)
        .where(console_sessions.c.token_hash == token_hash, console_sessions.c.expires_at > now)
    )
    return rows.one_of(SignedIn, tx.execute(statement))


def sessions_of(tx: Connection, password_id: int, *, now: int) -> Sequence[SessionRecord]:
    """A person's sessions that have not expired, newest first."""
    statement = (
        select(*_SESSION)
        .where(console_sessions.c.password_id == password_id, console_sessions.c.expires_at > now)
        .order_by(console_sessions.c.id.desc())
    )
    return rows.all_of(SessionRecord, tx.execute(statement))


def delete_session(tx: Connection, session_id: int) -> None:
    """Ends a session."""
    tx.execute(delete(console_sessions).where(console_sessions.c.id == session_id))


def delete_sessions(tx: Connection, password_id: int) -> None:
    """Ends all of a person's sessions."""
    tx.execute(delete(console_sessions).where(console_sessions.c.password_id == password_id))


def delete_expired(tx: Connection, *, now: int) -> None:
    """Removes sessions that have expired."""
    tx.execute(delete(console_sessions).where(console_sessions.c.expires_at <= now))

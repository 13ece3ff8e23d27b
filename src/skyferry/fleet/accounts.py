"""Accounts with their instances, RAM users and access keys (gateway reference §4, §6).

Secrets are stored sealed; a key's secret is returned once, when the key is made, and is opened again only to check
signatures.
"""

import re
import secrets
import string
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from skyferry.keys import SecretBox
from skyferry.store import accounts as statements
from skyferry.store.accounts import AccountRecord, UserRecord

ROOT: Final = "root"
CANCEL_BY_DEVICE: Final = ("pending", "open")

_LOWER: Final = string.ascii_lowercase + string.digits
_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class AccountError(Exception):
    """A change that is refused; the message is a sentence for the person who asked for it."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """An access key as it is shown once.

    Attributes:
        access_key_id: the public half.
        secret: the secret half.
    """

    access_key_id: str
    secret: str = field(repr=False)


def create_account(tx: Connection, box: SecretBox, name: str, *, now_ms: int) -> AccountRecord:
    """Makes an account with its default instance.

    Raises:
        AccountError: the name is malformed or taken.
    """
    check_name(name, _NAME, "An account's name has 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit.")
    uid = "1" + random_text(15, string.digits)
    try:
        account_id = statements.insert_account(tx, uid=uid, name=name, created_at=now_ms)
    except IntegrityError:
        raise AccountError(f"There is an account named {name} already.") from None
    account = AccountRecord(account_id, uid, name, now_ms)
    create_instance(tx, box, account, is_default=True, now_ms=now_ms)
    return account


def account_named(tx: Connection, name: str) -> AccountRecord:
    """The account of this name.

    Raises:
        AccountError: there is none.
    """
    account = statements.account_named(tx, name)
    if account is None:
        raise AccountError(f"There is no account named {name}.")
    return account


def create_instance(
    tx: Connection, box: SecretBox, account: AccountRecord, *, now_ms: int, is_default: bool = False
) -> str:
    """Makes an instance of the account and returns its `IotInstanceId`."""
    name = "iot-" + random_text(16, _LOWER)
    statements.insert_instance(
        tx,
        account_id=account.id,
        name=name,
        is_default=is_default,
        object_prefix=secrets.token_hex(16),
        upload_key_id=random_text(16),
        upload_key_sealed=box.seal(random_text(30)),
        created_at=now_ms,
    )
    return name


def set_cancel_by_device(tx: Connection, account: AccountRecord, instance: str, value: str) -> None:
    """Sets which tasks CancelOTATaskByDevice may cancel in the instance (control-plane reference §12, 3).

    Raises:
        AccountError: the value is neither `pending` nor `open`, or the account has no such instance.
    """
    if value not in CANCEL_BY_DEVICE:
        raise AccountError(f"cancel_by_device is pending or open, not {value}.")
    if not statements.set_cancel_by_device(tx, account.id, instance, value):
        raise AccountError(f"The account {account.name} has no instance {instance}.")


def rename_instance(tx: Connection, account: AccountRecord, instance: str, new_id: str) -> None:
    """Gives an instance another `IotInstanceId`: applications that come from the platform send the one they had there.

    Raises:
        AccountError: the id is malformed or taken, or the account has no such instance.
    """
    check_name(new_id, _NAME, "An IotInstanceId has 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit.")
    try:
        renamed = statements.rename_instance(tx, account.id, instance, new_id)
    except IntegrityError:
        raise AccountError(f"{new_id} is another instance of the account {account.name}.") from None
    if not renamed:
        raise AccountError(f"The account {account.name} has no instance {instance}.")


def create_user(tx: Connection, account: AccountRecord, name: str, *, now_ms: int) -> None:
    """Makes a RAM user; it may do nothing until a policy is attached.

    Raises:
        AccountError: the name is malformed or taken.
    """
    check_name(name, _NAME, "A user's name has 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit.")
    if name == ROOT:
        raise AccountError("The name root stands for the account itself. Choose another one.")
    try:
        statements.insert_user(tx, account_id=account.id, name=name, created_at=now_ms)
    except IntegrityError:
        raise AccountError(f"The account {account.name} has a user named {name} already.") from None


def delete_user(tx: Connection, account: AccountRecord, name: str) -> None:
    """Removes a RAM user; its access keys end with it.

    Raises:
        AccountError: there is none of this name.
    """
    if not statements.delete_user(tx, account.id, name):
        raise _no_user(account, name)


def create_key(tx: Connection, box: SecretBox, account: AccountRecord, *, user: str | None, now_ms: int) -> NewKey:
    """Makes an access key for a RAM user, or for the account itself when `user` is None.

    Raises:
        AccountError: there is no such user.
    """
    owner = None if user is None else user_named(tx, account, user).id
    key = NewKey("LTAI" + random_text(20), random_text(30))
    _insert_key(tx, box, account, key, ram_user_id=owner, now_ms=now_ms)
    return key


def set_key_active(tx: Connection, account: AccountRecord, access_key_id: str, *, active: bool) -> None:
    """Activates or deactivates an access key.

    Raises:
        AccountError: the account has no such key.
    """
    if not statements.update_key(tx, account.id, access_key_id, active=active):
        raise AccountError(f"The account {account.name} has no access key {access_key_id}.")


def delete_key(tx: Connection, account: AccountRecord, access_key_id: str) -> None:
    """Removes an access key.

    Raises:
        AccountError: the account has no such key.
    """
    if not statements.delete_key(tx, account.id, access_key_id):
        raise AccountError(f"The account {account.name} has no access key {access_key_id}.")


def ensure_root(
    tx: Connection, box: SecretBox, *, key_id: str | None, secret: str | None, now_ms: int
) -> NewKey | None:
    """Makes the account `root` when there is none, and makes the given access key one of its own.

    Args:
        tx: the transaction.
        box: seals the secret.
        key_id: the AccessKeyId that must work afterwards; a random key is made with a new account when it is None.
        secret: its secret.
        now_ms: the time now.

    Returns:
        The access key of an account that was made now; None when the account was there.

    Raises:
        AccountError: only one half of the key is given, it is malformed, or it belongs to someone else.
    """
    given = _given_key(key_id, secret)
    account = statements.account_named(tx, ROOT)
    if account is None:
        account = create_account(tx, box, ROOT, now_ms=now_ms)
        if given is None:
            return create_key(tx, box, account, user=None, now_ms=now_ms)
        _make_valid(tx, box, account, given, now_ms)
        return given
    if given is not None:
        _make_valid(tx, box, account, given, now_ms)
    return None


def _make_valid(tx: Connection, box: SecretBox, account: AccountRecord, key: NewKey, now_ms: int) -> None:
    there = statements.key(tx, key.access_key_id)
    if there is None:
        _insert_key(tx, box, account, key, ram_user_id=None, now_ms=now_ms)
    elif there.account_id != account.id or there.ram_user_id is not None:
        raise AccountError(f"The access key {key.access_key_id} belongs to someone else than the root account.")
    elif not there.active or box.open(there.secret_sealed) != key.secret:
        statements.update_key(tx, account.id, key.access_key_id, active=True, secret_sealed=box.seal(key.secret))


def _given_key(key_id: str | None, secret: str | None) -> NewKey | None:
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        raise AccountError("Give both the AccessKeyId and its secret, or neither.")
    check_name(key_id, _KEY_ID, "An AccessKeyId has 1 to 128 of A-Z a-z 0-9 . _ -")
    return NewKey(key_id, secret)


def _insert_key(
    tx: Connection, box: SecretBox, account: AccountRecord, key: NewKey, *, ram_user_id: int | None, now_ms: int
) -> None:
    statements.insert_key(
        tx,
        access_key_id=key.access_key_id,
        account_id=account.id,
        ram_user_id=ram_user_id,
        secret_sealed=box.seal(key.secret),
        active=True,
        created_at=now_ms,
    )


def user_named(tx: Connection, account: AccountRecord, name: str) -> UserRecord:
    """The account's RAM user of this name.

    Raises:
        AccountError: there is none.
    """
    user = statements.user_named(tx, account.id, name)
    if user is None:
        raise _no_user(account, name)
    return user


def _no_user(account: AccountRecord, name: str) -> AccountError:
    return AccountError(f"The account {account.name} has no user named {name}.")


def check_name(name: str, shape: re.Pattern[str], sentence: str) -> None:
    """Checks the form of a name.

    Raises:
        AccountError: it has another one; the sentence says which it should have.
    """
    if not shape.fullmatch(name):
        raise AccountError(sentence)


def random_text(length: int, alphabet: str = _ALPHANUMERIC) -> str:
    """So many random letters and digits."""
    return "".join(secrets.choice(alphabet) for _ in range(length))

"""Statements on accounts, instances, RAM users and access keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from skyferry.store import rows
from skyferry.store.tables import access_keys, accounts, instances, ram_users


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A row of `accounts`."""

    id: int
    uid: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """A row of `instances` without its upload key."""

    id: int
    account_id: int
    name: str
    is_default: bool
    cancel_by_device: str
    created_at: int


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A row of `ram_users`."""

    id: int
    account_id: int
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A row of `access_keys`."""

    access_key_id: str
    account_id: int
    ram_user_id: int | None
    secret_sealed: bytes
    active: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """An access key with the account and the RAM user that it belongs to."""

    access_key_id: str
    secret_sealed: bytes
    active: bool
    account_id: int
    account_uid: str
    account: str
    ram_user_id: int | None
    user: str | None


_ACCOUNT = rows.columns(AccountRecord, accounts)
_INSTANCE = rows.columns(InstanceRecord, instances)
_USER = rows.columns(UserRecord, ram_users)
_KEY = rows.columns(KeyRecord, access_keys)


def insert_account(tx: Connection, **values: object) -> int:
    """Adds an account and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: name or uid is taken.
    """
    return int(tx.execute(accounts.insert().returning(accounts.c.id), values).scalar_one())


def account_named(tx: Connection, name: str) -> AccountRecord | None:
    """The account of this name."""
    return rows.one_of(AccountRecord, tx.execute(select(*_ACCOUNT).where(accounts.c.name == name)))


def account_by_id(tx: Connection, key: int) -> AccountRecord | None:
    """The account of this key."""
    return rows.one_of(AccountRecord, tx.execute(select(*_ACCOUNT).where(accounts.c.id == key)))


def all_accounts(tx: Connection) -> Sequence[AccountRecord]:
    """All accounts, oldest first."""
    return rows.all_of(AccountRecord, tx.execute(select(*_ACCOUNT).order_by(accounts.c.id)))


def insert_instance(tx: Connection, **values: object) -> int:
    """Adds an instance and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the account has an instance of this name, or a default one already.
    """
    return int(tx.execute(instances.insert().returning(instances.c.id), values).scalar_one())


def instances_of(tx: Connection, account_id: int) -> Sequence[InstanceRecord]:
    """The account's instances, oldest first."""
    statement = select(*_INSTANCE).where(instances.c.account_id == account_id).order_by(instances.c.id)
    return rows.all_of(InstanceRecord, tx.execute(statement))


def set_cancel_by_device(tx: Connection, account_id: int, name: str, value: str) -> bool:
    """Sets which tasks CancelOTATaskByDevice may cancel; False when the account has no instance of this name."""
    statement = (
        update(instances)
        .where(instances.c.account_id == account_id, instances.c.name == name)
        .values(cancel_by_device=value)
    )
    return tx.execute(statement).rowcount == 1


def rename_instance(tx: Connection, account_id: int, name: str, new_name: str) -> bool:
    """Gives an instance another name; False when the account has no instance of the former one.

    Raises:
        sqlalchemy.exc.IntegrityError: the account has an instance of the new name.
    """
    statement = (
        update(instances).where(instances.c.account_id == account_id, instances.c.name == name).values(name=new_name)
    )
    return tx.execute(statement).rowcount == 1


def insert_user(tx: Connection, **values: object) -> int:
    """Adds a RAM user and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the account has a user of this name.
    """
    return int(tx.execute(ram_users.insert().returning(ram_users.c.id), values).scalar_one())


def user_named(tx: Connection, account_id: int, name: str) -> UserRecord | None:
    """The account's RAM user of this name."""
    statement = select(*_USER).where(ram_users.c.account_id == account_id, ram_users.c.name == name)
    return rows.one_of(UserRecord, tx.execute(statement))


def users_of(tx: Connection, account_id: int) -> Sequence[UserRecord]:
    """The account's RAM users by name."""
    statement = select(*_USER).where(ram_users.c.account_id == account_id).order_by(ram_users.c.name)
    return rows.all_of(UserRecord, tx.execute(statement))


def page_of_users(tx: Connection, account_id: int, *, after: str, limit: int) -> Sequence[UserRecord]:
    """The account's first RAM users with a name above `after`, by name."""
    statement = select(*_USER).where(ram_users.c.account_id == account_id, ram_users.c.name > after)
    return rows.all_of(UserRecord, tx.execute(statement.order_by(ram_users.c.name).limit(limit)))


def delete_user(tx: Connection, account_id: int, name: str) -> bool:
    """Removes a RAM user with its access keys and attachments; False when there is none of this name."""
    statement = delete(ram_users).where(ram_users.c.account_id == account_id, ram_users.c.name == name)
    return tx.execute(statement).rowcount == 1


def insert_key(tx: Connection, **values: object) -> None:
    """Adds an access key.

    Raises:
        sqlalchemy.exc.IntegrityError: the AccessKeyId is taken.
    """
    tx.execute(access_keys.insert(), values)


def key(tx: Connection, access_key_id: str) -> KeyRecord | None:
    """The access key, whoever owns it."""
    statement = select(*_KEY).where(access_keys.c.access_key_id == access_key_id)
    return rows.one_of(KeyRecord, tx.execute(statement))


def keys_of(tx: Connection, account_id: int) -> Sequence[KeyRecord]:
    """The access keys of the account and of its RAM users, oldest first."""
    statement = (
        select(*_KEY)
        .where(access_keys.c.account_id == account_id)
        .order_by(access_keys.c.created_at, access_keys.c.access_key_id)
    )
    return rows.all_of(KeyRecord, tx.execute(statement))


def keys_of_owner(tx: Connection, account_id: int, ram_user_id: int | None) -> Sequence[KeyRecord]:
    """The access keys of a RAM user, or of the account itself, oldest first."""
    owner = access_keys.c.ram_user_id
    statement = (
        select(*_KEY)
        .where(access_keys.c.account_id == account_id, owner.is_(None) if ram_user_id is None else owner == ram_user_id)
        .order_by(access_keys.c.created_at, access_keys.c.access_key_id)
    )
    return rows.all_of(KeyRecord, tx.execute(statement))


def update_key(tx: Connection, account_id: int, access_key_id: str, **values: object) -> bool:
    """Changes columns of an access key; False when the account has no such key."""
    statement = (
        update(access_keys)
        .where(access_keys.c.account_id == account_id, access_keys.c.access_key_id == access_key_id)
        .values(**values)
    )
    return tx.execute(statement).rowcount == 1


def delete_key(tx: Connection, account_id: int, access_key_id: str) -> bool:
    """Removes an access key; False when the account has no such key."""
    statement = delete(access_keys).where(
        access_keys.c.account_id == account_id, access_keys.c.access_key_id == access_key_id
    )
    return tx.execute(statement).rowcount == 1


def key_owner(tx: Connection, access_key_id: str) -> KeyOwner | None:
    """The access key with its owner."""
    statement = (
        select(
            access_keys.c.access_key_id,
            access_keys.c.secret_sealed,
            access_keys.c.active,
            access_keys.c.account_id,
            accounts.c.uid,
            accounts.c.name,
            access_keys.c.ram_user_id,
            ram_users.c.name,
        )
        .select_from(access_keys.join(accounts).outerjoin(ram_users, ram_users.c.id == access_keys.c.ram_user_id))
        .where(access_keys.c.access_key_id == access_key_id)
    )
    return rows.one_of(KeyOwner, tx.execute(statement))

"""Who stands behind an access key or a role, with all that the gateway needs to know of them."""

from sqlalchemy import Connection

from skyferry.fleet.accounts import ROOT
from skyferry.fleet.policies import statements_of
from skyferry.keys import SecretBox
from skyferry.ram.principal import Grant, Instance, Kind, PolicyType, Principal, Role
from skyferry.store import accounts, policies, roles
from skyferry.store.people import SignedIn


def find_principal(tx: Connection, access_key_id: str, box: SecretBox) -> Principal | None:
    """The owner of an access key; None when there is no such key."""
    owner = accounts.key_owner(tx, access_key_id)
    if owner is None:
        return None
    default, instances = _instances(tx, owner.account_id)
    return Principal(
        access_key_id=access_key_id,
        secret=box.open(owner.secret_sealed),
        active=owner.active,
        account_id=owner.account_id,
        account_uid=owner.account_uid,
        kind=Kind.ACCOUNT if owner.user is None else Kind.USER,
        name=owner.user or ROOT,
        grants=_grants(tx, owner.ram_user_id),
        default_instance=default,
        instances=instances,
        operator=owner.account == ROOT,
    )


def find_person(tx: Connection, session: SignedIn) -> Principal:
    """Who has signed in to the console: they have no access key, and may do what a key of theirs could."""
    default, instances = _instances(tx, session.account_id)
    return Principal(
        access_key_id="",
        secret="",
        active=True,
        account_id=session.account_id,
        account_uid=session.account_uid,
        kind=Kind.ACCOUNT if session.user is None else Kind.USER,
        name=session.user or ROOT,
        grants=_grants(tx, session.ram_user_id),
        default_instance=default,
        instances=instances,
        operator=session.account == ROOT,
    )


def find_role(tx: Connection, role_id: str) -> Role | None:
    """The role with this `RoleId`; None when there is none any more."""
    owner = roles.role_owner(tx, role_id)
    if owner is None:
        return None
    default, instances = _instances(tx, owner.account_id)
    return Role(
        account_id=owner.account_id,
        account_uid=owner.account_uid,
        name=owner.name,
        grant=Grant(PolicyType.IDENTITY, statements_of(policies.policies_of_role(tx, owner.id))),
        default_instance=default,
        instances=instances,
    )


def _grants(tx: Connection, ram_user_id: int | None) -> tuple[Grant, ...]:
    """What must allow a call of a RAM user; nothing for the account itself."""
    if ram_user_id is None:
        return ()
    return (Grant(PolicyType.IDENTITY, statements_of(policies.policies_of_user(tx, ram_user_id))),)


def _instances(tx: Connection, account_id: int) -> tuple[Instance, dict[str, Instance]]:
    """The account's default instance, and all of them by name."""
    records = accounts.instances_of(tx, account_id)
    instances = {item.name: Instance(item.id, item.account_id, item.name, item.cancel_by_device) for item in records}
    return next(instances[item.name] for item in records if item.is_default), instances

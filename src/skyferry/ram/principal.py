"""Who signed a request: what they may do, and the instances that they may name."""

from dataclasses import dataclass, field
from enum import Enum

from skyferry.ram import policies
from skyferry.ram.policies import AccessRequest, Decision, Statement
from skyferry.ram.tokens import Session


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of one account: the fence around all data (gateway reference §6).

    Attributes:
        id: the row's key; every statement on an account's data carries it.
        account_id: the row of the account that owns the instance.
        name: the `IotInstanceId` on the wire.
        cancel_by_device: `pending` or `open`: which tasks CancelOTATaskByDevice may cancel (control-plane §12, 3).
    """

    id: int
    account_id: int
    name: str
    cancel_by_device: str


class Kind(Enum):
    """What a caller is; the value is what a denial says of it (gateway reference §4.4)."""

    ACCOUNT = "Account"
    USER = "SubUser"
    ROLE = "AssumedRoleUser"


class PolicyType(Enum):
    """Where statements come from; the value is what a denial says of it (gateway reference §4.4)."""

    IDENTITY = "AccountLevelIdentityBasedPolicy"
    SESSION = "SessionPolicy"


@dataclass(frozen=True, slots=True)
class Grant:
    """Statements that must allow a call together.

    Attributes:
        policy_type: where they come from.
        statements: they.
    """

    policy_type: PolicyType
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call is denied.

    Attributes:
        policy_type: which policies did it.
        decision: whether a Deny did it or the lack of an Allow.
    """

    policy_type: PolicyType
    decision: Decision


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of an access key.

    Attributes:
        access_key_id: the key's public half.
        secret: the key's secret half.
        active: False for a deactivated key.
        account_id: the account's row.
        account_uid: the account's number as shown to people.
        kind: the account itself, a RAM user or a role.
        name: `root`, the user's name, or the names of role and session as `role:session`.
        grants: each of them must allow a call: none for the account itself, which nothing restricts.
        default_instance: the instance of requests that name none.
        instances: the account's instances by `IotInstanceId`.
        operator: whether the account is the one that operates the server; never of a role.
    """

    access_key_id: str
    secret: str = field(repr=False)
    active: bool
    account_id: int
    account_uid: str
    kind: Kind
    name: str
    grants: tuple[Grant, ...]
    default_instance: Instance
    instances: dict[str, Instance]
    operator: bool = False

    def denial(self, request: AccessRequest) -> Denial | None:
        """Why the request is denied, a Deny before the lack of an Allow; None when all grants allow it."""
        denials = [Denial(grant.policy_type, policies.decide(grant.statements, request)) for grant in self.grants]
        for decision in (Decision.EXPLICIT_DENY, Decision.IMPLICIT_DENY):
            for denial in denials:
                if denial.decision is decision:
                    return denial
        return None


@dataclass(frozen=True, slots=True)
class Role:
    """What those may do who have assumed a role; the attributes are those of `Principal`."""

    account_id: int
    account_uid: str
    name: str
    grant: Grant
    default_instance: Instance
    instances: dict[str, Instance]

    def during(self, session: Session) -> Principal:
        """Who signs with the session's access key: the role, within what the session's policy allows."""
        grants: tuple[Grant, ...] = (self.grant,)
        if session.policy is not None:
            grants += (Grant(PolicyType.SESSION, policies.effective([session.policy])),)
        return Principal(
            access_key_id=session.access_key_id,
            secret=session.secret,
            active=True,
            account_id=self.account_id,
            account_uid=self.account_uid,
            kind=Kind.ROLE,
            name=f"{self.name}:{session.name}",
            grants=grants,
            default_instance=self.default_instance,
            instances=self.instances,
        )

"""Who signed a request, and the instances that they may name."""

from dataclasses import dataclass, field

from skyferry.ram.policies import Statement


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


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of an access key.

    Attributes:
        access_key_id: the key's public half.
        secret: the key's secret half.
        active: False for a deactivated key.
        account_id: the account's row.
        account_uid: the account's number as shown to people.
        user: the RAM user's name; None for the account itself, which no policy restricts.
        statements: the statements of all policies that are attached to the RAM user.
        default_instance: the instance of requests that name none.
        instances: the account's instances by `IotInstanceId`.
    """

    access_key_id: str
    secret: str = field(repr=False)
    active: bool
    account_id: int
    account_uid: str
    user: str | None
    statements: tuple[Statement, ...]
    default_instance: Instance
    instances: dict[str, Instance]

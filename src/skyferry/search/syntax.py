"""What can be said about devices: the tree that `skyferry.search.parsing` makes and the store turns into SQL.

Source: control-plane reference §9.3 (QueryDeviceBySQL) and the vendor's page of that operation.
"""

from dataclasses import dataclass
from enum import StrEnum


class Field(StrEnum):
    """What can be asked about a device, by its name in the language."""

    PRODUCT_KEY = "product_key"
    IOT_ID = "iot_id"
    NAME = "name"
    NICKNAME = "nickname"
    STATUS = "status"
    ACTIVE_TIME = "active_time"
    GMT_CREATE = "gmt_create"
    GMT_MODIFIED = "gmt_modified"
    GROUP_ID = "group.group_id"
    TAG_NAME = "tag.tag_name"
    TAG_VALUE = "tag.tag_value"
    MODULE_NAME = "ota_module.name"
    MODULE_VERSION = "ota_module.version"


class Operator(StrEnum):
    """How a field is compared, as it is written."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LIKE = "LIKE"
    IN = "IN"


@dataclass(frozen=True, slots=True)
class Words:
    """A text field compared with texts.

    Attributes:
        field: which field.
        operator: `=`, `!=`, `LIKE` (begins with) or `IN`.
        values: several with `IN`, otherwise one; with `LIKE` it is the beginning, without the `%`.
    """

    field: Field
    operator: Operator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time compared with another, in milliseconds since the Unix epoch."""

    field: Field
    operator: Operator
    at: int


@dataclass(frozen=True, slots=True)
class Belonging:
    """The device has a tag, or a module, of this name and with this value or version: both of the same one.

    At least one half is there.
    """

    name: Words | None
    value: Words | None


@dataclass(frozen=True, slots=True)
class Every:
    """All parts are true; there are at least two."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part is true; there are at least two."""

    parts: tuple["Condition", ...]


Condition = Words | Moment | Belonging | Every | Either


@dataclass(frozen=True, slots=True)
class Order:
    """By which time devices are sorted."""

    field: Field
    descending: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """A whole sentence of QueryDeviceBySQL.

    Attributes:
        counted: True when only the number of devices is asked for.
        fields: what is asked for of each device.
        where: which devices.
        order: in which order, the first counts most; the newest first when empty.
        offset: how many devices are passed over.
        limit: how many are answered at most.
    """

    counted: bool
    fields: frozenset[Field]
    where: Condition
    order: tuple[Order, ...]
    offset: int
    limit: int

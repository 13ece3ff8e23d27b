"""The declaration of an operation, from which dispatch, validation, quota, permission and docs follow."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from skyferry.rpc.call import Call

VERSION: Final = "2018-01-20"
"""The version of the API that is served."""

ServicesT = TypeVar("ServicesT")
RequestT = TypeVar("RequestT", bound="RequestModel")
ResponseT = TypeVar("ResponseT", bound="ResponseModel")


class RequestModel(BaseModel):
    """Parameters of an operation: Python names are the snake case of the wire's (`firmware_id` is `FirmwareId`).

    Models say types and presence only. A rule with a documented error code of its own is checked by the operation.
    The text below a field is its sentence in the reference, bounds included. Validators are built when an operation is
    first called: there are some hundred models, and a server starts without them.
    """

    model_config = ConfigDict(
        alias_generator=to_pascal, validate_by_name=True, frozen=True, extra="ignore", defer_build=True
    )


class ResponseModel(BaseModel):
    """What an operation answers besides `RequestId` and `Success`. Absent values (None) are left out on the wire.

    The text below a field is its sentence in the reference, where the name does not say it all.
    """

    model_config = ConfigDict(
        alias_generator=to_pascal, validate_by_name=True, serialize_by_alias=True, defer_build=True
    )


@dataclass(frozen=True, slots=True)
class JsonObject:
    """Marks a member of an answer, a text that is a JSON object: in XML it is an element for each of its members."""


@dataclass(frozen=True, slots=True)
class Shortened:
    """Marks a parameter that holds more than the audit trail may keep.

    Attributes:
        by: what of it is kept.
    """

    by: Callable[[str], str]


class Empty(ResponseModel):
    """The answer of an operation that has nothing to tell but its success."""


class Access(Enum):
    """What an operation does to the data: one that changes something is audited."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Operation(Generic[ServicesT]):
    """One operation of the dialect.

    Attributes:
        name: the API name, such as `CancelOTATaskByDevice`.
        request: the model of its parameters.
        response: the model of its answer.
        qps: calls per second and account that are allowed by default (control-plane reference §2, §9).
        access: whether it changes anything.
        methods: the HTTP methods that it answers to.
        vendor: False when only this server has it, not the platform whose API it speaks.
        handler: the function that carries it out.
        summary: the first line of the function's docstring.
        deviations: what differs from the original service, a sentence each, for the reference.
        versions: the versions of the API in which it is called.
        action: what policies call it.
        resource_parameter: the parameter with the ARN of what it is about; None when it is about all that the account
            has.
        operator: only the account that operates the server, and RAM users of it, may call it.
    """

    name: str
    request: type[RequestModel]
    response: type[ResponseModel]
    qps: int
    access: Access
    methods: frozenset[str]
    vendor: bool
    handler: Callable[[Call[ServicesT], Any], Awaitable[ResponseModel]]
    summary: str
    deviations: tuple[str, ...]
    versions: frozenset[str]
    action: str
    resource_parameter: str | None
    operator: bool = False


Handler = Callable[[Call[ServicesT], RequestT], Awaitable[ResponseT]]


def operation(
    name: str,
    *,
    qps: int,
    access: Access,
    methods: Iterable[str] = ("GET", "POST"),
    vendor: bool = True,
    deviations: Iterable[str] = (),
    versions: Iterable[str] = (VERSION,),
    action: str | None = None,
    resource_parameter: str | None = None,
    operator: bool = False,
) -> Callable[[Handler[ServicesT, RequestT, ResponseT]], Operation[ServicesT]]:
    """Declares the decorated function as the operation `name`; its type hints name the request and response models."""

    def declare(handler: Handler[ServicesT, RequestT, ResponseT]) -> Operation[ServicesT]:
        hints = get_type_hints(handler)
        return Operation(
            name=name,
            request=hints["request"],
            response=hints["return"],
            qps=qps,
            access=access,
            methods=frozenset(methods),
            vendor=vendor,
            handler=handler,
            summary=(handler.__doc__ or "").strip().partition("\n")[0],
            deviations=tuple(deviations),
            versions=frozenset(versions),
            action=action or f"iot:{name}",
            resource_parameter=resource_parameter,
            operator=operator,
        )

    return declare


def index(operations: Iterable[Operation[ServicesT]]) -> Mapping[str, Operation[ServicesT]]:
    """The operations by name.

    Raises:
        ValueError: two operations share a name.
    """
    table: dict[str, Operation[ServicesT]] = {}
    for item in operations:
        if item.name in table:
            raise ValueError(f"The operation {item.name} is declared twice.")
        table[item.name] = item
    return table

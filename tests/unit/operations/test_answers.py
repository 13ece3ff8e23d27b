"""The shape of every answer against the response classes of the vendor's SDK 5.1.0 (control-plane reference §1.2).

What the SDK's classes do not know is lost to an application, and a value of another type surprises it.
"""

import inspect
from types import NoneType
from typing import Any, Final, Union, get_args, get_origin

import pytest
from alibabacloud_iot20180120 import models
from pydantic import BaseModel

from skyferry.operations import OPERATIONS

NEVER_SENT: Final = {
    "Code": "errors only: a code with success makes older clients fail (control-plane reference §1.3)",
    "ErrorMessage": "errors only",
    "JobId": "ResetThing does at once what it does",
    "DeviceInfo.DeviceType": "the vendor does not return it either (§9.3)",
}
"""What the SDK knows and no answer holds, as the object that it is in and its name; and why."""


VENDOR: Final = [name for name, operation in OPERATIONS.items() if operation.vendor]


def sample(annotation: Any) -> Any:
    """A value of a type, with every optional member present."""
    if get_origin(annotation) is list:
        return [sample(get_args(annotation)[0])]
    if get_origin(annotation) in {Union, type(int | None)}:
        [kind] = [kind for kind in get_args(annotation) if kind is not NoneType]
        return sample(kind)
    if issubclass(annotation, BaseModel):
        return annotation(**{name: sample(info.annotation) for name, info in annotation.model_fields.items()})
    return {str: "text", int: 7, bool: True}[annotation]


def body_of(action: str) -> dict[str, Any]:
    """A full answer as it goes over the wire."""
    answer: dict[str, Any] = sample(OPERATIONS[action].response).model_dump(by_alias=True)
    return {"RequestId": "A01829CE-75A1-4920-B775-921146A1AB79", "Success": True, **answer}


def read(action: str) -> Any:
    """The answer as the SDK reads it."""
    return getattr(models, f"{action}ResponseBody")().from_map(body_of(action))


def misfits(found: Any, path: str) -> list[str]:
    """Where the values in an object of the SDK are not of the types that its class declares."""
    problems = []
    for name, parameter in list(inspect.signature(type(found).__init__).parameters.items())[1:]:
        value = getattr(found, name)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "to_map"):
                problems += misfits(item, f"{path}.{name}")
        plain = parameter.annotation
        if value is not None and plain in {str, int, bool} and type(value) is not plain:
            problems.append(f"{path}.{name}: {value!r} is no {plain.__name__}")
    return problems


def absent(found: Any, holder: str) -> set[str]:
    """What an object of the SDK could hold and does not: `holder.Name`, at the top just the name."""
    missing = set()
    for name in list(inspect.signature(type(found).__init__).parameters)[1:]:
        value = getattr(found, name)
        if value is None:
            setattr(found, name, "x")
            wire = next(key for key, held in found.to_map().items() if isinstance(held, str) and held == "x")
            setattr(found, name, None)
            missing.add(f"{holder}.{wire}" if holder else wire)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "to_map"):
                missing |= absent(item, wire_name(type(item), type(found)))
    return missing


def wire_name(kind: type, holder: type) -> str:
    """The classes of nested objects are named after all the members that lead to them."""
    return kind.__name__.removeprefix(holder.__name__)


@pytest.mark.parametrize("action", VENDOR)
def test_the_sdk_reads_the_whole_answer(action: str) -> None:
    assert read(action).to_map() == body_of(action)


@pytest.mark.parametrize("action", VENDOR)
def test_the_values_have_the_types_that_the_sdk_declares(action: str) -> None:
    assert misfits(read(action), action) == []


@pytest.mark.parametrize("action", VENDOR)
def test_nothing_is_left_out_without_a_reason(action: str) -> None:
    assert absent(read(action), "") <= set(NEVER_SENT)


def test_every_reason_is_still_needed() -> None:
    assert set().union(*(absent(read(action), "") for action in VENDOR)) == set(NEVER_SENT)


@pytest.mark.parametrize("action", VENDOR)
def test_what_is_absent_is_left_out(action: str) -> None:
    """Absent values are no `null` on the wire: the SDK's classes leave them out in the same way (§4.4, §5.9)."""
    model = OPERATIONS[action].response
    body = sample(model).model_dump(by_alias=True, exclude_none=True)

    assert getattr(models, f"{action}ResponseBody")().from_map(body).to_map() == body

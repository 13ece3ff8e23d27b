"""Parameters and answers as rows: from the models' fields, with the names of the wire."""

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from textwrap import dedent
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.markdown import plain

_COMMON: Final = {
    "ProductKey": "The product.",
    "FirmwareId": "The package.",
    "JobId": "The job.",
    "ApplyId": "The registration.",
    "GroupId": "The group.",
    "SubscriptionId": "The subscription.",
    "CurrentPage": "The page, from 1.",
}
"""Parameters that mean the same wherever their declaration has nothing to add."""
_NAMES: Final = {str: "String", bool: "Boolean", int: "Integer"}


@dataclass(frozen=True)
class Row:
    """One parameter, or one field of an answer.

    Attributes:
        name: on the wire, with what it is in: `Tag.N.Key`, `Data.Tags.OtaTagDTO[].Key`.
        kind: its type in the vendor's words.
        required: always given.
        default: the value of an absent parameter, as it is written on the wire; empty when there is none.
        text: what it means.
    """

    name: str
    kind: str
    required: bool
    default: str
    text: str


def parameters(model: type[BaseModel]) -> list[Row]:
    """The parameters of a request, in the order of their declaration, `IotInstanceId` last."""
    rows = list(_rows(model, "", ".N"))
    return sorted(rows, key=lambda row: row.name == "IotInstanceId")


def answer(model: type[BaseModel]) -> list[Row]:
    """The fields of an answer."""
    return list(_rows(model, "", "[]"))


def _rows(model: type[BaseModel], prefix: str, item: str) -> Iterator[Row]:
    texts = _texts(model)
    for field, info in model.model_fields.items():
        kind, listed, optional = _taken_apart(info.annotation)
        name = f"{prefix}{info.alias}{item if listed else ''}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _rows(kind, f"{name}.", item)
        else:
            text = plain(texts.get(field) or _COMMON.get(info.alias or "", ""))
            yield Row(name, _kind_name(kind), _is_required(info, optional=optional), _default(info), text)


def _is_required(info: FieldInfo, *, optional: bool) -> bool:
    return info.is_required() and not optional


@cache
def _texts(model: type[BaseModel]) -> Mapping[str, str]:
    """The text below each field, by the field's name: pydantic could keep them, but reads all sources at each start."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            [definition] = ast.parse(dedent(inspect.getsource(base))).body
            assert isinstance(definition, ast.ClassDef)
            texts |= dict(_documented(definition.body))
    return texts


def _documented(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    if info.is_required() or value is None or value == []:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    return next((name for base, name in _NAMES.items() if isinstance(kind, type) and issubclass(kind, base)), "Object")


def _taken_apart(annotation: Any) -> tuple[Any, bool, bool]:
    """A type without the wrappers around it; whether it was a list, whether it may be None."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _taken_apart(arguments[0])
    if origin in (Union, UnionType):
        [only] = [argument for argument in arguments if argument is not NoneType]
        kind, listed, _ = _taken_apart(only)
        return kind, listed, True
    if origin in (list, tuple, Sequence):
        kind, _, _ = _taken_apart(arguments[0])
        return kind, True, False
    return annotation, False, False

"""The shape of a request model: what each parameter is on the wire, worked out once per model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Text:
    """Taken as it is: texts, and what pydantic makes of texts (enumerations, literals)."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false` in any letter case, or 1 or 0."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in decimal digits, of at most 64 bits."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A repeat list: `Name.1`, `Name.2` and so on."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Structure:
    """Named members: the wire's name and the shape of each."""

    members: tuple[tuple[str, "Shape"], ...]


Shape = Text | Boolean | Number | Listed | Structure


@cache
def structure_of(model: type[BaseModel]) -> Structure:
    """The shape of a model."""
    return Structure(
        tuple((info.alias or name, shape_of(info.annotation)) for name, info in model.model_fields.items())
    )


def shape_of(annotation: Any) -> Shape:
    """The shape of a type annotation.

    Raises:
        TypeError: parameters cannot have this type.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(arguments[0])
    if origin in (Union, UnionType):
        return _shape_of_only([argument for argument in arguments if argument is not NoneType])
    if origin in (list, tuple, Sequence):
        return Listed(shape_of(arguments[0]))
    kind = origin or annotation
    return _shape_of_class(kind) if isinstance(kind, type) else Text()


def _shape_of_only(alternatives: list[Any]) -> Shape:
    if len(alternatives) != 1:
        raise TypeError(f"A parameter cannot be one of several types: {alternatives}.")
    return shape_of(alternatives[0])


def _shape_of_class(kind: type) -> Shape:
    if issubclass(kind, BaseModel):
        return structure_of(kind)
    if issubclass(kind, dict):
        raise TypeError(f"A parameter cannot be a {kind.__name__}.")
    if issubclass(kind, bool):
        return Boolean()
    return Number() if issubclass(kind, int) else Text()

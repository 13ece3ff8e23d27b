"""From flat parameters (`MultiFiles.1.Name=…`) to the operation's request model (gateway reference §1.6).

Names are matched in any letter case, a name in the model's own spelling wins (control-plane reference §12, 1). Lists
are `Name.N`, structures in lists `Name.N.Field`; the indexes are sorted as numbers and may have gaps. Parameters that
the model does not know are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from skyferry.errors import ApiError
from skyferry.rpc import gateway_errors
from skyferry.rpc.operation import RequestModel
from skyferry.rpc.shapes import Boolean, Listed, Number, Shape, Structure, Text, structure_of

RequestT = TypeVar("RequestT", bound=RequestModel)

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_INTEGER_RANGE: Final = range(-(2**63), 2**63)
_INDEX: Final = re.compile(r"[0-9]{1,9}")
_DEEPEST: Final = 8
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


@dataclass(slots=True)
class _Node:
    """What was sent under a name: values by spelling, and what hangs below it by next name, in lower case."""

    values: dict[str, str] = field(default_factory=dict)
    children: dict[str, "_Node"] = field(default_factory=dict)


def read_request(model: type[RequestT], parameters: Mapping[str, str]) -> RequestT:
    """The request that the parameters describe.

    Raises:
        ApiError: `Missing<Param>` or `Invalid<Param>`, naming the parameter as it is written on the wire.
    """
    tree = _tree(parameters)
    nested = _read_structure(structure_of(model), tree, "")
    try:
        return model.model_validate(nested)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = _wire_name(tree, problem["loc"])
        if problem["type"] == "missing":
            raise gateway_errors.missing(name) from None
        raise gateway_errors.invalid(name, f"{problem['msg']}.") from None


def pick(parameters: Mapping[str, str], name: str) -> str | None:
    """The value of one parameter, matched like `read_request` does.

    Raises:
        ApiError: it was sent in several spellings, none of which is `name`.
    """
    exact = parameters.get(name)
    if exact is not None:
        return exact
    wanted = name.lower()
    return _choose({sent: value for sent, value in parameters.items() if sent.lower() == wanted}, name)


def _tree(parameters: Mapping[str, str]) -> _Node:
    root = _Node()
    for name, value in parameters.items():
        node = root
        for part in name.lower().split(".", _DEEPEST):
            node = node.children.setdefault(part, _Node())
        node.values[name] = value
    return root


def _choose(values: Mapping[str, str], name: str) -> str | None:
    if name in values:
        return values[name]
    if len(values) > 1:
        raise ApiError(gateway_errors.MALFORMED_REQUEST, f"{name} is given twice, in different letter case.")
    return next(iter(values.values()), None)


def _read_structure(shape: Structure, node: _Node, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for wire, member in shape.members:
        child = node.children.get(wire.lower())
        if child is not None:
            value = _read(member, child, f"{prefix}{wire}")
            if value is not None:
                found[wire] = value
    return found


def _read(shape: Shape, node: _Node, name: str) -> Any:
    match shape:
        case Listed(item=item):
            return _read_list(item, node, name)
        case Structure():
            return _read_structure(shape, node, f"{name}.") if node.children else None
        case _:
            text = _choose(node.values, name)
            return None if text is None else _convert(shape, text, name)


def _read_list(item: Shape, node: _Node, name: str) -> list[Any] | None:
    if any(node.values.values()):
        raise gateway_errors.invalid(name, f"It is a list: write {name}.1, {name}.2 and so on.")
    values = [_read(item, node.children[part], f"{name}.{part}") for part in _indexes(node, name)]
    return [value for value in values if value is not None] or None


def _indexes(node: _Node, name: str) -> list[str]:
    """The names below a list that are indexes, in the order of the numbers."""
    parts: dict[int, str] = {}
    for part in node.children:
        if _INDEX.fullmatch(part):
            if int(part) in parts:
                sentence = f"{name}.{parts[int(part)]} and {name}.{part} are the same entry of the list."
                raise ApiError(gateway_errors.MALFORMED_REQUEST, sentence)
            parts[int(part)] = part
    return [parts[number] for number in sorted(parts)]


def _convert(shape: Shape, text: str, name: str) -> Any:
    if isinstance(shape, Text):
        return text
    text = text.strip().lower()
    if not text:
        return None
    if isinstance(shape, Boolean):
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        raise gateway_errors.invalid(name, "It is true or false.")
    if isinstance(shape, Number):
        if _INTEGER.fullmatch(text) and int(text) in _INTEGER_RANGE:
            return int(text)
        raise gateway_errors.invalid(name, "It is a whole number.")
    return text


def _wire_name(tree: _Node, location: tuple[int | str, ...]) -> str:
    """The name on the wire of what pydantic found wrong; positions in lists become the indexes that were sent."""
    names: list[str] = []
    node = tree
    for step in location:
        part = step if isinstance(step, str) else _indexes(node, "")[step]
        names.append(part)
        node = node.children.get(part.lower(), _Node())
    return ".".join(names)

"""Which error codes an operation can answer: those that the functions behind it name.

From an operation's function on, everything that is referred to is followed through the package's modules: functions,
constants, and the methods of classes. What is named is counted, so the answer may hold a code that only another
operation meets in a function that both use. Calls on objects whose class is nowhere named are not followed;
`tests.support.answered` catches what that would miss.
"""

import ast
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import skyferry
from skyferry import error_codes as codes
from skyferry import ram_codes
from skyferry.errors import ErrorKind
from skyferry.rpc import gateway_errors
from skyferry.rpc.operation import Operation

_SOURCE: Final = Path(skyferry.__file__).parent
_CODES: Final[Mapping[str, ModuleType]] = {module.__name__: module for module in (codes, gateway_errors, ram_codes)}
_RETRY: Final = frozenset({codes.INVALID_RETRY_INTERVAL.code, codes.INVALID_RETRY_COUNT.code})
_PACE: Final = frozenset({codes.INVALID_MAXIMUM_PER_MINUTE.code, codes.INVALID_OVERWRITE_MODE.code})
_NEVER: Final[Mapping[str, frozenset[str]]] = {
    "CreateProduct": frozenset({codes.NULL_PRODUCT_KEY.code, codes.NOT_EXISTED_PRODUCT.code}),
    "CreateDeviceDynamicGroup": frozenset({codes.NULL_GROUP_ID.code, codes.NOT_EXISTED_GROUP.code}),
    "DeleteDeviceDynamicGroup": frozenset({codes.SUB_GROUP_NOT_NULL.code}),
    "QueryDeviceGroupByDevice": frozenset({codes.INVALID_IOT_ID.code}),
    "ListOTAJobByDevice": frozenset({codes.INVALID_IOT_ID.code}),
    "CreateOTAVerifyJob": _RETRY | _PACE,
    "ListEventSubscriptions": frozenset({codes.EVENT_SUBSCRIPTION_NOT_FOUND.code}),
}
"""What an operation's functions name and no request of it can provoke: it has no such parameter."""
_SEARCHES: Final = frozenset({"QueryDeviceBySQL", "CreateDeviceDynamicGroup", "ListDevices"})
_SEARCH: Final = "iot.devicesearch."
"""A group's expression is checked when the group is made: these codes come from the operations that take one."""
Symbol = tuple[str, str]
"""A module and the name of something at its top level."""


@dataclass
class _Module:
    """The source of one module: what stands at its top level, and what its names were imported from."""

    definitions: dict[str, ast.AST] = field(default_factory=dict)
    imports: dict[str, Symbol] = field(default_factory=dict)


def kinds_of(operation: Operation[Any]) -> list[ErrorKind]:
    """The errors that an operation can answer besides those that every operation can, by code."""
    found: set[ErrorKind] = set()
    seen: set[Symbol] = set()
    waiting: list[Symbol] = [(operation.handler.__module__, operation.handler.__qualname__)]
    while waiting:
        symbol = waiting.pop()
        if symbol not in seen:
            seen.add(symbol)
            kinds, symbols = _referred(symbol)
            found.update(kinds)
            waiting += symbols
    answered = (kind for kind in found if _is_answered(operation.name, kind))
    return sorted(answered, key=lambda kind: (kind.code, kind.text))


def _is_answered(action: str, kind: ErrorKind) -> bool:
    if kind.code.startswith(_SEARCH):
        return action in _SEARCHES
    return kind.code not in _NEVER.get(action, ())


@cache
def _referred(symbol: Symbol) -> tuple[Sequence[ErrorKind], Sequence[Symbol]]:
    """The errors and the other symbols that a definition names."""
    module_name, name = symbol
    module = _module(module_name)
    definition = module.definitions.get(name)
    kinds: list[ErrorKind] = []
    symbols: list[Symbol] = []
    for found in [] if definition is None else _names(definition, module_name, module):
        kind = _kind(found)
        if kind is not None:
            kinds.append(kind)
        else:
            symbols.append(found)
    return kinds, symbols


def _names(definition: ast.AST, module_name: str, module: _Module) -> Iterator[Symbol]:
    for node in ast.walk(definition):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = module.imports.get(node.value.id)
            if holder is not None:
                yield ".".join(part for part in holder if part), node.attr
        elif isinstance(node, ast.Name):
            if node.id in module.definitions:
                yield module_name, node.id
            elif node.id in module.imports:
                yield module.imports[node.id]


def _kind(symbol: Symbol) -> ErrorKind | None:
    """The error that a symbol is, if it is one."""
    holder = _CODES.get(symbol[0])
    value = getattr(holder, symbol[1], None) if holder else None
    return value if isinstance(value, ErrorKind) else None


@cache
def _module(name: str) -> _Module:
    """What the module's source defines; nothing for a module of another package."""
    path = _SOURCE.parent.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    module = _Module()
    if name.partition(".")[0] != skyferry.__name__ or not path.exists():
        return module
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                module.definitions[node.name] = node
            case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                module.definitions[target] = node
            case ast.ImportFrom(module=str(source)):
                for alias in node.names:
                    module.imports[alias.asname or alias.name] = _imported(source, alias.name)
    return module


@cache
def _imported(source: str, name: str) -> Symbol:
    """What `from source import name` brings: a module of the package, or something in one."""
    whole = f"{source}.{name}"
    if source.partition(".")[0] == skyferry.__name__ and importlib.util.find_spec(source) is not None:
        parent = importlib.import_module(source)
        if isinstance(getattr(parent, name, None), ModuleType):
            return whole, ""
    return source, name

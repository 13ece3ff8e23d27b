"""`errors.md`: every code, its sentence, and which operations answer it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import ModuleType
from typing import Final

from docs.generate.markdown import code, document, table
from docs.generate.operations import link_to
from docs.generate.raised import kinds_of
from skyferry import error_codes, ram_codes
from skyferry.errors import ErrorKind
from skyferry.operations import OPERATIONS
from skyferry.rpc import gateway_errors

_MADE: Final = (
    gateway_errors.missing("FirmwareId").kind,
    gateway_errors.invalid("PageSize", "It is a whole number.").kind,
    gateway_errors.missing_header("x-acs-date").kind,
)
"""Examples of the errors that are made of a parameter's or a header's name."""


def errors() -> str:
    """The page."""
    return document(
        "# Error codes",
        "Errors of the gateway answer a status of 4xx or 5xx with `Code` and `Message`. Business errors answer 200 with"
        " `Success: false`, `Code` and `ErrorMessage`; those of users, policies and AssumeRole answer 4xx, as"
        " their own services do. The sentence is often more precise than the one here: it names the value, the limit or"
        " the device.",
        "## Every operation",
        "The gateway refuses a request before any operation sees it. `Missing…` and `Invalid…` end with the parameter's"
        " name.",
        table(("Code", "Status", "Sentence"), [_gateway_row(kind) for kind in gateway_kinds()]),
        "## Business errors",
        table(("Code", "Sentence", "Operations"), _business_rows()),
    )


def gateway_kinds() -> list[ErrorKind]:
    """The gateway's errors, by code."""
    return sorted([*_kinds_in(gateway_errors), *_MADE], key=lambda kind: kind.code)


def business_kinds() -> list[ErrorKind]:
    """The operations' errors, by code."""
    return sorted([*_kinds_in(error_codes), *_kinds_in(ram_codes)], key=lambda kind: kind.code)


def _kinds_in(module: ModuleType) -> list[ErrorKind]:
    return list(dict.fromkeys(value for value in vars(module).values() if isinstance(value, ErrorKind)))


def _gateway_row(kind: ErrorKind) -> Sequence[str]:
    return code(kind.code), str(kind.status), kind.text


def _business_rows() -> list[Sequence[str]]:
    users = _users()
    rows: list[Sequence[str]] = []
    for name, kinds in groupby(business_kinds(), key=lambda kind: kind.code):
        texts = "<br>".join(kind.text for kind in kinds)
        rows.append((code(name), texts, ", ".join(users.get(name, []))))
    return rows


def _users() -> Mapping[str, list[str]]:
    """Links to the operations that can answer a code."""
    users: dict[str, list[str]] = {}
    for operation in OPERATIONS.values():
        for name in sorted({kind.code for kind in kinds_of(operation)}):
            users.setdefault(name, []).append(link_to(operation, "operations/"))
    return users

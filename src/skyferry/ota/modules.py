"""Modules: the separately versioned parts of a product's devices (control-plane reference §5.1-5.4).

`default`, the firmware as a whole, is a module of every product; it has no row and cannot be made, changed or deleted.
A module is found by its name in any letter case; what is stored and shown is the name as it was given at first.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError, ErrorKind
from skyferry.fleet import names
from skyferry.store import modules as statements
from skyferry.store import packages as package_statements
from skyferry.store.modules import ModuleRecord
from skyferry.store.products import ProductRecord

MOST_MODULES: Final = 10
_LONGEST_DESCRIPTION: Final = 100
_ALIAS: Final = re.compile(r"[A-Za-z0-9._\-\u4e00-\u9fff]{1,64}")


def create(
    tx: Connection, product: ProductRecord, name: str, *, alias: str | None, description: str | None, now: int
) -> None:
    """Makes a module.

    Raises:
        ApiError: a value that is not allowed, a name that is taken or reserved, or too many modules.
    """
    if not names.is_version(name):
        raise ApiError(codes.CREATE_OTA_MODULE_PARAM_ERROR, "ModuleName has 1 to 64 of A-Z a-z 0-9 . _ -")
    _check_texts(codes.CREATE_OTA_MODULE_PARAM_ERROR, alias, description)
    if _is_default(name):
        raise ApiError(codes.MODULE_NAME_RESERVED)
    known = statements.of_product(tx, product.id)
    if _folded(name) in {_folded(module.name) for module in known}:
        raise ApiError(codes.CREATE_OTA_MODULE_NAME_EXIST)
    if len(known) >= MOST_MODULES:
        raise ApiError(codes.CREATE_OTA_MODULE_EXCEED_LIMIT)
    new = ModuleRecord(name, alias or None, description or None, created_at=now, modified_at=now)
    statements.insert(tx, product.id, _folded(name), new)


def update(
    tx: Connection, product: ProductRecord, name: str, *, alias: str | None, description: str | None, now: int
) -> None:
    """Changes alias and description; None leaves the former value, an empty text removes it.

    Raises:
        ApiError: a value that is not allowed, the default module, or a name that the product has no module of.
    """
    _check_texts(codes.UPDATE_OTA_MODULE_PARAM_ERROR, alias, description)
    if _is_default(name):
        raise ApiError(codes.MODULE_NAME_RESERVED, "The module default stands for the whole firmware: it has no alias.")
    values: dict[str, Any] = {"modified_at": now}
    if alias is not None:
        values["alias"] = alias or None
    if description is not None:
        values["description"] = description or None
    if not statements.change(tx, product.id, _folded(name), values):
        raise _unknown(codes.UPDATE_OTA_MODULE_PARAM_ERROR, tx, product, name)


def delete(tx: Connection, product: ProductRecord, name: str) -> None:
    """Deletes a module that no package is for.

    What devices have reported of it stays, and so do the jobs of its former packages.

    Raises:
        ApiError: it has packages, it is the default module, or the product has none of this name.
    """
    if _is_default(name):
        raise ApiError(codes.DELETE_OTA_DEFAULT_MODULE)
    module = statements.find(tx, product.id, _folded(name), for_change=True)
    if module is None:
        raise _unknown(codes.DELETE_OTA_MODULE_PARAM_ERROR, tx, product, name)
    if package_statements.any_of_module(tx, product.id, module.name):
        raise ApiError(codes.DELETE_OTA_MODULE_PACKAGE_EXIST)
    statements.remove(tx, product.id, _folded(name))


def of_product(tx: Connection, product: ProductRecord) -> Sequence[ModuleRecord]:
    """The modules of a product: `default`, which is as old as the product, and the custom ones in order of creation."""
    default = ModuleRecord(names.DEFAULT_MODULE, None, None, product.created_at, product.created_at)
    return [default, *statements.of_product(tx, product.id)]


def name_for_package(tx: Connection, product: ProductRecord, given: str | None) -> str:
    """The name of the module that a package is for, in the letters of the module; `default` when none is given.

    Raises:
        ApiError: the product has no such module.
    """
    if not given or _is_default(given):
        return names.DEFAULT_MODULE
    module = statements.find(tx, product.id, _folded(given))
    if module is None:
        raise _unknown(codes.INVALID_FIRMWARE, tx, product, given)
    return module.name


def _folded(name: str) -> str:
    return name.lower()


def _is_default(name: str) -> bool:
    return _folded(name) == names.DEFAULT_MODULE


def _check_texts(kind: ErrorKind, alias: str | None, description: str | None) -> None:
    if alias and not _ALIAS.fullmatch(alias):
        raise ApiError(kind, "AliasName has 1 to 64 Chinese characters, letters, digits and . - _")
    if description and len(description) > _LONGEST_DESCRIPTION:
        raise ApiError(kind, f"Desc has at most {_LONGEST_DESCRIPTION} characters.")


def _unknown(kind: ErrorKind, tx: Connection, product: ProductRecord, name: str) -> ApiError:
    known = ", ".join(module.name for module in of_product(tx, product))
    return ApiError(
        kind, f"The product has no module {name}: CreateOTAModule makes one. The modules of the product are {known}."
    )

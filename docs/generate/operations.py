"""`operations/*.md`: every operation, a page a resource."""

import importlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from docs.generate import fields
from docs.generate.markdown import anchor, bullets, code, document, link, plain, table
from docs.generate.raised import kinds_of
from skyferry.operations import OPERATIONS
from skyferry.rpc.operation import Access, Operation

_ACCESS: Final = {Access.READ: "Changes nothing", Access.WRITE: "Changes data"}


def pages() -> Mapping[str, str]:
    """The pages, by the name of their file."""
    by_module = groupby(OPERATIONS.values(), key=lambda operation: operation.handler.__module__)
    return {page_of(module): _page(module, list(operations)) for module, operations in by_module}


def page_of(module: str) -> str:
    """The name of the file for the operations of a module."""
    return module.rpartition(".")[2].replace("_", "-") + ".md"


def title_of(module: str) -> str:
    """What the operations of a module are about."""
    first = (importlib.import_module(module).__doc__ or "").partition("\n\n")[0]
    return plain(first).rstrip(".")


def link_to(operation: Operation[Any], directory: str) -> str:
    """A link to the operation's part of its page."""
    return link(operation.name, f"{directory}{page_of(operation.handler.__module__)}#{anchor(operation.name)}")


def _page(module: str, operations: Sequence[Operation[Any]]) -> str:
    return document(f"# {title_of(module)}", *(_section(operation) for operation in operations))


def _section(operation: Operation[Any]) -> str:
    parts = (
        f"## {operation.name}",
        plain(operation.summary),
        _terms(operation),
        _parameters(operation),
        _answer(operation),
        _errors(operation),
        _deviations(operation),
    )
    return "\n\n".join(filter(None, parts))


def _terms(operation: Operation[Any]) -> str:
    methods = " or ".join(sorted(operation.methods))
    rules = link("coverage", f"../coverage.md#{anchor(operation.name)}")
    return f"{_ACCESS[operation.access]}; {operation.qps} calls per second and account; {methods}. Rules: {rules}."


def _parameters(operation: Operation[Any]) -> str:
    rows = [
        (code(row.name), row.kind, "required" if row.required else code(row.default) if row.default else "-", row.text)
        for row in fields.parameters(operation.request)
    ]
    return "**Parameters**\n\n" + table(("Name", "Type", "Default", "Meaning"), rows)


def _answer(operation: Operation[Any]) -> str:
    rows = [
        (code(row.name), row.kind, "always" if row.required else "when there is one", row.text)
        for row in fields.answer(operation.response)
    ]
    if not rows:
        return "**Answer**: `RequestId` and `Success`."
    return "**Answer**, besides `RequestId` and `Success`\n\n" + table(("Name", "Type", "Present", "Meaning"), rows)


def _errors(operation: Operation[Any]) -> str:
    codes = sorted({kind.code for kind in kinds_of(operation)})
    if not codes:
        return ""
    listed = ", ".join(code(name) for name in codes)
    return f"**Errors**, besides {link('those of every operation', '../errors.md#every-operation')}: {listed}."


def _deviations(operation: Operation[Any]) -> str:
    return f"**Deviations from the original**\n\n{bullets(operation.deviations)}" if operation.deviations else ""

"""`coverage.md`: what of the vendor's API there is, and which rules of it are tested."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from docs.generate.markdown import anchor, bullets, document, link, table
from docs.generate.official import PROJECT, metadata
from docs.generate.operations import link_to
from docs.generate.rules import SUBJECTS, Rule, rules
from docs.generate.untested import UNTESTED
from skyferry.operations import OPERATIONS
from skyferry.rpc.operation import Operation

_HEADS: Final = ("Operation", "State", "Calls per second", "Methods", "Access", "Rules tested", "Deviations")
_TESTS: Final = "../../"
"""The project's directory, from that of the page."""


def coverage() -> str:
    """The page."""
    found = rules(PROJECT)
    official = metadata()
    done = [name for name in official if name in OPERATIONS]
    extra = [name for name in OPERATIONS if name not in official]
    return document(
        "# API coverage",
        f"Skyferry serves {len(done)} of the {len(official)} operations that the vendor's API (`Iot`, version"
        " `2018-01-20`) has for OTA and for the products, devices and groups that it needs, and the device protocol of"
        " that service. *Rules tested* leads to the rules that the scenario tests check with the vendor's SDK;"
        " *Deviations* to what differs from the original on purpose.",
        "## Operations",
        table(_HEADS, [_row(name, found) for name in official]),
        _extra(extra, found),
        "## Rules and deviations",
        *(_section(name, name, found) for name in [*done, *extra]),
        *(_section(heading, subject, found) for subject, heading in SUBJECTS.items()),
        _untested(),
    )


def _row(name: str, found: Sequence[Rule]) -> Sequence[str]:
    operation = OPERATIONS.get(name)
    if operation is None:
        return name, "not yet", "", "", "", "", ""
    return (
        link_to(operation, "operations/"),
        "done",
        str(operation.qps),
        _methods(operation),
        operation.access.value,
        link(str(len(_of(name, found))), f"#{anchor(name)}"),
        link(str(len(operation.deviations)), f"#{anchor(name)}") if operation.deviations else "none",
    )


def _methods(operation: Operation[Any]) -> str:
    return ", ".join(sorted(operation.methods))


def _extra(names: Sequence[str], found: Sequence[Rule]) -> str:
    if not names:
        return ""
    text = (
        "These actions are Skyferry's own. They are called in the same way; the vendor's SDKs for `Iot` do not have"
        " them."
    )
    return f"### Actions that Skyferry adds\n\n{text}\n\n" + table(_HEADS, [_row(name, found) for name in names])


def _of(subject: str, found: Iterable[Rule]) -> list[Rule]:
    return [rule for rule in found if subject in rule.subjects]


def _section(heading: str, subject: str, found: Sequence[Rule]) -> str:
    operation = OPERATIONS.get(subject)
    deviations = [f"Deviation: {text}" for text in operation.deviations] if operation else []
    lines = deviations + [link(rule.sentence, f"{_TESTS}{rule.test.as_posix()}") for rule in _of(subject, found)]
    return f"### {heading}\n\n{bullets(lines)}" if lines else ""


def _untested() -> str:
    if not UNTESTED:
        return ""
    return "## Rules without a test\n\n" + bullets(f"{name}: {text}" for name, text in UNTESTED)

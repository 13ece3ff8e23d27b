"""The page that says how the device endpoint stands to the MQTT standard."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from docs.generate.markdown import code, document, table
from docs.generate.mqtt_statements import STATEMENTS, Standing
from docs.generate.official import PROJECT

_MARK: Final = "pytest.mark.statement"
_INTRODUCTION: Final = """\
A device speaks MQTT 3.1.1, or 3.1, to an endpoint that is no general broker: it lets devices in by the platform's
signature, hears what they say on their own topics, and sends them what is addressed to them. This is each normative
statement of the standard by its number, in short words, and how the server stands to it. What is *kept* and what
*differs on purpose* is held by tests, which carry the statement's number in their names.

A device that comes with CleanSession 0 finds no session (CONNACK says so): no message waits for it in the broker. What
it has to know, the update that is due, is decided at each log-in from the state of its task and pushed then."""
_OLDER: Final = """\
## MQTT 3.1

A device that says `MQIsdp` and level 3 is served by the same rules, but for these:

- a ClientId may have more than 23 characters, as those of the platform always have;
- SUBSCRIBE and UNSUBSCRIBE may carry the DUP flag, with which that version sends them again;
- that version's SUBACK cannot refuse: a filter that is not granted is answered with QoS 0, and nothing comes of it."""


@cache
def held_by() -> Mapping[str, list[str]]:
    """The tests that hold a statement, by its number."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((PROJECT / "tests").glob("**/test_*.py")):
        for number, name in _marked(path):
            found[number].append(f"{path.relative_to(PROJECT / 'tests')}::{name}")
    return found


def mqtt() -> str:
    """The page."""
    counts = {standing: sum(each.standing is standing for each in STATEMENTS) for standing in Standing}
    counted = ", ".join(f"{count} {standing}" for standing, count in counts.items())
    rows = [
        [f"MQTT-{each.number}", each.says, each.standing + (f": {each.why}" if each.why else "")] for each in STATEMENTS
    ]
    summary = f"Of {len(STATEMENTS)} statements: {counted}. The tests: {code('pytest tests/conformance')}."
    return document(
        "# MQTT, statement by statement", _INTRODUCTION, summary, table(["Statement", "Says", "Here"], rows), _OLDER
    )


def _marked(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == _MARK:
                    yield from ((str(ast.literal_eval(number)), node.name) for number in mark.args)

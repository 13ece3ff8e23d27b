"""The rules that tests check: each with `@pytest.mark.rule(subject, …)`, its name as a sentence.

They are scenarios, and unit tests where a scenario would have to wait for minutes.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUBJECTS: Final = {"devices": "The device protocol", "accounts": "Accounts and instances"}
"""What a rule can belong to besides operations, and the heading under which it is listed."""


_SPELLINGS: Final = {
    word.lower(): word for word in ("API", "JSON", "MD5", "MQTT", "RAM", "SHA256", "SQL", "URL", "XML")
}


@dataclass(frozen=True)
class Rule:
    """One checked rule.

    Attributes:
        sentence: the rule in words.
        subjects: operations, or keys of `SUBJECTS`.
        test: the file of the test, from the project's directory.
    """

    sentence: str
    subjects: frozenset[str]
    test: Path


def rules(project: Path) -> list[Rule]:
    """Every rule, by file and in the order of the tests."""
    return [rule for path in sorted((project / "tests").glob("**/test_*.py")) for rule in _rules_in(path, project)]


def _rules_in(path: Path, project: Path) -> Iterator[Rule]:
    tree = ast.parse(path.read_text())
    named = {
        ast.unparse(node.targets[0]): frozenset(_subjects(node.value, {}))
        for node in tree.body
        if isinstance(node, ast.Assign)
    }
    common = named.get("pytestmark", frozenset())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            own = {subject for decorator in node.decorator_list for subject in _subjects(decorator, named)}
            if own | common:
                yield Rule(_sentence(node.name), common | own, path.relative_to(project))


def _subjects(expression: ast.expr, named: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What the marks in an expression name, written out or as a name for a mark."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)
        elif isinstance(node, ast.Name):
            yield from named.get(node.id, ())


def _sentence(name: str) -> str:
    words = re.sub(r"_s(?=_|$)", "'s", name.removeprefix("test_")).split("_")
    sentence = " ".join(_SPELLINGS.get(word, word) for word in words)
    return sentence[0].upper() + sentence[1:]

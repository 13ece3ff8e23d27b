"""docs/reference/ is what the declarations say, and says all of it."""

from pathlib import Path
from typing import Any, Final

import pytest

from docs.generate import errors, fields
from docs.generate.official import PROJECT, metadata
from docs.generate.reference import DIRECTORY, documents
from docs.generate.rules import SUBJECTS, rules
from docs.generate.untested import UNTESTED
from skyferry.operations import OPERATIONS

RULES: Final = rules(PROJECT)


def section(action: str) -> str:
    """What the reference says of an operation."""
    [found] = [
        part
        for path in DIRECTORY.glob("operations/*.md")
        for part in path.read_text().split("\n## ")
        if part.partition("\n")[0] == action
    ]
    return found


def test_the_reference_is_what_make_docs_writes() -> None:
    written = {path: path.read_text() for path in DIRECTORY.glob("**/*.md")}

    assert written == documents(), "run `make docs`"


@pytest.mark.parametrize("action", metadata())
def test_every_operation_of_the_vendor_is_in_the_table(action: str) -> None:
    state = "done" if action in OPERATIONS else "not yet"
    rows = [line.split(" | ") for line in (DIRECTORY / "coverage.md").read_text().splitlines() if line.startswith("| ")]

    assert [row[1] for row in rows if action in {row[0].removeprefix("| "), row[0][3:].partition("]")[0]}] == [state]


@pytest.mark.parametrize("action", OPERATIONS)
def test_every_parameter_is_described(action: str) -> None:
    text = section(action)
    names = [item["name"] for item in metadata()[action]["parameters"]] if action in metadata() else []
    rows = fields.parameters(OPERATIONS[action].request)

    assert all(f"| `{name}`" in text or f"| `{name}.N" in text for name in names)
    assert [row.name for row in rows if not row.text] == []


@pytest.mark.parametrize("kind", [*errors.gateway_kinds(), *errors.business_kinds()], ids=lambda kind: kind.code)
def test_every_error_code_is_listed_with_its_sentence(kind: Any) -> None:
    rows = [
        line for line in (DIRECTORY / "errors.md").read_text().splitlines() if line.startswith(f"| `{kind.code}` |")
    ]

    assert any(kind.text in row for row in rows)


def test_every_business_error_belongs_to_an_operation() -> None:
    rows = (DIRECTORY / "errors.md").read_text().partition("## Business errors")[2].splitlines()

    assert [row for row in rows if row.startswith("| `") and "](operations/" not in row] == []


def test_every_rule_and_every_gap_is_about_something_that_there_is() -> None:
    subjects = set(OPERATIONS) | set(metadata()) | set(SUBJECTS)

    assert {subject for rule in RULES for subject in rule.subjects} <= subjects
    assert {subject for subject, _ in UNTESTED} <= subjects


@pytest.mark.parametrize("action", OPERATIONS)
def test_every_operation_has_a_rule_that_is_tested(action: str) -> None:
    assert any(action in rule.subjects for rule in RULES)


def test_rules_are_read_from_the_tests(tmp_path: Path) -> None:
    scenarios = tmp_path / "tests/anywhere"
    scenarios.mkdir(parents=True)
    (scenarios / "test_one.py").write_text(
        'pytestmark = [pytest.mark.rule("A"), pytest.mark.client]\n'
        'D = pytest.mark.rule("D")\n'
        '@pytest.mark.rule("B", "C")\n'
        "@D\n"
        "def test_an_api_job_s_end_is_job_s(): ...\n"
        "def helper(): ...\n"
    )
    (scenarios / "test_two.py").write_text("def test_without_a_rule(): ...\n")

    [rule] = rules(tmp_path)

    assert rule.sentence == "An API job's end is job's"
    assert rule.subjects == {"A", "B", "C", "D"}
    assert rule.test == Path("tests/anywhere/test_one.py")

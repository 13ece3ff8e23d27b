"""Rules of the code that neither a linter nor the import contracts in pyproject.toml check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
SOURCES: Final = sorted((PROJECT / "src" / "skyferry").rglob("*.py"))
MOST_LINES: Final = 400


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def sqlalchemy_imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "sqlalchemy")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "sqlalchemy":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_store_holds_sql(path: Path) -> None:
    """Elsewhere a function may name the connection it passes on, and tell the database's failures apart."""
    if "store" in path.relative_to(PROJECT / "src" / "skyferry").parts:
        return

    found = set(sqlalchemy_imports(ast.parse(path.read_text())))

    assert {name for name in found if not name.startswith("sqlalchemy.exc.")} <= {"sqlalchemy.Connection"}


@pytest.mark.parametrize("path", [path for path in SOURCES if path.parent.name != "versions"], ids=name_of)
def test_files_can_be_read_in_one_sitting(path: Path) -> None:
    """A migration is exempt: it is a whole schema, written once and never read in part."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("module", ["error_codes.py", "ram_codes.py", "rpc/gateway_errors.py"])
def test_every_listed_error_can_happen(module: str) -> None:
    listing = PROJECT / "src" / "skyferry" / module
    tree = ast.parse(listing.read_text())
    listed = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id.isupper() and not target.id.startswith("_")
    }
    names = re.compile(r"\b[A-Z][A-Z_]+\b")
    used = {name for path in SOURCES if path != listing for name in names.findall(path.read_text())}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}

    assert listed
    assert listed - used == set()


def test_build_files_name_no_host() -> None:
    """Where packages come from is the business of the machine, never of the repository."""
    patterns = (
        "Makefile",
        ".ci/*",
        "requirements/*",
        "pyproject.toml",
        "tests/clients/node/*",
        "src/skyferry/console/*.json",
    )
    paths = [path for pattern in patterns for path in PROJECT.glob(pattern) if path.is_file()]

    named = {name_of(path) for path in paths if "://" in path.read_text()}

    assert len(paths) > len(patterns)
    assert named == set()

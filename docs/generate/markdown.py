"""Pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_REFERENCES: Final = re.compile(r"\s*\((?:[a-z-]+ reference )?§[^)]*(?:\([^)]*\)[^)]*)*\)")
NOTICE: Final = "<!-- Written by `make docs` from the declarations of the operations: change those. -->"


def plain(text: str) -> str:
    """A docstring's text on one line, without the sections of the reference works that it names for programmers."""
    return _REFERENCES.sub("", " ".join(text.split()))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty when there are no rows."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    head = "| " + " | ".join(heads) + " |"
    return "\n".join([head, "|" + " --- |" * len(heads), *lines]) if lines else ""


def bullets(items: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {item}" for item in items)


def code(text: str) -> str:
    """Text as it is on the wire."""
    return f"`{text}`"


def link(text: str, target: str) -> str:
    """A link."""
    return f"[{text}]({target})"


def anchor(heading: str) -> str:
    """The name under which a heading can be linked to."""
    return heading.lower().replace(" ", "-")


def document(heading: str, *parts: str) -> str:
    """The heading, the notice that a program writes the file, and the other parts that are not empty."""
    return "\n\n".join([heading, NOTICE, *filter(None, parts)]) + "\n"

"""Code and examples of the guide, so that tests can run them."""

import re
from pathlib import Path
from typing import Any, Final

_GUIDE: Final = Path(__file__).parents[2] / "docs" / "guide"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page that are in a language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", (_GUIDE / page).read_text(), re.DOTALL | re.MULTILINE)
    return found


def function(page: str, name: str) -> Any:
    """A function that a page shows."""
    [source] = [block for block in blocks(page, "python") if f"def {name}(" in block]
    scope: dict[str, Any] = {}
    exec(compile(source, page, "exec"), scope)
    return scope[name]

"""What templates show to people goes through `_()`: text that stands in them as it is would never be translated."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import jinja2
import pytest
from jinja2 import nodes

from skyferry.console import languages

TEMPLATES: Final = Path(languages.__file__).with_name("templates")
ENVIRONMENT: Final = jinja2.Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)
SAME_EVERYWHERE: Final = frozenset({"Skyferry", "RequestId", "AccessKeyId"})
_NOT_LOOKED_INTO: Final = frozenset({"_", "ngettext", "copyable"})
"""Calls whose literals are translated, or are commands that people copy."""
_SPOKEN: Final = frozenset({"alt", "aria-label", "title"})
_CODE: Final = frozenset({"code", "pre", "script", "style"})
_WORD: Final = re.compile(r"(?<![/A-Za-z])[A-Za-z]{2,}")
"""Not a part of a path."""
_SENTENCE: Final = re.compile(r"[A-Za-z]{2,}[,.:;]? [A-Za-z]")
"""Words with blanks between them: neither a name of a field, an operation or a class."""


class _Shown(HTMLParser):
    """Collects the words that people see or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._depth_of_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth_of_code += tag in _CODE
        for name, value in attrs:
            if name in _SPOKEN and value:
                self._take(value)

    def handle_endtag(self, tag: str) -> None:
        self._depth_of_code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        if not self._depth_of_code:
            self._take(data)

    def _take(self, text: str) -> None:
        self.words += [word for word in _WORD.findall(text) if word not in SAME_EVERYWHERE]


def unmarked(source: str) -> Iterator[str]:
    """The words and sentences that a template shows in no language but its own."""
    shown = _Shown()
    shown.feed("".join(text if kind == "data" else " " for _line, kind, text in ENVIRONMENT.lex(source)))
    shown.close()
    yield from shown.words
    yield from _literals(ENVIRONMENT.parse(source))


def _literals(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call) and _called(node) in _NOT_LOOKED_INTO:
        return
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and _SENTENCE.search(node.value):
        yield node.value
    for child in node.iter_child_nodes():
        yield from _literals(child)


def _called(call: nodes.Call) -> str | None:
    match call.node:
        case nodes.Name(name=name) | nodes.Getattr(attr=name):
            return str(name)
    return None


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_all_that_a_template_shows_can_be_translated(path: Path) -> None:
    assert list(unmarked(path.read_text())) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('<p>{{ _("Sign in") }} <code>GET</code> · Skyferry</p>', []),
        ("<p>Sign {{ how }} now</p>", ["Sign", "now"]),
        ('<a aria-label="Close" class="wide">{{ name }}</a>', ["Close"]),
        ('{{ ui.empty("No device is here", _("Add one.")) }}', ["No device is here"]),
        ('{{ ngettext("%(num)s of them", "%(num)s of them", count) }}', []),
        ('{{ fields.text("DeviceName", _("Name"), type="datetime-local") }}', []),
    ],
)
def test_unmarked_text_is_found(source: str, found: list[str]) -> None:
    assert list(unmarked(source)) == found

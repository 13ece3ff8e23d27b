"""Every sentence of the console is there in every language."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from skyferry.console import languages
from skyferry.console.languages import DEFAULT, LANGUAGES

CONSOLE: Final = Path(languages.__file__).parent
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "translate_number": (1, 2)}
"""What marks sentences; the same as in the Makefile's `translations`."""
OTHERS: Final = sorted(set(LANGUAGES) - {DEFAULT})
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}")


def catalog(language: str) -> Catalog:
    with (CONSOLE / "locale" / language / "LC_MESSAGES" / "console.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module")
def extracted() -> set[str]:
    """The sentences that are marked now, by their singular."""
    with (CONSOLE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(CONSOLE, methods, options, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def sentences(language: str) -> Iterator[tuple[str, list[str]]]:
    """Each sentence of a catalogue, with its translations: one for each plural."""
    for item in catalog(language):
        key = item.id if isinstance(item.id, str) else item.id[0]
        if key:
            yield key, [item.string] if isinstance(item.string, str) else list(item.string or ())


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str, extracted: set[str]) -> None:
    translated = {key for key, texts in sentences(language) if texts and all(texts)}

    assert extracted - translated == set(), "run `make translations` and translate what is new"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_over(language: str, extracted: set[str]) -> None:
    assert {key for key, _texts in sentences(language)} - extracted == set(), "run `make translations`"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_same_placeholders(language: str) -> None:
    for key, texts in sentences(language):
        for text in texts:
            assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(key)), key
            assert "%" not in _PLACEHOLDER.sub("", text), f"a page cannot be made with the single % of {text!r}"


def test_a_page_speaks_the_language_of_its_reader() -> None:
    languages.current.set("zh")
    try:
        assert languages.translate("Sign in") != "Sign in"
        assert languages.translate("A sentence that nobody has translated") == "A sentence that nobody has translated"
    finally:
        languages.current.set(DEFAULT)

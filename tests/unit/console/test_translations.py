"""Every sentence of the console is there in every language, and what errors of the API say."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_from_file
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from docs.generate import setting_texts
from skyferry import error_codes, ram_codes
from skyferry.console import languages
from skyferry.console.languages import DEFAULT, LANGUAGES
from skyferry.console.problems import Problem
from skyferry.errors import ApiError, ErrorKind
from skyferry.rpc import gateway_errors
from skyferry.rpc.direct import CallError

CONSOLE: Final = Path(languages.__file__).parent
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "translate_number": (1, 2), "Said": None}
"""What marks sentences; the same as in the Makefile's `translations`."""
ERROR_MODULES: Final = (error_codes, ram_codes, gateway_errors)
ERROR_KEYWORDS: Final = {"ErrorKind": (2,), "_firmware": (2,)}
DOMAINS: Final = ("console", "errors", "settings")
OTHERS: Final = sorted(set(LANGUAGES) - {DEFAULT})
_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|%%|\{\w*\}")


def catalog(language: str, domain: str) -> Catalog:
    with (CONSOLE / "locale" / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.fixture(scope="module", params=DOMAINS)
def domain(request: pytest.FixtureRequest) -> str:
    """A catalogue of each language."""
    return str(request.param)


@pytest.fixture(scope="module")
def extracted(domain: str) -> set[str]:
    """The sentences of the catalogue that are marked now, by their singular."""
    match domain:
        case "console":
            return sentences_of_pages()
        case "errors":
            return sentences_of_errors()
    return set(setting_texts.texts())


def sentences_of_pages() -> set[str]:
    with (CONSOLE / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(CONSOLE, methods, options, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def sentences_of_errors() -> set[str]:
    paths = [str(module.__file__) for module in ERROR_MODULES]
    found = [item for path in paths for item in extract_from_file("python", path, keywords=ERROR_KEYWORDS)]
    return {str(message) for _, message, _, _ in found}


def kinds() -> Iterator[ErrorKind]:
    """Every kind of error that a call of the API can answer."""
    for module in ERROR_MODULES:
        yield from (value for value in vars(module).values() if isinstance(value, ErrorKind))
    yield from (made("Name").kind for made in (gateway_errors.missing, gateway_errors.missing_header))
    yield gateway_errors.invalid("Name").kind


@pytest.fixture
def chinese() -> Iterator[None]:
    """The page that is being made is in Chinese."""
    languages.current.set("zh")
    yield
    languages.current.set(DEFAULT)


def sentences(language: str, domain: str) -> Iterator[tuple[str, list[str]]]:
    """Each sentence of a catalogue, with its translations: one for each plural."""
    for item in catalog(language, domain):
        key = item.id if isinstance(item.id, str) else item.id[0]
        if key:
            yield key, [item.string] if isinstance(item.string, str) else list(item.string or ())


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str, domain: str, extracted: set[str]) -> None:
    translated = {key for key, texts in sentences(language, domain) if texts and all(texts)}

    assert extracted - translated == set(), "run `make translations` and translate what is new"


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_is_left_over(language: str, domain: str, extracted: set[str]) -> None:
    assert {key for key, _texts in sentences(language, domain)} - extracted == set(), "run `make translations`"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_same_placeholders(language: str, domain: str) -> None:
    for key, texts in sentences(language, domain):
        for text in texts:
            assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(key)), key
            assert "%" not in _PLACEHOLDER.sub("", text), f"a page cannot be made with the single % of {text!r}"


@pytest.mark.usefixtures("chinese")
def test_a_page_speaks_the_language_of_its_reader() -> None:
    assert languages.translate("Sign in") != "Sign in"
    assert languages.translate("A sentence that nobody has translated") == "A sentence that nobody has translated"


@pytest.mark.usefixtures("chinese")
def test_what_settings_mean_is_told_in_the_language_of_the_reader() -> None:
    assert languages.translate_setting("The largest package file.") == "升级包文件的大小上限。"
    assert languages.translate_setting("") == ""


@pytest.mark.usefixtures("chinese")
def test_every_kind_of_error_says_its_sentence_in_the_language_of_the_reader() -> None:
    said = {kind: Problem.of(CallError(ApiError(kind), "request")) for kind in kinds()}

    assert {kind.text for kind in said} == sentences_of_errors()
    assert [kind.code for kind, problem in said.items() if problem.text == kind.fill(kind.text)] == []
    assert {problem.detail for problem in said.values()} == {""}


@pytest.mark.usefixtures("chinese")
def test_what_an_error_says_of_a_call_stands_below_the_sentence_of_its_kind() -> None:
    about = Problem.of(CallError(gateway_errors.invalid("PageSize", "Give a number from 1 to 100."), "request"))
    other = Problem.of(CallError(ApiError(error_codes.INVALID_SQL_ERROR, "At 7: ? is not understood here."), "request"))

    assert about == Problem("参数 PageSize 无效。", "InvalidPageSize", "request", "Give a number from 1 to 100.")
    assert (other.text, other.detail) == ("无法识别该语句。", "At 7: ? is not understood here.")


def test_in_english_an_error_says_what_the_api_says() -> None:
    error = gateway_errors.invalid("PageSize", "Give a number from 1 to 100.")

    assert Problem.of(CallError(error, "request")) == Problem(error.text, "InvalidPageSize", "request")

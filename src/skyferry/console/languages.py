"""The languages of the console: which one a person reads, and the sentences in it.

Templates and pages mark sentences with `_()`; `locale/LANGUAGE/LC_MESSAGES/console.po` has them in other languages than
English, `errors.po` the sentences of the API's errors and `settings.po` what settings mean: the API itself says them in
English only.
"""

import gettext
import io
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}
"""Each language by its code, in its own name."""
DEFAULT: Final = "en"
_LOCALE: Final = Path(__file__).with_name("locale")

current: ContextVar[str] = ContextVar("language", default=DEFAULT)
"""The language of the page that is being made."""


def translate(sentence: str) -> str:
    """The sentence in the language of the page."""
    return _translations(current.get()).gettext(sentence)


def translate_error(sentence: str) -> str:
    """The sentence of an `ErrorKind` in the language of the page."""
    return _translations(current.get(), "errors").gettext(sentence)


def translate_setting(text: str) -> str:
    """What a setting means, in the language of the page."""
    return _translations(current.get(), "settings").gettext(text) if text else text


def translate_number(singular: str, plural: str, number: int) -> str:
    """The sentence for so many, in the language of the page."""
    return _translations(current.get()).ngettext(singular, plural, number)


def choose(wanted: str | None, accepted: str) -> str:
    """The language of a page.

    Args:
        wanted: what the person chose.
        accepted: the header `Accept-Language`.
    """
    if wanted is not None and wanted in LANGUAGES:
        return wanted
    return next((code for code in _preferred(accepted) if code in LANGUAGES), DEFAULT)


def _preferred(header: str) -> Iterable[str]:
    weighted: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=") or "1"
        try:
            weighted.append((-float(weight), name.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    return [name for _, name in sorted(weighted, key=lambda item: item[0])]


@cache
def _translations(language: str, domain: str = "console") -> gettext.NullTranslations:
    path = _LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)

"""What people type into forms, as values of calls."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from multidict import MultiDictProxy

from skyferry.console import formats

_BETWEEN = re.compile(r"[\s,;]+")


def words(text: str) -> list[str]:
    """The words of a text with blanks, commas or semicolons between them, each once."""
    return [word for word in dict.fromkeys(_BETWEEN.split(text)) if word]


def is_set(form: MultiDictProxy[str], name: str) -> bool:
    """Whether a box is ticked."""
    return form.get(name) == "true"


def moment(text: str) -> str:
    """A date and time in the person's zone as milliseconds since the epoch; what is none stays as it is."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return text
    told = given if given.tzinfo else given.replace(tzinfo=formats.zone.get() or UTC)
    return str(round(told.timestamp() * 1_000))


def rows(form: MultiDictProxy[str], *names: str) -> list[Sequence[str]]:
    """The rows of a table of fields; rows in which nothing was typed are left out."""
    columns = [[value.strip() for value in form.getall(name, [])] for name in names]
    return [row for row in zip(*columns, strict=False) if any(row)]

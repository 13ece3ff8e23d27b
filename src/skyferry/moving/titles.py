"""Names that may not be the same here as on the other platform."""

import re
from typing import Final

from skyferry.fleet import names

_LONGEST: Final = 30
_SHORTEST: Final = 4
_OTHER: Final = re.compile(r"[^A-Za-z0-9_\u4e00-\u9fff]")


def allowed(text: str) -> str:
    """The name of a product or group, or what comes nearest to it of the names that are allowed."""
    title = _OTHER.sub("_", text).ljust(_SHORTEST, "_")
    while not names.is_title(title, most=_LONGEST):
        title = title[:-1]
    return title

"""The wildcards of policies: `*` is any run of characters, also none, `?` is one character."""

import re
from fnmatch import translate
from functools import lru_cache


@lru_cache(maxsize=1_024)
def compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """The expression whose `match` covers exactly the texts that the pattern stands for."""
    # fnmatch makes expressions that do not backtrack; its character classes are not part of the language.
    return re.compile(translate(pattern.replace("[", "[[]")), re.IGNORECASE if ignore_case else re.NOFLAG)

"""The business errors that tests see answered: each is one that the reference lists for the operation."""

from collections import defaultdict
from functools import cache
from typing import Final

from docs.generate.errors import business_kinds
from docs.generate.raised import kinds_of
from skyferry.operations import OPERATIONS

_BUSINESS: Final = frozenset(kind.code for kind in business_kinds())
SENTENCES: Final[defaultdict[str, set[str]]] = defaultdict(set)
"""What was seen in this run of the tests: by code, the sentences for the caller."""


def note(action: str, code: str, sentence: str) -> None:
    """Remembers an error; fails when the reference does not list it for the operation. The gateway's own are none."""
    if code not in _BUSINESS:
        return
    listed = _listed(action)
    assert code in listed, f"{action} answered {code}; docs/generate/raised.py finds only {sorted(listed)}"
    SENTENCES[code].add(sentence)


@cache
def _listed(action: str) -> frozenset[str]:
    return frozenset(kind.code for kind in kinds_of(OPERATIONS[action]))

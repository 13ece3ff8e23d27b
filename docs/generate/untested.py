"""Rules of the vendor's API that no scenario checks yet. It must shrink."""

from collections.abc import Sequence
from typing import Final

UNTESTED: Final[Sequence[tuple[str, str]]] = ()
"""The operation, or a key of `docs.generate.rules.SUBJECTS`; and the rule."""

"""What a page says of what was refused."""

from dataclasses import dataclass
from typing import Final

from skyferry.console.languages import translate_error
from skyferry.rpc.direct import CallError

STATUS: Final = 400
"""Of a page that shows a form again because of a problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form or a page was refused.

    Attributes:
        text: a sentence for the person.
        code: the error's code; None when the page itself found the problem.
        request_id: of the call that was refused.
        detail: what the API says of this very call, in English; empty when the sentence says it all.
    """

    text: str
    code: str | None = None
    request_id: str | None = None
    detail: str = ""

    @classmethod
    def of(cls, error: CallError) -> "Problem":
        """The problem that a refused call is, in the person's language.

        Only the general sentence of each kind of error is translated: what else was said stays below it.
        """
        kind, said = error.error.kind, error.error.text
        general, translated = kind.fill(kind.text), kind.fill(translate_error(kind.text))
        if translated == general:
            return cls(said, kind.code, error.request_id)
        return cls(translated, kind.code, error.request_id, said.removeprefix(general).strip())

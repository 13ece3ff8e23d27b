"""What a form says above itself when it was refused."""

from dataclasses import dataclass
from typing import Final

from skyferry.console.page import sentence_of
from skyferry.rpc.direct import CallError

STATUS: Final = 400
"""Of a page that shows a form again because of a problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form was refused.

    Attributes:
        text: a sentence for the person.
        code: the error's code; None when the page itself found the problem.
        request_id: of the call that was refused.
    """

    text: str
    code: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, error: CallError) -> "Problem":
        """The problem that a refused call is."""
        return cls(sentence_of(error), error.error.kind.code, error.request_id)

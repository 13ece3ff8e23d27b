"""The one error that a caller of the API can see: raised anywhere, rendered once, by `skyferry.rpc.rendering`.

Source: control-plane reference §1.3 (business errors answer 200, gateway errors 4xx/5xx) and §8 (codes).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One documented error: what `skyferry.error_codes` lists.

    Attributes:
        code: the code on the wire, such as `iot.firmware.FirmwareNotFound`.
        text: the sentence for the caller when the place that raises has nothing better to say. `{parameter}` stands in
            it for the parameter.
        status: the HTTP status. 200 marks a business error (`Success: false`, text in `ErrorMessage`); anything else
            is a gateway error (text in `Message`).
        parameter: the name on the wire of the parameter that the error is about, where the code is made of it.
    """

    code: str
    text: str
    status: int = 200
    parameter: str = ""

    def fill(self, text: str) -> str:
        """The kind's sentence, or a translation of it, with the parameter's name."""
        return text.replace("{parameter}", self.parameter)

    @property
    def is_business(self) -> bool:
        """True when the error answers HTTP 200 with `Success: false`."""
        return self.status == 200  # noqa: PLR2004 - the rule itself


@dataclass(eq=False)
class ApiError(Exception):
    """A request that is refused.

    Attributes:
        kind: the documented error.
        text: the sentence for the caller; the kind's own sentence when absent.
        data: what a business error answers besides its code (`Data` of the response), when the operation documents it.
        retry_after_ms: milliseconds after which the same call may succeed (throttling only).
    """

    kind: ErrorKind
    text: str = ""
    data: Mapping[str, Any] | None = field(default=None, kw_only=True)
    retry_after_ms: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.text = self.text or self.kind.fill(self.kind.text)
        super().__init__(f"{self.kind.code}: {self.text}")


def either(names: Sequence[str]) -> str:
    """What stands in a sentence for one of these, at least one: `a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


class UnavailableError(Exception):
    """Something that the server needs, such as its database, is away: the same call may succeed later."""

    advice = "The server goes on by itself when it is back."
    """What to do about it, for the log."""

"""What the server has written into records, in the reader's language: why tasks ended, jobs halted, messages failed.

Records hold the English sentence, as the API tells it. What devices and people have added to it stays as they said it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from skyferry.console.languages import translate

_NAMED: Final = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that the server writes.

    Attributes:
        sentence: with a name in braces for each part that varies; `{reason}` is such a sentence itself.
    """

    sentence: str
    _pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = _NAMED.sub(r"(?P<\1>.+)", re.escape(self.sentence))
        object.__setattr__(self, "_pattern", re.compile(pattern, re.DOTALL))

    def parts_in(self, text: str) -> Mapping[str, str] | None:
        """What stands in the text for each name; None when the text is another sentence."""
        found = self._pattern.fullmatch(text)
        return found.groupdict() if found else None


SENTENCES: Final = (
    Said("{reason} (try {number} of {most})"),
    Said("another update of the device is not finished"),
    Said("replaced by a later job"),
    Said("replaced by a task that runs again"),
    Said("canceled by CancelOTATaskByDevice"),
    Said("canceled by CancelOTATaskByJob"),
    Said("not begun when the job's time was over"),
    Said("the device was deleted"),
    Said("timeout"),
    Said("report version is not conform"),
    Said("the device reported {step}"),
    Said("halted: {failed} of {executed} updates failed, {percent} percent are too many"),
    Said("halted: {failed} updates failed, {most} are too many"),
    Said("paused by {caller}: {words}"),
    Said("paused by {caller}"),
    Said("No answer in time."),
    Said("No answer from NATS in time."),
    Said("Cannot connect to host {words}"),
    Said("The delivery of messages has stopped."),
    Said("The process is about to end."),
    Said("An HTTP endpoint is not open."),
    Said("The MQTT endpoint is not open."),
    Said("The worker takes no reports any more."),
    Said("The worker has stopped."),
    Said("The database was not told for long that this process lives."),
    Said("The bus of this process is not connected."),
)
_WITH_WORDS: Final = Said("{reason}: {words}")
FAILURES: Final = (
    Said("the update failed"),
    Said("the download failed"),
    Said("the verification failed"),
    Said("the flashing failed"),
)
"""What a device's number says; its own words may stand behind a colon."""


def said(text: str) -> str:
    """A sentence of the server in the reader's language; another one as it is."""
    return next(_translations(text), text) if text else ""


def _translations(text: str) -> Iterator[str]:
    for each in SENTENCES:
        parts = each.parts_in(text)
        if parts is not None:
            yield translate(each.sentence).format_map(
                {name: said(part) if name == "reason" else part for name, part in parts.items()}
            )
    head, colon, words = text.partition(": ")
    if any(each.sentence == head for each in FAILURES):
        reason = translate(head)
        yield translate(_WITH_WORDS.sentence).format(reason=reason, words=words) if colon else reason

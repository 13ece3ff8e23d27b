"""Traces: what a call or a report causes, and how long each part of it takes, across processes.

Off unless a setting names a collector; then nothing of OpenTelemetry is imported, and a span costs a comparison.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from types import TracebackType
from typing import Final, Protocol, Self


class Kind(Enum):
    """How a span stands to others."""

    SERVER = "server"
    """Answers somebody."""
    CLIENT = "client"
    """Asks somebody."""
    CONSUMER = "consumer"
    """Takes what somebody left."""


class Span(Protocol):
    """Something that takes time."""

    def rename(self, name: str) -> None:
        """It is known by now what it is."""
        ...

    def note(self, **attributes: str | int) -> None:
        """Something to be known of it: no secrets, and nothing that a stranger chose the name of."""
        ...

    def fail(self, reason: str) -> None:
        """It ended badly, though nothing was raised."""
        ...


class Tracer(Protocol):
    """Makes spans."""

    def span(
        self, name: str, kind: Kind, *, parent: Mapping[str, str] | None, within: bool
    ) -> AbstractContextManager[Span]:
        """See `span`."""
        ...

    def carried(self) -> Mapping[str, str]:
        """See `carried`."""
        ...

    def stop(self) -> None:
        """See `stop`."""
        ...


class _Nothing:
    """Stands for every span while there are no traces."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return

    def rename(self, name: str) -> None:
        """See `Span.rename`."""

    def note(self, **attributes: str | int) -> None:
        """See `Span.note`."""

    def fail(self, reason: str) -> None:
        """See `Span.fail`."""


_NOTHING: Final = _Nothing()
_tracer: Tracer | None = None


def start(tracer: Tracer) -> None:
    """From here on there are traces."""
    global _tracer  # noqa: PLW0603 - as for the metrics, there is one for the process
    _tracer = tracer


def stop() -> None:
    """Tells the collector what it was not told yet, for seconds at most; from here on there are no traces."""
    global _tracer  # noqa: PLW0603
    if _tracer is not None:
        _tracer.stop()
    _tracer = None


def span(
    name: str, kind: Kind, *, parent: Mapping[str, str] | None = None, within: bool = False
) -> AbstractContextManager[Span]:
    """Something that takes time, from the beginning of a `with` block to its end.

    Args:
        name: what it is; a few different ones.
        kind: how it stands to others.
        parent: headers that came with what causes it; the present span causes it when None.
        within: only as a part of something else: on its own it is none.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.span(name, kind, parent=parent, within=within)


def carried() -> Mapping[str, str]:
    """The headers that tell another process which span causes what it is asked for; none without traces."""
    return {} if _tracer is None else _tracer.carried()

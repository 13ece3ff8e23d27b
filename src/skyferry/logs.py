"""Structured logs: for people on a terminal, JSON elsewhere; always to the standard error."""

import logging
import sys
from typing import Any

import structlog

from skyferry.outages import Outages


def configure(level: str, form: str) -> None:
    """Sets logging up for the process.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `json`, `console`, or `auto` to choose by where the logs go.
    """
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Outages(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Other libraries log through the standard library; a migration's steps and how a signature was looked for are of
    # interest when something is wrong.
    for library in ("alembic", "tuf"):
        logging.getLogger(library).setLevel(level.upper() if level == "debug" else "WARNING")
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")

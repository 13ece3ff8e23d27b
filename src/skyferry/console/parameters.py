"""What a page asks for, as parameters on the wire: lists become `Name.1`, `Name.2`, what is absent is left out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

EMPTY: Final = object()
"""Sends an empty text, which takes a value away."""


def flat(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a call; None and empty texts are not sent, `EMPTY` is."""
    found: dict[str, str] = {}
    for name, value in parameters.items():
        _add(found, name, value)
    return found


def _add(found: dict[str, str], name: str, value: Any) -> None:
    if value is EMPTY:
        found[name] = ""
        return
    if value is None or value == "":
        return
    if isinstance(value, bool):
        found[name] = "true" if value else "false"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _add(found, f"{name}.{key}", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, item in enumerate(value, 1):
            _add(found, f"{name}.{position}", item)
    else:
        found[name] = str(value)

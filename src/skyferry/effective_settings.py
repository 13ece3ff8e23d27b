"""The settings that a server runs with, as people may see them: without secrets."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from skyferry.settings import Address, Settings

HIDDEN: Final = "***"
"""Stands for what is secret."""
_USER: Final = re.compile(r"(?<=://)(?:(?!,\w+://)\S)*@")
_QUERY: Final = re.compile(r"\?[^,\s]*")
"""Of a URL: user names, passwords, tokens and signatures stand there."""


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One setting.

    Attributes:
        name: as in the settings file.
        value: as it would be written there; empty when it is absent, `***` where it is secret.
        is_default: whether it is the default.
        text: what it means, with its unit.
    """

    name: str
    value: str
    is_default: bool
    text: str


def effective(settings: Settings) -> Sequence[EffectiveSetting]:
    """All settings, in the order of `settings.py`."""
    found: list[EffectiveSetting] = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        default = field.get_default(call_default_factory=True)
        text = " ".join((field.description or "").split())
        found.append(EffectiveSetting(name, _shown(value), value == default, text))
    return found


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return HIDDEN
        case bool() | dict():
            return json.dumps(value)
        case frozenset():
            return ", ".join(sorted(value))
        case list() | tuple() if not isinstance(value, Address):
            return ", ".join(str(item) for item in value)
    return without_secrets(str(value))


def without_secrets(text: str) -> str:
    """The text with the user names, passwords and queries of URLs hidden."""
    return _QUERY.sub(f"?{HIDDEN}", _USER.sub(f"{HIDDEN}@", text))

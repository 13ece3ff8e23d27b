"""The whole reference."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from docs.generate.coverage import coverage
from docs.generate.errors import errors
from docs.generate.mqtt import mqtt
from docs.generate.official import PROJECT
from docs.generate.operations import pages

DIRECTORY: Final = PROJECT / "docs/reference"


@cache
def documents() -> Mapping[Path, str]:
    """Every page of the reference, by where it belongs."""
    found = {"coverage.md": coverage(), "errors.md": errors(), "mqtt.md": mqtt()}
    found |= {f"operations/{name}": text for name, text in pages().items()}
    return {DIRECTORY / name: text for name, text in found.items()}

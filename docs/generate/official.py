"""The operations of the vendor's published API, from the metadata that the contract tests check against."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).parents[2]


@cache
def metadata() -> dict[str, Any]:
    """What the vendor publishes of each operation, by name."""
    path = PROJECT / "tests/contract/fixtures/request-metadata.json"
    published: dict[str, Any] = json.loads(path.read_text())
    return published

"""What the HTTP server must let through: a request target of 64 KB (gateway reference §1.1)."""

from typing import Any, Final

MAX_LINE_BYTES: Final = 65_536

RUNNER_OPTIONS: Final[dict[str, Any]] = {
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_LINE_BYTES,
    "auto_decompress": False,
}
"""Arguments for `aiohttp.web.AppRunner`. Bodies stay as sent: signatures and digests are over those bytes."""

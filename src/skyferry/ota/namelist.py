"""List files: device names separated by newlines or commas (control-plane reference §3.2), read a portion at a time."""

import re
from dataclasses import dataclass
from typing import Final

MOST_NAMES: Final = 1_000_000
PORTION_BYTES: Final = 262_144
"""How much of a file one portion reads: enough for 5,000 names of the longest kind."""
_BOM: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(rb"[^\r\n,]+")
_SEPARATORS: Final = b"\r\n,"


@dataclass(frozen=True, slots=True)
class Portion:
    """Names from a file, and how many of the given bytes they and what separates them took."""

    names: list[str]
    consumed: int


def read(data: bytes, *, at_start: bool, to_end: bool, most: int) -> Portion:
    """The next names of a file.

    Args:
        data: bytes from where the last portion ended.
        at_start: they are the file's first ones: a byte order mark is passed over.
        to_end: they are the file's last ones: what stands at their end is a whole name.
        most: how many names to read at most.
    """
    start = len(_BOM) if at_start and data.startswith(_BOM) else 0
    names: list[str] = []
    for found in _NAME.finditer(data, start):
        goes_on = found.end() == len(data) and not to_end and found.start() > start
        if goes_on or len(names) == most:
            return Portion(names, found.start())
        if name := found.group().decode(errors="replace").strip().strip('"'):
            names.append(name)
    return Portion(names, len(data))


class NameCounter:
    """Counts the names of a file that comes in blocks, without keeping them."""

    def __init__(self) -> None:
        self.count = 0
        self._inside = False

    def add(self, block: bytes) -> None:
        """Counts the names that begin in a block."""
        if not block:
            return
        self.count += len(_NAME.findall(block))
        if self._inside and block[0] not in _SEPARATORS:
            self.count -= 1
        self._inside = block[-1] not in _SEPARATORS

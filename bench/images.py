"""Package files for SWUpdate: an archive whose first file describes the others."""

from collections.abc import Iterator
from typing import Final

_BLOCK: Final = bytes(1 << 20)
_DESCRIPTION: Final = (
    'software = {{ version = "{version}"; images: ( {{ filename = "image"; device = "/dev/null"; }} ); }};'
)


def image_blocks(version: str, megabytes: int) -> Iterator[bytes]:
    """The archive of an image of zeroes, in blocks; none of them is larger than 1 MiB."""
    description = _DESCRIPTION.format(version=version).encode()
    yield _member("sw-description", len(description)) + _padded(description)
    yield _member("image", megabytes * len(_BLOCK))
    for _ in range(megabytes):
        yield _BLOCK
    yield _member("TRAILER!!!", 0)


def image(version: str, megabytes: int = 0) -> bytes:
    """The whole archive."""
    return b"".join(image_blocks(version, megabytes))


def _member(name: str, size: int) -> bytes:
    """The header of a file in cpio's format `newc`: thirteen numbers of eight digits and the name."""
    fields = (1, 0o100_644, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name.encode() + b"\0")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)

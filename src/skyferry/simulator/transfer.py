"""What a download is made of: the file, the body of one HTTP answer, the ways to fail."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


class DownloadError(Exception):
    """A file did not arrive; the message says why."""


class ConnectionBrokenError(DownloadError):
    """The connection ended before the body did. Worth another try at the received offset."""


class ResponseRefusedError(DownloadError):
    """The server answered something that a device does not take."""


class SizeMismatchError(DownloadError):
    """The body is not as long as the push said."""


class DigestMismatchError(DownloadError):
    """The bytes that arrived are not the package's."""


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file of a package, as a push describes it.

    Attributes:
        url: where it lies, requested exactly as written; `mqtt:{streamId}/{streamFileId}` of one that comes over MQTT.
        size: bytes.
        md5: lower-case hex digits.
        sign: lower-case hex digits of the digest that `sign_method` names.
        sign_method: `Md5` or `SHA256`.
    """

    url: str
    size: int
    md5: str
    sign: str
    sign_method: str


@dataclass(frozen=True, slots=True)
class Body:
    """The body of one HTTP answer.

    Attributes:
        length: bytes from the requested offset to the end, as the server announced them.
        read: gives at most that many bytes; nothing at the end, or when the connection broke.
    """

    length: int
    read: Callable[[int], Awaitable[bytes]]


class Source(Protocol):
    """A way to fetch files."""

    def open(self, url: str, offset: int) -> AbstractAsyncContextManager[Body]:
        """Requests the bytes from an offset to the end.

        Raises:
            ConnectionBrokenError: no connection, or it broke; also while the body is read.
            ResponseRefusedError: the answer is not one that a device takes.
        """
        ...

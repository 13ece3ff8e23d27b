"""URLs of objects: where to upload, what a package names, and the signed URL that a device downloads from.

The rules come from parsers in the field (device-plane reference §2.5, §2.8): at most 256 characters, a raw `&`, nothing
that needs an escape, no `:` or `#` behind the host.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from skyferry.objects import keys

UPLOAD_PATH: Final = "/objects"
LONGEST_URL: Final = 256
"""Longer URLs do not fit the buffers of C SDKs, in characters."""
LONGEST_BASE_URL: Final = 76
"""What the longest key, task and signature leave of `LONGEST_URL` for scheme, host and port, in characters."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_TASK: Final = re.compile(r"[1-9a-z][0-9a-z]{0,11}", re.ASCII)
_SIGNATURE_BYTES: Final = 24
_KEY_ID_BYTES: Final = 6
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


def upload_url(public_url: str) -> str:
    """Where forms are posted to: the `Host` of an upload ticket, without a slash at its end."""
    return public_url.rstrip("/") + UPLOAD_PATH


def object_url(public_url: str, key: str) -> str:
    """The unsigned URL of an object, by which a caller names it."""
    return f"{upload_url(public_url)}/{key}"


def object_key_of(url: str) -> str | None:
    """The object key in a URL that a ticket gave out; None when it is no such URL.

    Scheme, host and port are not looked at beyond being HTTP: the server may have been reached by another name when
    the ticket was issued.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    path, _, key = parts.path.partition(f"{UPLOAD_PATH}/")
    if parts.scheme not in {"http", "https"} or not parts.netloc or path or keys.prefix_of(key) is None:
        return None
    return key


@dataclass(frozen=True, slots=True)
class DownloadRight:
    """What a signed URL allows: to download its object, for a task or (None) for nobody in particular."""

    task_id: int | None


class DownloadUrls:
    """Signs download URLs and checks them; whoever has a URL may download that one object until it expires.

    A URL that names a task stays valid when the task ends: a device that is cancelled in the middle of a download ends
    it as it began. What takes the right away before its time is the removal of the object with its package.
    """

    def __init__(self, base_url: str, key: bytes, lifetime_seconds: int = 86_400) -> None:
        """Makes a signer.

        Args:
            base_url: where devices download, such as `https://ota.example.com`.
            key: the secret key of download URLs.
            lifetime_seconds: how long a URL is valid.
        """
        self.base_url = base_url.rstrip("/")
        self._key = key
        self._lifetime_seconds = lifetime_seconds
        self._key_id = _text(hmac.digest(key, b"download key id", hashlib.sha256)[:_KEY_ID_BYTES])

    def sign(self, object_key: str, now_ms: int, *, task_id: int | None = None, base_url: str | None = None) -> str:
        """The URL by which the object can be downloaded from now on until its lifetime is over.

        Args:
            object_key: the object.
            now_ms: the time now, in milliseconds since the Unix epoch.
            task_id: the row of the task that the download is counted for.
            base_url: another place to download from than `self.base_url`.
        """
        expires = str(now_ms // 1_000 + self._lifetime_seconds)
        task = "" if task_id is None else _base36(task_id)
        signature = self._signature(object_key, expires, task)
        url = object_url(base_url or self.base_url, object_key)
        named = f"&t={task}" if task else ""
        return f"{url}?Expires={expires}&OSSAccessKeyId={self._key_id}{named}&Signature={signature}"

    def verify(self, object_key: str, query: Mapping[str, str], now_ms: int) -> DownloadRight | None:
        """What the query allows when `sign` made it for this object and it has not expired; None when not."""
        expires, task = query.get("Expires", ""), query.get("t", "")
        if not _SECONDS.fullmatch(expires) or query.get("OSSAccessKeyId") != self._key_id:
            return None
        if task and not _TASK.fullmatch(task):
            return None
        given = query.get("Signature", "").encode(errors="replace")
        expected = self._signature(object_key, expires, task).encode()
        if not hmac.compare_digest(given, expected) or now_ms >= int(expires) * 1_000:
            return None
        return DownloadRight(int(task, len(_DIGITS)) if task else None)

    def _signature(self, object_key: str, expires: str, task: str) -> str:
        lines = ["GET", expires, object_key, *([task] if task else [])]
        message = "\n".join(lines).encode(errors="replace")
        return _text(hmac.digest(self._key, message, hashlib.sha256)[:_SIGNATURE_BYTES])


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def _text(digest: bytes) -> str:
    """Base64 of a multiple of three bytes: no padding, and only one text stands for the bytes."""
    return base64.urlsafe_b64encode(digest).decode()

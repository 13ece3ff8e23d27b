"""URLs of objects: where to upload, what a package names, and the signed URL that a device downloads from.

The rules come from parsers in the field (device-plane reference §2.5, §2.8): at most 256 characters, a raw `&`, nothing
that needs an escape, no `:` or `#` behind the host.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from skyferry.objects import keys

UPLOAD_PATH: Final = "/objects"

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


class DownloadUrls:
    """Signs download URLs and checks them; whoever has a URL may download that one object until it expires."""

    def __init__(self, base_url: str, key: bytes, lifetime_seconds: int = 86_400) -> None:
        """Makes a signer.

        Args:
            base_url: the server's public URL, such as `https://ota.example.com`.
            key: the secret key of download URLs.
            lifetime_seconds: how long a URL is valid.
        """
        self.base_url = base_url.rstrip("/")
        self._key = key
        self._lifetime_seconds = lifetime_seconds
        self._key_id = _text(hmac.digest(key, b"download key id", hashlib.sha256)[:_KEY_ID_BYTES])

    def sign(self, object_key: str, now_ms: int) -> str:
        """The URL by which the object can be downloaded from now on until its lifetime is over."""
        expires = str(now_ms // 1_000 + self._lifetime_seconds)
        signature = self._signature(object_key, expires)
        url = object_url(self.base_url, object_key)
        return f"{url}?Expires={expires}&OSSAccessKeyId={self._key_id}&Signature={signature}"

    def verify(self, object_key: str, query: Mapping[str, str], now_ms: int) -> bool:
        """True when the query is one that `sign` made for this object and that has not expired."""
        expires = query.get("Expires", "")
        if not _SECONDS.fullmatch(expires) or query.get("OSSAccessKeyId") != self._key_id:
            return False
        given = query.get("Signature", "").encode(errors="replace")
        expected = self._signature(object_key, expires).encode()
        return hmac.compare_digest(given, expected) and now_ms < int(expires) * 1_000

    def _signature(self, object_key: str, expires: str) -> str:
        message = f"GET\n{expires}\n{object_key}".encode(errors="replace")
        return _text(hmac.digest(self._key, message, hashlib.sha256)[:_SIGNATURE_BYTES])


def _text(digest: bytes) -> str:
    """Base64 of a multiple of three bytes: no padding, and only one text stands for the bytes."""
    return base64.urlsafe_b64encode(digest).decode()

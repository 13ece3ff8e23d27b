"""URLs of a repository: metadata is for everyone, packages are for those who were given a URL.

Metadata names digests and versions and gives away no firmware. Packages are as guarded as in notices: the base URL of
targets holds a signature that expires, and any TUF client takes it as it is.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

_GRANT: Final = re.compile(r"([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{32})", re.ASCII)
_SIGNATURE_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class TargetGrants:
    """Signs base URLs of targets and checks them.

    Attributes:
        key: the secret key of these URLs.
        lifetime_seconds: how long one is valid.
    """

    key: bytes = field(repr=False)
    lifetime_seconds: int

    def grant(self, product_key: str, now_ms: int) -> str:
        """What allows whoever has it to download a product's targets from now on until its lifetime is over."""
        expires = str(now_ms // 1_000 + self.lifetime_seconds)
        return f"{expires}.{self._signature(product_key, expires)}"

    def verify(self, product_key: str, grant: str, now_ms: int) -> bool:
        """True when it was given out for this product and has not expired."""
        match = _GRANT.fullmatch(grant)
        if match is None:
            return False
        expires, given = match.groups()
        expected = self._signature(product_key, expires)
        return hmac.compare_digest(given, expected) and now_ms < int(expires) * 1_000

    def _signature(self, product_key: str, expires: str) -> str:
        message = f"TUF targets\n{expires}\n{product_key}".encode(errors="replace")
        return base64.urlsafe_b64encode(hmac.digest(self.key, message, hashlib.sha256)[:_SIGNATURE_BYTES]).decode()


def metadata_url(base_url: str, product_key: str) -> str:
    """The base URL of a product's metadata."""
    return f"{base_url.rstrip('/')}/tuf/{product_key}/metadata"


def targets_url(base_url: str, product_key: str, grant: str) -> str:
    """The base URL of a product's targets."""
    return f"{base_url.rstrip('/')}/tuf/{product_key}/targets/{grant}"

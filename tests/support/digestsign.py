"""Checks `digestsign` as a device with nothing but the public key does: step by step, as RFC 8017 §8.2.2 says it."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""DigestInfo of SHA-256 up to the digest (RFC 8017 §9.2, note 1)."""


def is_signed(signature: str, digest: str, public_pem: str) -> bool:
    """True when the signature is one of the digest's bytes by this key.

    Args:
        signature: `digestsign` of a notice.
        digest: `sign` of the same notice.
        public_pem: what the server exported.
    """
    key = load_pem_public_key(public_pem.encode())
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    opened = pow(int.from_bytes(base64.b64decode(signature, validate=True), "big"), numbers.e, numbers.n)
    signed = _SHA256_INFO + hashlib.sha256(bytes.fromhex(digest)).digest()
    return opened.to_bytes(256, "big") == b"\x00\x01" + b"\xff" * (256 - 3 - len(signed)) + b"\x00" + signed

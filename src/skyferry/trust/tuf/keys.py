"""Keys of TUF roles: Ed25519, made here and sealed, or outside and known here by their public parts."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

_LONGEST_PEM: Final = 8_192


class TufError(ValueError):
    """What was asked of a repository cannot be; the message says why and what to do."""


def generate() -> tuple[str, str]:
    """A new key pair in PEM: the private key in PKCS#8, the public one as SubjectPublicKeyInfo."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def signer(private_pem: str) -> CryptoSigner:
    """Signs with a private key.

    Raises:
        TufError: it is no Ed25519 key in PEM without a password.
    """
    try:
        key = load_pem_private_key(private_pem[:_LONGEST_PEM].encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise TufError("This is no private Ed25519 key in PEM without a password: make one with skyferry tuf key.")
    return CryptoSigner(key)


def public_key(public_pem: str) -> SSlibKey:
    """A public key, as metadata tells it.

    Raises:
        TufError: it is no public Ed25519 key in PEM.
    """
    try:
        key = load_pem_public_key(public_pem[:_LONGEST_PEM].encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise TufError("This is no public Ed25519 key in PEM: skyferry tuf key writes one beside the private key.")
    return SSlibKey.from_crypto(key)

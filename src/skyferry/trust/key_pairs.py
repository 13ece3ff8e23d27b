"""RSA key pairs that sign the digests of packages, in the one size that devices in the field can check.

AliOS Things' `ota_verify_rsa.c` compares the size of the public key with `OTA_SIGN_BITNUMB` (2,048 bits) and of its
exponent with 3 bytes, and `ota_transport_mqtt.c` decodes the signature into 256 bytes (`OTA_SIGN_LEN`): any other size
is refused there. So all keys have 2,048 bits and the exponent 65,537.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from skyferry import error_codes as codes
from skyferry.errors import ApiError

BITS: Final = 2_048
EXPONENT: Final = 65_537
EXPONENT_BYTES: Final = 3
_LONGEST_PEM: Final = 8_192
_ID_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair in PEM: the private key in PKCS#8, the public one as SubjectPublicKeyInfo."""

    private_pem: str
    public_pem: str

    @property
    def key_id(self) -> str:
        """What the key is called: the first 16 hexadecimal digits of the SHA-256 of its public part in DER."""
        return hashlib.sha256(public_der(self.public_pem)).hexdigest()[:_ID_CHARACTERS]


def generate() -> KeyPair:
    """A new key pair. It takes a good part of a second: not for the event loop."""
    return _pair(rsa.generate_private_key(EXPONENT, BITS))


def parse(pem: str) -> KeyPair:
    """The key pair of a private key that was given.

    Raises:
        ApiError: it is not an RSA key that devices can check, or it is encrypted: `iot.prod.InvalidSigningKey`.
    """
    if len(pem) > _LONGEST_PEM:
        raise ApiError(codes.INVALID_SIGNING_KEY)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ApiError(codes.INVALID_SIGNING_KEY) from None
    if (
        not isinstance(key, rsa.RSAPrivateKey)
        or key.key_size != BITS
        or key.public_key().public_numbers().e != EXPONENT
    ):
        raise ApiError(codes.INVALID_SIGNING_KEY)
    return _pair(key)


def public_der(public_pem: str) -> bytes:
    """A public key in DER."""
    return _public(public_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def modulus(public_pem: str) -> bytes:
    """The modulus of a public key: 256 bytes, the highest first, as `ota_pubn_buf` of AliOS Things takes it."""
    return _public(public_pem).public_numbers().n.to_bytes(BITS // 8, "big")


def exponent(public_pem: str) -> bytes:
    """The exponent of a public key: 3 bytes, as `ota_pube_buf` of AliOS Things takes it."""
    return _public(public_pem).public_numbers().e.to_bytes(EXPONENT_BYTES, "big")


def c_source(public_pem: str) -> str:
    """The public key as the two C arrays that AliOS Things' `ota_hal_digest.c` has it in."""
    arrays = (("ota_pubn_buf", modulus(public_pem)), ("ota_pube_buf", exponent(public_pem)))
    return "\n".join(_c_array(name, data) for name, data in arrays)


def _c_array(name: str, data: bytes) -> str:
    rows = (data[start : start + 12] for start in range(0, len(data), 12))
    lines = "\n".join("    " + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)
    return f"static const unsigned char {name}[{len(data)}] = {{\n{lines}\n}};\n"


def _public(public_pem: str) -> rsa.RSAPublicKey:
    key = load_pem_public_key(public_pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("The stored public key is no RSA key.")
    return key


def _pair(key: rsa.RSAPrivateKey) -> KeyPair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeyPair(private.decode(), public.decode())

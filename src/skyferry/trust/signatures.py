"""`digestsign`: the signature of a package's digest, which a notice carries when the product wants secure updates.

What is signed is the digest that the notice tells in `sign` (MD5 or SHA-256, by `signMethod`), as bytes and not as
text: `ota_verify_rsa` of AliOS Things reads the hexadecimal digits back into 16 or 32 bytes, takes the SHA-256 of
these, and checks the signature of that with RSASSA-PKCS1-v1_5. The hash of the signature is SHA-256 for both sign
methods. The 256 bytes travel in Base64 with padding, which `ota_base64_decode` reads. The platform's pages on OTA
updates show `digestsign` in the `data` of a notice, beside `sign` and `md5`; Link SDK C does not read it.
"""

import base64
import threading
from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from skyferry.keys import SecretBox
from skyferry.store.signing import SigningKeyRecord

MOST_SIGNATURES: Final = 10_000
"""Signatures that are remembered: 500 packages of 20 files each, about 8 MB."""


def digest_signature(key: RSAPrivateKey, digest: str) -> str:
    """The signature of a digest.

    Args:
        key: a key of 2,048 bits.
        digest: the digest in hexadecimal, as `sign` of the notice tells it.
    """
    return base64.b64encode(key.sign(bytes.fromhex(digest), PKCS1v15(), SHA256())).decode()


class DigestSigner:
    """Signs each digest once for each key and remembers the signature: a job's devices share it.

    Offers are made in the threads of the store, so it locks. A signature takes about a millisecond.
    """

    def __init__(self, box: SecretBox, *, most: int = MOST_SIGNATURES) -> None:
        """Remembers nothing yet.

        Args:
            box: opens the private keys.
            most: how many signatures are remembered.
        """
        self._box = box
        self._most = most
        self._lock = threading.Lock()
        self._signatures: OrderedDict[tuple[str, str], str] = OrderedDict()

    def sign(self, key: SigningKeyRecord, digest: str) -> str:
        """The signature of a digest in hexadecimal by a key of the product."""
        remembered = (key.key_id, digest)
        with self._lock:
            known = self._signatures.get(remembered)
            if known is not None:
                self._signatures.move_to_end(remembered)
                return known
        made = digest_signature(self._opened(key), digest)
        with self._lock:
            self._signatures[remembered] = made
            if len(self._signatures) > self._most:
                self._signatures.popitem(last=False)
        return made

    def _opened(self, key: SigningKeyRecord) -> RSAPrivateKey:
        """What is sealed was checked when it came and cannot have changed since: to check it anew takes 50 ms."""
        pem = self._box.open(key.private_sealed).encode()
        opened = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(opened, RSAPrivateKey):
            raise TypeError("The stored private key is no RSA key.")
        return opened

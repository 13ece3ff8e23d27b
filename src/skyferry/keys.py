"""The server's own key: one file of 32 random bytes in the data directory, from which every other key is derived.

Secrets of accounts, products and devices are stored sealed (AES-256-GCM), so a copy of the database alone gives no one
a key. Whoever moves a server moves the key file with the database.
"""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


class KeyRing:
    """Derives a key for each purpose from the server's master key."""

    def __init__(self, master: bytes) -> None:
        if len(master) != _KEY_BYTES:
            raise KeyFileError(f"The key file must hold {_KEY_BYTES} bytes, it holds {len(master)}.")
        self._master = master

    @classmethod
    def load_or_create(cls, path: Path) -> "KeyRing":
        """Reads the key file, or makes it with mode 0600.

        Raises:
            KeyFileError: the file is readable by others than its owner, or holds something else than a key.
        """
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return cls.load(path)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Reads the key file.

        Raises:
            KeyFileError: there is none, others than its owner may read it, or it holds something else than a key.
        """
        try:
            mode, master = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"The key file {path} cannot be read: {error.strerror}.") from None
        if mode & 0o077:
            raise KeyFileError(f"{path} is readable by others: run chmod 600 {path}.")
        return cls(master)

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same at every start."""
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode()).derive(self._master)


class SecretBox:
    """Seals secrets for storage and opens them again."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: str) -> bytes:
        """The secret, encrypted and authenticated: nonce, ciphertext and tag in one."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), None)

    def open(self, sealed: bytes) -> str:
        """The secret behind `seal`.

        Raises:
            cryptography.exceptions.InvalidTag: sealed with another key, or damaged.
        """
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None).decode()

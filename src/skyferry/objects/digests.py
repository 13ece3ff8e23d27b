"""The digests of a file, computed while it passes by."""

import hashlib

import fastcrc


class Digests:
    """MD5, SHA-1 and SHA-256, by which devices check their downloads, and CRC-64/XZ, which object storage answers."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._crc64 = 0

    def update(self, block: bytes) -> None:
        """Takes the next bytes. Slow enough for a thread of its own."""
        self.size += len(block)
        self._md5.update(block)
        self._sha1.update(block)
        self._sha256.update(block)
        self._crc64 = fastcrc.crc64.xz(block, self._crc64)

    @property
    def md5(self) -> str:
        """In lower-case hexadecimal digits."""
        return self._md5.hexdigest()

    @property
    def sha1(self) -> str:
        """In lower-case hexadecimal digits."""
        return self._sha1.hexdigest()

    @property
    def sha256(self) -> str:
        """In lower-case hexadecimal digits."""
        return self._sha256.hexdigest()

    @property
    def crc64(self) -> str:
        """As a decimal number."""
        return str(self._crc64)

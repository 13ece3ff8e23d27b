"""The SSL contexts: one for browsers and applications, one for devices, which may be old."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skyferry.tls.errors import TlsError
from skyferry.tls.files import PairFiles

_MODERN: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
_STATIC_RSA: Final = "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA"
"""TLS_RSA_WITH_AES_{128,256}_{GCM,CBC}_*: all that the mbedTLS in the C SDKs offers (device-plane reference §1.6)."""


@dataclass(frozen=True, slots=True)
class ContextSources:
    """What contexts are made of.

    Attributes:
        server: the server's certificate, with its chain, and its key.
        device_authorities: files of the authorities (PEM) whose certificates devices may log in with.
        static_rsa: devices may use key exchange without forward secrecy.
    """

    server: PairFiles
    device_authorities: Sequence[Path]
    static_rsa: bool = True

    def files(self) -> list[Path]:
        """All files that contexts are made of."""
        return [self.server.certificate, self.server.key, *self.device_authorities]


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts as of one moment.

    Attributes:
        https: TLS 1.2 with forward secrecy, and 1.3.
        devices: the same with static RSA behind it, if the settings have that; asks for a client certificate.
    """

    https: ssl.SSLContext
    devices: ssl.SSLContext


def load(sources: ContextSources) -> Contexts:
    """Makes the contexts from the files.

    Raises:
        TlsError: a file cannot be used.
    """
    https, devices = _context(sources.server), _context(sources.server)
    https.set_ciphers(_MODERN)
    devices.set_ciphers(f"{_MODERN}:{_STATIC_RSA}" if sources.static_rsa else _MODERN)
    for file in sources.device_authorities:
        try:
            devices.load_verify_locations(file)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(f"{file} cannot be used as authority of devices: {_reason(error)}.") from None
    devices.verify_mode = ssl.CERT_OPTIONAL
    return Contexts(https, devices)


def check_pair(certificate: Path, key: Path) -> None:
    """Returns when the files are a certificate and its key.

    Raises:
        TlsError: they are not.
    """
    _context(PairFiles(certificate, key))


def _context(files: PairFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    try:
        # The empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ssl.SSLError, ValueError) as error:
        raise TlsError(f"{files.certificate} and {files.key} cannot be used: {_reason(error)}.") from None
    return context


def _reason(error: Exception) -> str:
    """Why, in words: what the system says of a file, or OpenSSL of its content."""
    if isinstance(error, ssl.SSLError):
        return {
            "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
            "NO_START_LINE": "there is no PEM in it",
        }.get(error.reason or "", str(error.reason or error).lower().replace("_", " "))
    return getattr(error, "strerror", None) or str(error)

"""The certificates in the data directory: made when they are missing, renewed in time, and replaced as a whole.

| File | What it is |
| --- | --- |
| `ca.pem`, `ca.key` | the authority that devices trust |
| `server.pem`, `server.key` | the server's certificate, signed by it or given by the operator |
| `device-ca.pem`, `device-ca.key` | the authority of the devices' own certificates |
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from skyferry.tls import certificates
from skyferry.tls.certificates import KeyPair
from skyferry.tls.errors import TlsError

_AUTHORITY_NAME: Final = "Skyferry CA"
_DEVICE_AUTHORITY_NAME: Final = "Skyferry Device CA"
_RENEW_BEFORE: Final = timedelta(days=30)
_OTHERS: Final = 0o077


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class DeviceCertificate:
    """A certificate that was issued to a device, in PEM.

    Attributes:
        certificate: the certificate.
        key: its private key, which is kept nowhere else.
        serial: its serial number in hex.
        digest: the SHA-256 of its DER in hex, by which it is known again at the log-in.
    """

    certificate: str
    key: str
    serial: str
    digest: str


class TlsDirectory:
    """The folder of certificates. Every method may be called while a server uses the files.

    Every method raises `TlsError` when a file cannot be read or written, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        """Args: path: the folder, which is made when something is written to it."""
        self.path = path
        self.authority = PairFiles(path / "ca.pem", path / "ca.key")
        self.server = PairFiles(path / "server.pem", path / "server.key")
        self.device_authority = PairFiles(path / "device-ca.pem", path / "device-ca.key")

    def ensure(self, names: Sequence[str], now: datetime) -> bool:
        """Makes what is missing, and a new server certificate when the old one ends soon or its names are others.

        A server certificate that the own authority has not signed is the operator's: it stays.

        Args:
            names: what the server's certificate should be for, the most important name first.
            now: the time.

        Returns:
            True when the server's certificate is a new one.
        """
        with self._locked():
            authority = _load_or_create(self.authority, _AUTHORITY_NAME, now)
            _load_or_create(self.device_authority, _DEVICE_AUTHORITY_NAME, now)
            if not _wants_renewal(self.server, authority, names, now):
                return False
            _write_pair(self.server, certificates.make_server_certificate(authority, names, now))
            return True

    def authority_certificate(self, now: datetime) -> str:
        """The certificate of the authority in PEM; the authority is made when there is none."""
        with self._locked():
            return _load_or_create(self.authority, _AUTHORITY_NAME, now).certificate_pem

    def renew(self, names: Sequence[str], now: datetime, *, authority: bool = False) -> None:
        """Makes a new server certificate now, and a new authority before it when that is asked for."""
        with self._locked():
            if authority:
                _write_pair(self.authority, certificates.make_authority(_AUTHORITY_NAME, now))
            signer = _load_or_create(self.authority, _AUTHORITY_NAME, now)
            _write_pair(self.server, certificates.make_server_certificate(signer, names, now))

    def use(self, certificate: bytes, key: bytes) -> None:
        """Puts a certificate with its chain, and its key, in place of the server's own; the caller has checked them."""
        with self._locked():
            _replace(self.server.key, key)
            _replace(self.server.certificate, certificate)

    def issue_device_certificate(
        self, product_key: str, device_name: str, iot_id: str, now: datetime
    ) -> DeviceCertificate:
        """Issues a certificate to a device, signed by the devices' authority. Nothing of it is kept here.

        It takes about a tenth of a second of CPU time: call it in a thread.
        """
        with self._locked():
            authority = _load_or_create(self.device_authority, _DEVICE_AUTHORITY_NAME, now)
        made = certificates.make_device_certificate(authority, product_key, device_name, iot_id, now)
        return DeviceCertificate(
            made.certificate_pem,
            made.key_pem,
            certificates.serial_of(made.certificate),
            certificates.fingerprint_of(made.certificate),
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keeps other processes from changing the files meanwhile."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise TlsError(f"{self.path} cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise TlsError(f"{error.filename or self.path} cannot be used: {error.strerror}.") from None
        finally:
            os.close(descriptor)


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate in a PEM file.

    Raises:
        TlsError: there is none.
    """
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise TlsError(f"{path} holds no certificate in PEM.") from None


def _load_or_create(files: PairFiles, name: str, now: datetime) -> KeyPair:
    if not files.certificate.exists() and not files.key.exists():
        made = certificates.make_authority(name, now)
        _write_pair(files, made)
        return made
    return _read_pair(files)


def _read_pair(files: PairFiles) -> KeyPair:
    if files.key.stat().st_mode & _OTHERS:
        raise TlsError(f"{files.key} is readable by others: run chmod 600 {files.key}.")
    try:
        return KeyPair.read(files.certificate.read_bytes(), files.key.read_bytes())
    except ValueError as error:
        raise TlsError(
            f"{files.certificate} and {files.key} cannot be used: {error}. Put back both files from a copy; "
            "without the key, devices need a new authority: skyferry tls renew --ca."
        ) from None


def _wants_renewal(files: PairFiles, authority: KeyPair, names: Sequence[str], now: datetime) -> bool:
    if not files.certificate.exists():
        return True
    certificate = read_certificate(files.certificate)
    if not certificates.signed_by(certificate, authority.certificate):
        return False
    if certificate.not_valid_after_utc - now < _RENEW_BEFORE or set(certificates.names_of(certificate)) != set(names):
        return True
    try:
        KeyPair.read(files.certificate.read_bytes(), files.key.read_bytes())
    except (FileNotFoundError, ValueError):
        return True  # the program ended between the two files
    return False


def _write_pair(files: PairFiles, pair: KeyPair) -> None:
    _replace(files.key, pair.key_pem.encode())
    _replace(files.certificate, pair.certificate_pem.encode())


def _replace(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 as a whole: who reads it meanwhile has the old one."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

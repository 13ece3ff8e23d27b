"""The X.509 certificates of devices: issued by the server, or by an authority of the operator's own.

A certificate is known by the SHA-256 of its DER, so that exactly this one logs in, whatever else its authority issues.
"""

from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.keys import SecretBox
from skyferry.store import certificates as statements
from skyferry.store import products as product_statements
from skyferry.store.certificates import CertificateRecord
from skyferry.store.devices import DeviceRecord

X509 = "x509"
"""The AuthType of products whose devices log in with certificates."""


class IssuedCertificate(Protocol):
    """A certificate that was issued to a device: it, its private key, its serial number and its digest."""

    @property
    def certificate(self) -> str:
        """In PEM."""
        ...

    @property
    def key(self) -> str:
        """In PEM."""
        ...

    @property
    def serial(self) -> str:
        """In hexadecimal."""
        ...

    @property
    def digest(self) -> str:
        """The SHA-256 of its DER in hexadecimal."""
        ...


class CertificateIssuer(Protocol):
    """Issues certificates. It takes about a tenth of a second of CPU time, so it is called in a thread."""

    def __call__(self, product_key: str, device_name: str, iot_id: str) -> IssuedCertificate:
        """A new certificate of a device."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """A device that logs in with a certificate, and the one it has; None while it has none."""

    device: DeviceRecord
    product_key: str
    certificate: CertificateRecord | None


@dataclass(frozen=True, slots=True)
class GivenCertificate:
    """A certificate of the operator's own making."""

    pem: str = field(repr=False)
    serial: str
    digest: str


def find(tx: Connection, instance_id: int, reference: DeviceReference) -> Holder:
    """The device that a request names, with its certificate.

    Raises:
        ApiError: the device does not exist, or its product authenticates devices in another way.
    """
    return _holder(tx, devices.find(tx, instance_id, reference))


def keep_issued(
    tx: Connection,
    instance_id: int,
    reference: DeviceReference,
    issued: IssuedCertificate,
    *,
    box: SecretBox,
    now: int,
) -> Holder:
    """Gives a device a certificate that was issued to it, unless it got one meanwhile; tells which it has.

    Raises:
        ApiError: as for `find`.
    """
    holder = _holder(tx, devices.find_held(tx, instance_id, reference))
    statements.insert(
        tx,
        device_id=holder.device.id,
        digest=issued.digest,
        serial=issued.serial,
        pem=issued.certificate,
        key_sealed=box.seal(issued.key),
        created_at=now,
    )
    return _holder(tx, holder.device)


def replace(
    tx: Connection, instance_id: int, reference: DeviceReference, given: GivenCertificate | None, *, now: int
) -> int:
    """Voids a device's certificate and gives it another, or none: then a new one is issued when it is asked for.

    Returns:
        The key of the device.

    Raises:
        ApiError: as for `find`, or the certificate is another device's, whichever account that belongs to.
    """
    holder = _holder(tx, devices.find_held(tx, instance_id, reference))
    device_id = holder.device.id
    statements.remove(tx, device_id)
    if given is not None and not statements.insert(
        tx,
        device_id=device_id,
        digest=given.digest,
        serial=given.serial,
        pem=given.pem,
        key_sealed=None,
        created_at=now,
    ):
        raise ApiError(codes.DEVICE_CERTIFICATE_TAKEN)
    return device_id


def read(pem: str) -> GivenCertificate:
    """A certificate as a request holds it; of a chain, the first one is the device's.

    Raises:
        ApiError: the text holds no certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ApiError(codes.INVALID_DEVICE_CERTIFICATE) from None
    own = certificate.public_bytes(Encoding.PEM).decode()
    return GivenCertificate(own, f"{certificate.serial_number:040x}", certificate.fingerprint(SHA256()).hex())


def _holder(tx: Connection, device: DeviceRecord) -> Holder:
    product = product_statements.by_id(tx, device.product_id)
    if product.auth_type != X509:
        raise ApiError(codes.NO_DEVICE_CERTIFICATES)
    return Holder(device, product.product_key, statements.of_device(tx, device.id))

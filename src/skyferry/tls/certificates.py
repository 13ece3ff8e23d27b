"""Makes certificates: authorities, the server's own, devices'. No files and no state.

Everything is RSA 2048 signed with SHA-256: the C SDKs in the field take no other certificate (device-plane reference
§1.6), and a certificate with static-RSA key exchange needs `keyEncipherment`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_KEY_BITS: Final = 2_048
_EXPONENT: Final = 65_537
_NAME_LENGTH: Final = 64
"""Characters of the longest common name (RFC 5280, ub-common-name)."""
_CLOCK_ERROR: Final = timedelta(days=1)
"""Certificates are valid from this long ago on: clocks of devices are slow."""

AUTHORITY_LIFETIME: Final = timedelta(days=30 * 365)
"""Devices have the authority compiled in: it must outlive them."""
SERVER_LIFETIME: Final = timedelta(days=397)
"""What clients accept of a server's certificate at most; the server makes a new one in time."""
DEVICE_LIFETIME: Final = timedelta(days=20 * 365)
"""A device's certificate is not replaced in the field."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @classmethod
    def read(cls, certificate_pem: bytes, key_pem: bytes) -> "KeyPair":
        """Reads both from PEM.

        A key of our own making is read here, from a file that is its owner's alone: whether its numbers are primes is
        not tried again, which took 50 ms for each.

        Raises:
            ValueError: they cannot be read, are not RSA, or do not belong together.
        """
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = load_pem_private_key(key_pem, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the key is not RSA")  # noqa: TRY004 - a fault of the file, not of the caller
        if key.public_key() != certificate.public_key():
            raise ValueError("the key belongs to another certificate")
        return cls(certificate, key)

    @property
    def certificate_pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key in PEM, in the form that every SDK reads (PKCS #1)."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def make_authority(name: str, now: datetime) -> KeyPair:
    """A new certificate authority, which signs end certificates only."""
    key = _new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, (now, now + AUTHORITY_LIFETIME))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return KeyPair(builder.sign(key, SHA256()), key)


def make_server_certificate(authority: KeyPair, names: Iterable[str], now: datetime) -> KeyPair:
    """A new certificate of the server.

    Args:
        authority: signs it.
        names: DNS names and IP addresses, the most important one first.
        now: the time.
    """
    names = list(names)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_NAME_LENGTH])])
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    return _make_end_certificate(authority, subject, (now, now + SERVER_LIFETIME), purpose, alternatives)


def make_device_certificate(
    authority: KeyPair, product_key: str, device_name: str, iot_id: str, now: datetime
) -> KeyPair:
    """A new certificate of a device: the device's name, its product as organisation, its IotId as serial number."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, device_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, product_key),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, iot_id),
        ]
    )
    purpose = ExtendedKeyUsageOID.CLIENT_AUTH
    return _make_end_certificate(authority, subject, (now, now + DEVICE_LIFETIME), purpose)


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names and IP addresses that a certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found if isinstance(name, x509.DNSName | x509.IPAddress)]


def fingerprint_of(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate in hex."""
    return certificate.fingerprint(SHA256()).hex()


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number of a certificate in hex."""
    return f"{certificate.serial_number:040x}"


def signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """True when the authority issued the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except Exception:  # noqa: BLE001 - the library raises one of four kinds; each says no
        return False
    return True


def utc_now() -> datetime:
    """The time as certificates have it: whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def _make_end_certificate(
    authority: KeyPair,
    subject: x509.Name,
    period: tuple[datetime, datetime],
    purpose: x509.ObjectIdentifier,
    alternatives: x509.SubjectAlternativeName | None = None,
) -> KeyPair:
    key = _new_key()
    ends = min(period[1], authority.certificate.not_valid_after_utc)
    builder = _builder(subject, authority.certificate.subject, key, (period[0], ends))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    return KeyPair(builder.sign(authority.key, SHA256()), key)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(_EXPONENT, _KEY_BITS)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, period: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(period[0] - _CLOCK_ERROR)
        .not_valid_after(period[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)

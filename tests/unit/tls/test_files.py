"""The certificates in the data directory, and what they say."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skyferry.tls.certificates import fingerprint_of, names_of, signed_by, utc_now
from skyferry.tls.errors import TlsError
from skyferry.tls.files import TlsDirectory, read_certificate

NAMES = ["localhost", "127.0.0.1"]


def test_the_first_look_makes_all_files_for_the_owner_only(certified: TlsDirectory) -> None:
    made = {file.name: file.stat().st_mode & 0o777 for file in certified.path.iterdir()}
    names = {"ca.pem", "ca.key", "server.pem", "server.key", "device-ca.pem", "device-ca.key", "lock"}
    assert made == dict.fromkeys(names, 0o600)


def test_the_server_certificate_is_what_old_devices_take(certified: TlsDirectory) -> None:
    authority = read_certificate(certified.authority.certificate)
    server = read_certificate(certified.server.certificate)
    assert signed_by(server, authority)
    assert names_of(server) == NAMES
    for certificate in (authority, server):
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        assert key.key_size == 2048
        assert certificate.signature_hash_algorithm
        assert certificate.signature_hash_algorithm.name == "sha256"
    usage = server.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.key_encipherment, "static RSA needs it"
    purposes = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_authorities_outlive_devices_and_sign_end_certificates_only(certified: TlsDirectory) -> None:
    for files in (certified.authority, certified.device_authority):
        certificate = read_certificate(files.certificate)
        assert certificate.not_valid_after_utc - utc_now() > timedelta(days=29 * 365)
        rule = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        assert (rule.critical, rule.value.ca, rule.value.path_length) == (True, True, 0)


def test_what_is_in_order_stays(own: TlsDirectory) -> None:
    before = own.server.certificate.read_bytes()
    assert not own.ensure(list(reversed(NAMES)), utc_now())
    assert own.server.certificate.read_bytes() == before


def test_other_names_and_a_near_end_make_a_new_certificate_of_the_same_authority(own: TlsDirectory) -> None:
    authority = own.authority.certificate.read_bytes()
    assert own.ensure(["ota.example.com", *NAMES], utc_now())
    assert names_of(read_certificate(own.server.certificate)) == ["ota.example.com", *NAMES]
    assert own.ensure(["ota.example.com", *NAMES], utc_now() + timedelta(days=370))
    assert own.authority.certificate.read_bytes() == authority


def test_a_program_that_ended_between_the_two_files_is_put_right(own: TlsDirectory) -> None:
    own.server.key.write_bytes(own.device_authority.key.read_bytes())
    assert own.ensure(NAMES, utc_now())
    own.server.key.unlink()
    assert own.ensure(NAMES, utc_now())


def test_the_operator_s_certificate_stays_whatever_it_says(own: TlsDirectory, tmp_path_factory: object) -> None:
    other = TlsDirectory(own.path.parent / "other")
    other.ensure(["elsewhere.example.com"], utc_now())
    given = other.server.certificate.read_bytes()
    own.use(given, other.server.key.read_bytes())
    assert not own.ensure(NAMES, utc_now())
    assert own.server.certificate.read_bytes() == given
    own.renew(NAMES, utc_now())
    assert names_of(read_certificate(own.server.certificate)) == NAMES


def test_a_new_authority_is_made_on_demand_only(own: TlsDirectory) -> None:
    before = read_certificate(own.authority.certificate)
    own.renew(NAMES, utc_now(), authority=True)
    after = read_certificate(own.authority.certificate)
    assert fingerprint_of(after) != fingerprint_of(before)
    assert signed_by(read_certificate(own.server.certificate), after)
    assert own.authority_certificate(utc_now()).encode() == own.authority.certificate.read_bytes()


def test_a_device_certificate_says_whose_it_is(own: TlsDirectory) -> None:
    issued = own.issue_device_certificate("a1Product", "lamp:1@home", "iot-id-1", utc_now())
    certificate = x509.load_pem_x509_certificate(issued.certificate.encode())
    subject = {name: certificate.subject.get_attributes_for_oid(name)[0].value for name in (
        NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.SERIAL_NUMBER
    )}  # fmt: skip
    assert list(subject.values()) == ["lamp:1@home", "a1Product", "iot-id-1"]
    assert signed_by(certificate, read_certificate(own.device_authority.certificate))
    assert int(issued.serial, 16) == certificate.serial_number
    assert issued.digest == fingerprint_of(certificate)
    assert issued.key.startswith("-----BEGIN RSA PRIVATE KEY-----")
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_key_that_others_can_read_is_refused(own: TlsDirectory) -> None:
    own.authority.key.chmod(0o644)
    with pytest.raises(TlsError, match="chmod 600"):
        own.ensure(NAMES, utc_now())


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_damaged_authority_is_named_and_not_replaced(own: TlsDirectory, content: bytes) -> None:
    own.authority.certificate.write_bytes(content)
    with pytest.raises(TlsError, match=r"ca\.pem.*renew --ca"):
        own.ensure(NAMES, utc_now())
    assert own.authority.certificate.read_bytes() == content


def test_an_authority_without_its_key_is_not_replaced(own: TlsDirectory) -> None:
    own.authority.key.unlink()
    with pytest.raises(TlsError, match=r"ca\.key"):
        own.ensure(NAMES, utc_now())


def test_a_folder_that_cannot_be_made_is_named(own: TlsDirectory) -> None:
    with pytest.raises(TlsError, match="cannot be used"):
        TlsDirectory(own.authority.key / "tls").ensure(NAMES, utc_now())

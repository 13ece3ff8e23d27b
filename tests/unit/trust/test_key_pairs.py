"""Keys that devices can check signatures with, and no others."""

import re
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.errors import ApiError
from skyferry.trust import key_pairs
from skyferry.trust.key_pairs import KeyPair

PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL


@cache
def pair() -> KeyPair:
    return key_pairs.generate()


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    form: serialization.PrivateFormat = PKCS8,
    password: bytes | None = None,
) -> str:
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, protection).decode()


def code_of(text: str) -> str:
    with pytest.raises(ApiError) as refused:
        key_pairs.parse(text)
    return refused.value.kind.code


def test_a_key_that_is_made_is_one_that_may_be_given() -> None:
    assert key_pairs.parse(pair().private_pem) == pair()
    assert re.fullmatch("[0-9a-f]{16}", pair().key_id)


def test_the_older_form_of_openssl_may_be_given_too() -> None:
    key = serialization.load_pem_private_key(pair().private_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key_pairs.parse(pem(key, TRADITIONAL)) == pair()


def test_a_key_that_devices_cannot_check_with_is_refused() -> None:
    for key in (rsa.generate_private_key(65_537, 1_024), rsa.generate_private_key(3, 2_048)):
        assert code_of(pem(key)) == "iot.prod.InvalidSigningKey"
    assert code_of(pem(ec.generate_private_key(ec.SECP256R1()))) == "iot.prod.InvalidSigningKey"


def test_an_encrypted_key_and_a_public_key_are_refused() -> None:
    key = serialization.load_pem_private_key(pair().private_pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert code_of(pem(key, password=b"secret")) == "iot.prod.InvalidSigningKey"
    assert code_of(pair().public_pem) == "iot.prod.InvalidSigningKey"


def damaged(cut: int) -> str:
    """A key that lacks three characters."""
    return pair().private_pem[:cut] + pair().private_pem[cut + 3 :]


@settings(deadline=None)
@given(st.text(max_size=200) | st.integers(0, 1_600).map(damaged))
def test_whatever_is_no_key_is_refused_with_its_code(text: str) -> None:
    assert code_of(text) == "iot.prod.InvalidSigningKey"


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    assert code_of("-" * 8_193) == "iot.prod.InvalidSigningKey"


def test_c_source_holds_modulus_and_exponent() -> None:
    source = key_pairs.c_source(pair().public_pem)

    assert "static const unsigned char ota_pubn_buf[256] = {" in source
    assert "static const unsigned char ota_pube_buf[3] = {" in source
    written = bytes(int(byte, 16) for byte in re.findall("0x([0-9a-f]{2}),", source))
    assert written == key_pairs.modulus(pair().public_pem) + b"\x01\x00\x01"

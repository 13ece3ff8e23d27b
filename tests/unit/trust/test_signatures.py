"""`digestsign` as AliOS Things checks it, and each signature made once."""

import base64
import hashlib
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.keys import SecretBox
from skyferry.store.signing import SigningKeyRecord
from skyferry.trust import key_pairs, signatures
from skyferry.trust.key_pairs import KeyPair
from skyferry.trust.signatures import DigestSigner
from tests.support.digestsign import is_signed

BOX = SecretBox(bytes(32))


@cache
def pair(number: int) -> KeyPair:
    return key_pairs.generate()


def record(number: int = 1) -> SigningKeyRecord:
    made = pair(number)
    return SigningKeyRecord(1, made.key_id, BOX.seal(made.private_pem), made.public_pem, 0, None)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The digests that were signed."""
    digests: list[str] = []
    sign = signatures.digest_signature

    def noted(key: RSAPrivateKey, digest: str) -> str:
        digests.append(digest)
        return sign(key, digest)

    monkeypatch.setattr(signatures, "digest_signature", noted)
    return digests


@settings(max_examples=30)
@given(st.binary(max_size=64), st.sampled_from(["md5", "sha256"]))
def test_a_device_with_only_the_public_key_can_check_any_digest(content: bytes, method: str) -> None:
    digest = hashlib.new(method, content).hexdigest()
    signature = DigestSigner(BOX).sign(record(), digest)

    assert len(base64.b64decode(signature, validate=True)) == 256
    assert is_signed(signature, digest, pair(1).public_pem)
    assert not is_signed(signature, hashlib.new(method, content + b"!").hexdigest(), pair(1).public_pem)
    assert not is_signed(signature, digest, pair(2).public_pem)


def test_a_digest_is_signed_once_for_each_key(made: list[str]) -> None:
    signer = DigestSigner(BOX)
    digest = hashlib.sha256(b"firmware").hexdigest()

    assert {signer.sign(record(), digest) for _ in range(100)} == {signer.sign(record(), digest)}
    assert signer.sign(record(2), digest) != signer.sign(record(), digest)
    assert made == [digest, digest]


def test_only_so_many_signatures_are_remembered_and_the_longest_unused_is_forgotten(made: list[str]) -> None:
    signer = DigestSigner(BOX, most=2)
    first, second, third = (hashlib.md5(bytes([number])).hexdigest() for number in range(3))

    for digest in (first, second, first, third, first, second):
        signer.sign(record(), digest)

    assert made == [first, second, third, second]

"""Security tokens: sealed, self-contained, and of this server only."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.keys import KeyRing, SecretBox
from skyferry.ram.errors import TokenError
from skyferry.ram.tokens import SecurityTokens, Session

RING = KeyRing(b"r" * 32)
POLICY = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
SESSION = Session("3" + "1" * 17, "nightly", "STS.abc", "secret", 1_795_425_360_000, POLICY)


def test_another_process_with_the_same_keys_reads_a_token() -> None:
    token = SecurityTokens(RING).seal(SESSION)
    assert SecurityTokens(KeyRing(b"r" * 32)).open(token) == SESSION
    assert SESSION.secret not in token
    assert SESSION.secret not in repr(SESSION)


def test_no_two_tokens_are_the_same() -> None:
    tokens = SecurityTokens(RING)
    assert tokens.seal(SESSION) != tokens.seal(SESSION)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_token_is_no_token(position: int, change: int) -> None:
    sealed = bytearray(base64.b64decode(SecurityTokens(RING).seal(SESSION)))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(TokenError):
        SecurityTokens(RING).open(base64.b64encode(sealed).decode())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "CAIS+token/with=chars==",
        "ü",
        base64.b64encode(b"short").decode(),
        SecurityTokens(KeyRing(b"o" * 32)).seal(SESSION),
        base64.b64encode(SecretBox(RING.derive("secrets")).seal("{}")).decode(),
        base64.b64encode(SecretBox(RING.derive("security-tokens")).seal('{"role_id": "1"}')).decode(),
        base64.b64encode(SecretBox(RING.derive("security-tokens")).seal("not JSON")).decode(),
    ],
    ids=["empty", "short", "text", "not-ascii", "not-sealed", "other-keys", "other-use", "other-content", "not-json"],
)
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(TokenError):
        SecurityTokens(RING).open(token)

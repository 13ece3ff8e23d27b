"""The signatures of sub-devices (device-plane reference §2.10)."""

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.proofs import ProofError, UnknownMethodError, read_address, read_proof

SECRET = "devsecret0123456789abcdef01234567"
PYTHON = {
    "productKey": "a1SubDev001",
    "deviceName": "sub-1",
    "clientId": "a1SubDev001.sub-1|lan=Python,_v=2.2.1,_ss=1|",
    "timestamp": "1795425469",
    "cleanSession": "false",
}
METHODS = {"hmacMd5": "md5", "hmacsha1": "sha1", "hmacSha256": "sha256"}

TEXTS = st.text(st.characters(), max_size=40)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS, st.lists(TEXTS, max_size=2))


def sign(text: str, method: str = "hmacSha256") -> str:
    return hmac.new(SECRET.encode(), text.encode(), METHODS[method]).hexdigest()


def test_the_signed_text_has_names_and_values_in_order() -> None:
    text = "clientIda1SubDev001.sub-1|lan=Python,_v=2.2.1,_ss=1|deviceNamesub-1productKeya1SubDev001timestamp1795425469"
    proof = read_proof(PYTHON | {"sign": sign(text)}, "hmacSha256")

    assert proof.address == DeviceAddress("a1SubDev001", "sub-1")
    assert proof.is_right(SECRET)
    assert not proof.is_right(SECRET + "0")
    assert SECRET not in repr(proof)


@given(
    base=st.text(st.characters(categories=("L", "N", "P"), exclude_characters="|"), max_size=64),
    suffix=st.sampled_from(["", "|_ss=1|", "|a=1,b=2|"]),
    whole=st.booleans(),
    timestamp=st.one_of(st.integers(0, 10**15), st.from_regex("[0-9]{1,15}", fullmatch=True)),
    method=st.sampled_from(sorted(METHODS)),
    upper=st.booleans(),
)
def test_whatever_is_signed_with_the_secret_is_right(
    *, base: str, suffix: str, whole: bool, timestamp: int | str, method: str, upper: bool
) -> None:
    signed = base + suffix if whole else base
    signature = sign(f"clientId{signed}deviceNamesub-1productKeya1timestamp{timestamp}", method)
    said = {
        "productKey": "a1",
        "deviceName": "sub-1",
        "clientId": base + suffix,
        "timestamp": timestamp,
        "signmethod": method.upper() if upper else method,
        "sign": signature.upper() if upper else signature,
    }

    assert read_proof(said).is_right(SECRET)
    assert not read_proof(said | {"timestamp": f"{timestamp}0"}).is_right(SECRET)
    assert not read_proof(said | {"deviceName": "sub-2"}).is_right(SECRET)


@given(st.dictionaries(st.one_of(st.sampled_from([*PYTHON, "sign", "signMethod", "SIGN"]), TEXTS), VALUES), VALUES)
def test_anything_else_is_refused_in_words(said: dict[str, Any], method: Any) -> None:
    refusal = "It is refused."
    try:
        refused = not read_proof(said, method).is_right(SECRET)
    except ProofError as error:
        refused, refusal = True, str(error)

    assert refused
    assert refusal.endswith(".")


@pytest.mark.parametrize("field", ["sign", "clientId", "timestamp", "extra"])
def test_half_a_character_is_no_signature(field: str) -> None:
    assert not read_proof(PYTHON | {"sign": "00"} | {field: "\ud800"}).is_right(SECRET)


def test_an_unknown_algorithm_is_told_apart() -> None:
    with pytest.raises(UnknownMethodError, match="hmacSha256"):
        read_proof(PYTHON | {"sign": "00", "signMethod": "rot13"})


@pytest.mark.parametrize("name", ["", "sub\0-1", "sub-\ud800", "a" * 33, 7, None, ["sub-1"], "sub/1"])
def test_what_can_be_no_name_is_none(name: Any) -> None:
    with pytest.raises(ProofError):
        read_address({"productKey": "a1", "deviceName": name})
    with pytest.raises(ProofError):
        read_address({"productKey": name, "deviceName": "sub-1"} if name != "a" * 33 else {"productKey": name})

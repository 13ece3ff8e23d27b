"""Both signature schemes against published vectors and an independent signer."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from skyferry.errors import ApiError
from skyferry.rpc import signature_v1, signature_v3
from skyferry.rpc.encoding import canonical_query, percent_encode, read_form
from skyferry.rpc.signature import SignedRequest
from skyferry.rpc.signature_v1 import SignatureV1
from skyferry.rpc.signature_v3 import SignatureV3
from tests.unit.rpc.support import SECRET, encode, escape, public_v1, sign_v1, sign_v3

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = TEXT.filter(lambda name: name not in {"", "Signature"})
PARAMETERS = st.dictionaries(NAMES, TEXT, max_size=8)

PUBLISHED = [
    (
        {
            "Action": "DescribeRegions",
            "Format": "XML",
            "Version": "2014-05-26",
            "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
            "Timestamp": "2016-02-23T12:46:24Z",
        },
        "OLeaidS1JvxuMvnyHOwuJ+uX5qY=",
    ),
    (
        {
            "Action": "CreateUser",
            "UserName": "test",
            "Format": "JSON",
            "Version": "2015-05-01",
            "SignatureNonce": "6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2",
            "Timestamp": "2015-08-18T03:15:45Z",
        },
        "kRA2cnpJVacIhDMzXnoNZG9tDCI=",
    ),
    (
        {
            "Action": "DescribeDedicatedHosts",
            "RegionId": "cn-beijing",
            "Format": "JSON",
            "Version": "2014-05-26",
            "SignatureNonce": "edb2b34af0af9a6d14deaf7c1a5315eb",
            "Timestamp": "2023-03-13T08:34:30Z",
        },
        "9NaGiOspFP5UPcwX8Iwt2YJXXuk=",
    ),
]


@pytest.mark.parametrize(("parameters", "expected"), PUBLISHED)
def test_published_v1(parameters: dict[str, str], expected: str) -> None:
    shared = {"AccessKeyId": "testid", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0"}
    text = signature_v1.string_to_sign("GET", {**shared, **parameters, "Signature": "left out"})
    assert signature_v1.sign(text, "testsecret") == expected


def test_published_v3() -> None:
    payload = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": payload,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    request = SignedRequest("POST", query, query, CIMultiDict(headers), b"")
    text = signature_v3.string_to_sign(signature_v3.canonical_request(request, ";".join(headers)))
    assert text.endswith("\n7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259")
    expected = "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    assert signature_v3.sign(text, "YourAccessKeySecret") == expected


@given(TEXT)
def test_percent_encoding(text: str) -> None:
    assert percent_encode(text) == escape(text)


def test_blanks_stars_tildes_and_order() -> None:
    assert canonical_query({"b": "a b*~", "A.10": "", "A.2": "é+"}) == "A.10=&A.2=%C3%A9%2B&b=a%20b%2A~"
    assert read_form("a=x+y%2B&b&c=&&d=%7E*~", most=10) == {"a": "x y+", "b": "", "c": "", "d": "~*~"}


@pytest.mark.parametrize("raw", ["a=\udcff", "a=%C3", "a=1&b=2&a=3", "a=1&b=2&c=3&d=4&e=5", "a=%00"])
def test_forms_that_are_refused(raw: str) -> None:
    with pytest.raises(ApiError, match="InvalidParameter"):
        read_form(raw, most=4)


@given(PARAMETERS)
def test_forms_come_back_as_they_were_sent(parameters: dict[str, str]) -> None:
    assert read_form(encode(parameters), most=10) == parameters


def verify_v1(method: str, parameters: Mapping[str, str]) -> None:
    request = SignedRequest(method, parameters, parameters, CIMultiDict(), b"")
    scheme = SignatureV1()
    scheme.verify(request, scheme.public_parameters(request), SECRET)


@given(PARAMETERS, st.sampled_from(["GET", "POST"]), st.sampled_from(["HMAC-SHA1", "HMAC-SHA256"]), st.data())
def test_v1_accepts_what_was_signed_and_nothing_else(
    own: dict[str, str], method: str, algorithm: str, data: st.DataObject
) -> None:
    public = {name: value for name, value in public_v1("Toy").items() if value is not None}
    parameters = {**own, **public, "SignatureMethod": algorithm}
    signature = sign_v1(method, parameters, SECRET, algorithm.removeprefix("HMAC-").lower())
    verify_v1(method, {**parameters, "Signature": signature})

    changed = dict(parameters)
    name = data.draw(st.sampled_from(sorted(changed)))
    match data.draw(st.sampled_from(["value", "name", "drop", "add", "method"])):
        case "value":
            assume(name not in {"SignatureMethod", "SignatureVersion"})
            changed[name] = data.draw(TEXT.filter(lambda text: text and text != parameters[name]))
        case "name":
            assume(name not in public)
            changed[data.draw(NAMES.filter(lambda text: text not in parameters))] = changed.pop(name)
        case "drop":
            assume(name not in public)
            del changed[name]
        case "add":
            changed[data.draw(NAMES.filter(lambda text: text not in parameters))] = ""
        case "method":
            method = "PUT"
    with pytest.raises(ApiError, match="SignatureDoesNotMatch"):
        verify_v1(method, {**changed, "Signature": signature})


@given(PARAMETERS, st.binary(max_size=20), st.data())
def test_v3_accepts_what_was_signed_and_nothing_else(query: dict[str, str], body: bytes, data: st.DataObject) -> None:
    headers = sign_v3("POST", "Toy", query, body, host="http://h:80")

    def verify(method: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> None:
        request = SignedRequest(method, query, query, CIMultiDict(headers), body)
        scheme = SignatureV3()
        scheme.verify(request, scheme.public_parameters(request), SECRET)

    verify("POST", query, headers, body)
    verify("POST", query, {**headers, "accept": "text/html", "x-extra": "not signed"}, body)
    changed_query, changed_headers, changed_body = dict(query), dict(headers), body
    what = data.draw(st.sampled_from(["query", "header", "body", "method"]))
    if what == "query":
        changed_query[data.draw(NAMES.filter(lambda text: text not in query))] = ""
    elif what == "header":
        name = data.draw(st.sampled_from([name for name in headers if name not in {"accept", "Authorization"}]))
        changed_headers[name] += data.draw(st.sampled_from(["x", "0", "."]))
    elif what == "body":
        changed_body += b"x"
    method = "GET" if what == "method" else "POST"
    with pytest.raises(ApiError, match="SignatureDoesNotMatch"):
        verify(method, changed_query, changed_headers, changed_body)


@pytest.mark.parametrize(
    "text",
    [
        "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=a;b,Signature=00",
        "ACS3-HMAC-SHA256 Credential=k, Signature=00 , SignedHeaders=a;b",
        "ACS3-HMAC-SHA256  Signature = 00,SignedHeaders=a;b,Credential= k",
    ],
)
def test_the_parts_of_authorization_in_any_order(text: str) -> None:
    algorithm, parts = signature_v3.authorization(CIMultiDict({"authorization": text}))
    assert algorithm == "ACS3-HMAC-SHA256"
    assert parts == {"Credential": "k", "SignedHeaders": "a;b", "Signature": "00"}


def test_several_values_of_a_header_are_sorted_and_joined() -> None:
    headers = CIMultiDict([("X-Acs-A", " b "), ("x-acs-a", "a"), ("x-acs-content-sha256", "00")])
    request = SignedRequest("GET", {}, {}, headers, b"")
    assert (
        signature_v3.canonical_request(request, "x-acs-a;x-none")
        == "GET\n/\n\nx-acs-a:a,b\nx-none:\n\nx-acs-a;x-none\n00"
    )

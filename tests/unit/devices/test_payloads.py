"""Reading what firmware writes, and forgetting what no one can read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.devices.payloads import (
    Message,
    PayloadError,
    read_description,
    read_message,
    read_module,
    read_offer,
    read_step,
    read_version,
)


@pytest.mark.parametrize(
    ("payload", "request_id", "params"),
    [
        (b'{"id":1, "params":{"version":"1.0.0"}}', "1", {"version": "1.0.0"}),  # C SDK 4
        (b'{"id":"1","params":{"version":"1"}}', '"1"', {"version": "1"}),  # C SDK 3
        (b'\r\n { "id" : "123" ,\t"params" : { } } ', '"123"', {}),
        (b'{"id":"1","params":{"a":{"b":1,},"c":[1, 2 , ],},}', '"1"', {"a": {"b": 1}, "c": [1, 2]}),
        (b'{"id":"a,}","params":{"a":",]",},}', '"a,}"', {"a": ",]"}),
        (b'{"id":"a\\",}","params":{},}', '"a\\",}"', {}),
        (b"{,}", "0", {}),
        (b'{"params":{}}', "0", {}),
        (b'{"id":1}', "1", {}),
        (b'{"id":null,"params":null}', "0", {}),
        (b'{"id":true}', "0", {}),
        (b'{"id":[1]}', "0", {}),
        (b'{"id":1795426677163}', "1795426677163", {}),
        (b'{"id":1.50}', "1.50", {}),
        (b'{"id":1E3}', "1E3", {}),
        ('{"id":"编号"}'.encode(), '"编号"', {}),
        (b'{"id":"\\ud800x"}', '"?x"', {}),
        (b'{"id":"a\tb"}', '"a\\tb"', {}),
    ],
)
def test_envelope(payload: bytes, request_id: str, params: dict[str, object]) -> None:
    assert read_message(payload) == Message(request_id, params)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"1",
        b'"x"',
        b"null",
        b'{"id":1,,}',
        b'{"id":NaN}',
        b'{"params":[]}',
        b'{"params":"x"}',
        b'{"id":"' + b"x" * 200 + b'"}',
        b'{"id":' + b"1" * 5_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda payload: payload[:20],
)
def test_unreadable(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        read_message(payload)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text('{}[],:"\\1eid params\n', max_size=60).map(str.encode))
def test_arbitrary_bytes_raise_nothing_else(payload: bytes) -> None:
    try:
        message = read_message(payload)
    except PayloadError:
        return
    json.loads(message.request_id)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab,]}"\\ ', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('a,}"', max_size=4), inner, max_size=3),
    max_leaves=10,
)


def _with_trailing_commas(value: object) -> str:
    if isinstance(value, dict) and value:
        return "{" + "".join(f"{json.dumps(key)}:{_with_trailing_commas(item)} , " for key, item in value.items()) + "}"
    if isinstance(value, list) and value:
        return "[" + "".join(f"{_with_trailing_commas(item)} ,\n" for item in value) + "]"
    return json.dumps(value)


@settings(deadline=None)
@given(st.dictionaries(st.text('a,]"', max_size=4), _json, max_size=4))
def test_trailing_commas_change_nothing(params: dict[str, object]) -> None:
    assert read_message(_with_trailing_commas({"params": params}).encode()).params == params


def test_a_message_made_to_be_slow_is_refused_like_any_other() -> None:
    with pytest.raises(PayloadError):  # would take minutes if each quotation mark were tried as the beginning of a text
        read_message(b'{"a":"' + b'\\"' * 125_000)


@pytest.mark.parametrize(
    ("module", "expected"), [("MCU", "MCU"), ("default", "default"), ("", None), (None, None), ("a.b-c_D9", "a.b-c_D9")]
)
def test_module(module: object, expected: str | None) -> None:
    assert read_module({"module": module}) == expected
    assert read_module({}) is None


@pytest.mark.parametrize("module", [1, True, [], {}, "m" * 65, "a b", "a\0", "模块", "x\n"])
def test_no_module(module: object) -> None:
    with pytest.raises(PayloadError):
        read_module({"module": module})


@pytest.mark.parametrize("version", ["1", "1.0.0", "app-1.0.0-20180101.1000", "v" * 64, "a_b"])
def test_version(version: str) -> None:
    assert read_version({"version": version}) == version


@pytest.mark.parametrize("version", [None, "", 1, 1.5, "v" * 65, "1 0", "1/0", "1.0\n", "\uff11"])
def test_no_version(version: object) -> None:
    with pytest.raises(PayloadError):
        read_version({"version": version})


def test_a_version_written_as_a_number_is_none() -> None:
    with pytest.raises(PayloadError):
        read_version(read_message(b'{"params":{"version":1.5}}').params)


@pytest.mark.parametrize(
    ("step", "expected"), [("25", 25), (25, 25), ("0", 0), ("100", 100), (-1, -1), ("-4", -4), (" 7 ", 7), ("+3", 3)]
)
def test_step(step: object, expected: int) -> None:
    assert read_step({"step": step}) == expected


@pytest.mark.parametrize("step", [None, "", "101", 101, -5, "-5", "x", "1.5", True, [], "1_0", "٣", "9" * 5_000])
def test_no_step(step: object) -> None:
    with pytest.raises(PayloadError):
        read_step({"step": step})


@pytest.mark.parametrize(
    ("description", "expected"),
    [("x" * 200, "x" * 128), ("a\0b\ud800", "ab?"), (None, ""), (3, ""), ("", ""), ("下载", "下载")],
)
def test_description(description: object, expected: str) -> None:
    assert read_description({"desc": description}) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"code":"1000","data":{"version":"2","url":"u"},"id":1}', ("default", "2")),
        (b'{"code":"1000","data":{"version":"2","module":"MCU"},"id":1}', ("MCU", "2")),
        (b'{"data":{}}', None),
        (b'{"data":[]}', None),
        (b"[]", None),
        (b"?", None),
    ],
)
def test_offer(payload: bytes, expected: tuple[str, str] | None) -> None:
    assert read_offer(payload) == expected

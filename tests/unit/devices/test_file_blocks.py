"""The form of file downloads over MQTT (device-plane reference §2.9)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.devices.file_blocks import BlockRefusedError, BlockRequest, block_reply, read_block_request, refusal
from skyferry.devices.limits import DownloadLimits
from skyferry.devices.payloads import PayloadError
from tests.support import blocks

LIMITS = DownloadLimits()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def test_the_request_of_the_c_sdk_is_read_with_its_trailing_comma() -> None:
    payload = blocks.request(1_397_345, 20_480, 10_240)
    assert b",}" in payload
    assert read_block_request(payload, LIMITS) == BlockRequest('"1"', '"default"', 1_397_345, 1, 20_480, 10_240)


def test_numbers_may_be_text_and_the_file_may_be_named_as_in_the_push() -> None:
    text = '{"id":3,"params":{"fileInfo":{"streamId":"7","streamFileId":"1"},"fileBlock":{"size":"300","offset":"5"}}}'
    assert read_block_request(text.encode(), LIMITS) == BlockRequest("3", None, 7, 1, 5, 300)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"fileInfo": {"streamId": 1}},
        {"fileInfo": {"streamId": -1, "fileId": 1}},
        {"fileInfo": {"streamId": True, "fileId": 1}},
        {"fileInfo": {"streamId": 1.5, "fileId": 1}},
        {"fileInfo": {"streamId": 1, "fileId": 1}, "fileBlock": {"size": 0}},
        {"fileInfo": {"streamId": 1, "fileId": 1}, "fileBlock": {"size": "9" * 19}},
        {"fileInfo": {"streamId": 1, "fileId": 1}, "fileToken": "t" * 127},
        {"fileInfo": {"streamId": 1, "fileId": 1}, "fileToken": ["t"]},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_under_the_id_of_the_request(params: object) -> None:
    with pytest.raises(BlockRefusedError) as caught:
        read_block_request(json.dumps({"id": "9", "params": params}).encode(), LIMITS)
    assert (caught.value.request_id, caught.value.code) == ('"9"', 460)
    assert '"' not in str(caught.value)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_device_sends_is_read_or_refused(payload: bytes) -> None:
    try:
        request = read_block_request(payload, LIMITS)
    except (PayloadError, BlockRefusedError):
        return
    assert 0 < request.size <= LIMITS.most_block_bytes


@given(
    JSON,
    st.fixed_dictionaries({}, optional={"streamId": JSON, "fileId": JSON, "streamFileId": JSON}),
    st.fixed_dictionaries({}, optional={"size": JSON, "offset": JSON}),
    JSON,
)
def test_whatever_stands_in_the_right_places_is_read_or_refused(
    request_id: object, info: object, block: object, token: object
) -> None:
    params = {"fileInfo": info, "fileBlock": block, "fileToken": token}
    try:
        read_block_request(json.dumps({"id": request_id, "params": params}).encode(), LIMITS)
    except BlockRefusedError as error:
        blocks.parse(refusal(error.request_id, error.code, str(error)))
    except PayloadError:
        pass


@given(st.binary(max_size=600), st.text(max_size=40), st.none() | st.text(max_size=40), st.integers(0, 1 << 24))
def test_an_answer_is_what_a_device_takes_apart(
    content: bytes, request_id: str, token: str | None, offset: int
) -> None:
    raw_token = None if token is None else json.dumps(token)
    request = BlockRequest(json.dumps(request_id), raw_token, 1, 1, offset, 600)
    payload = block_reply(request, 1 << 25, content)
    length = int.from_bytes(payload[:2], "big")
    head = json.loads(payload[2 : 2 + length])
    assert head["id"] == request_id
    assert head["data"].get("fileToken") == token
    assert (head["data"]["bOffset"], head["data"]["bSize"], head["data"]["fileLength"]) == (
        offset,
        len(content),
        1 << 25,
    )
    assert payload[2 + length : -2] == content
    assert int.from_bytes(payload[-2:], "little") == blocks.crc_arc(content)


def test_a_refusal_is_shorter_than_any_block() -> None:
    payload = refusal("7", 404, "gone")
    assert payload == b'\x00\x33{"id":7,"code":404,"data":{},"message":"gone"}'.replace(
        b"\x00\x33", len(payload[2:]).to_bytes(2, "big")
    )

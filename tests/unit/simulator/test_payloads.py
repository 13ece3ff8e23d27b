"""What real firmware reads, misreads and ignores."""

import json
from typing import Any

import pytest

from skyferry.simulator import payloads
from skyferry.simulator.payloads import NoticeError, flat_value, parse_pull_reply, parse_push, parse_request_answer

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
URL = "http://files.example/o/a.bin?Expires=1&Signature=a%2Bb%3D"
DATA: dict[str, Any] = {
    "size": 100_000,
    "sign": SHA256,
    "version": "2.0.0",
    "url": URL,
    "signMethod": "SHA256",
    "md5": MD5,
}


def compact(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def push(**changes: Any) -> bytes:
    data = {key: value for key, value in (DATA | changes).items() if value is not None}
    return compact({"code": "1000", "data": data, "id": 1703410472799, "message": "success"})


def several(*files: dict[str, Any], **more: Any) -> bytes:
    data = {"version": "2.0.0", "signMethod": "Md5", "files": list(files), **more}
    return compact({"code": "1000", "data": data, "id": 1, "message": "success"})


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "fileSize": number,
        "fileName": f"f{number}",
        "fileUrl": f"http://h/{number}",
        "fileMd5": MD5,
        "fileSign": MD5,
    } | changes


def test_push_of_one_file() -> None:
    notice = parse_push(push(module="MCU", extData={"key": "value", "_package_udi": "{}"}))
    assert (notice.version, notice.module) == ("2.0.0", "MCU")
    (file,) = notice.files
    assert (file.url, file.size, file.md5, file.sign, file.sign_method) == (URL, 100_000, MD5, SHA256, "SHA256")


def test_push_for_the_default_module_names_none() -> None:
    assert parse_push(push()).module is None


def test_push_of_several_files() -> None:
    notice = parse_push(several(entry(1), entry(2)))
    assert [(file.url, file.size, file.sign_method) for file in notice.files] == [
        ("http://h/1", 1, "Md5"),
        ("http://h/2", 2, "Md5"),
    ]


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (json.dumps(json.loads(push())).encode(), r"code|blank|cannot read"),
        (push().replace(b'"version":"2.0.0"', b'"version": "2.0.0"'), "cannot read"),
        (push().replace(b"http://files", b"http:\\/\\/files"), "would read url"),
        (push().replace(b"&Sig", b"\\u0026Sig"), "would read url"),
        (push().replace(b'"code":"1000"', b'"code":1000'), "does not say"),
        (push().replace(b'"message":"success"', b'"message":"ok"'), "C SDK 3"),
        (push(signMethod="MD5"), "Md5 and SHA256"),
        (push(sign=MD5), "64 lower-case hex"),
        (push(sign=SHA256.upper()), "64 lower-case hex"),
        (push(md5=None), "md5 is missing"),
        (push(size="100000"), "size is missing or no whole number"),
        (push(url="ftp://h/f"), "no http"),
        (push(url="http://h/" + "a" * 250), "259 characters"),
        (push(url=f"http://{'h' * 128}/"), "128 characters"),
        (push(extData={}, isDiff=1), "extData must stand last"),
        (push(dProtocol="mqtt", streamId=1, streamFileId=1), "over MQTT"),
        (push(url=None, dProtocol="mqtt", streamId=1_000_000_000, streamFileId=1), "nine digits"),
        (push(url=None, dProtocol="mqtt", streamFileId=1), "streamId"),
        (push(extData={"text": "a" * 2000}), "devices hold 2048"),
        (compact({"code": "1000", "data": {}, "id": 1, "message": "success"}), "offer a package"),
        (compact({"code": "1000", "id": 1, "message": "success"}), "no data"),
        (compact([1]), "no data"),
        (b"\xff", "not UTF-8 JSON"),
        (several(entry(1)), "2 to 20 entries"),
        (several(*(entry(1) for _ in range(21))), "2 to 20 entries|devices hold"),
        (several(entry(1), entry(2), size=3), "must not carry size"),
        (several(entry(1), entry(2, fileMd5="")), "fileMd5"),
        (several(entry(1), entry(2)).replace(b'"fileSize":2', b'"fileSize": 2'), "blanks or escapes"),
    ],
)
def test_what_real_firmware_cannot_read_is_refused(payload: bytes, complaint: str) -> None:
    with pytest.raises(NoticeError, match=complaint):
        parse_push(payload)


def test_a_tag_in_front_hijacks_a_value() -> None:
    hijacked = {"code": "1000", "data": {"tags": {"version": "9.9.9"}} | DATA, "id": 1, "message": "success"}
    with pytest.raises(NoticeError, match=r"would read version as '9\.9\.9'"):
        parse_push(compact(hijacked))


def test_the_envelope_of_a_pull_reply_does_not_hijack_the_version() -> None:
    reply = {"id": "1", "version": "1.0", "code": 200, "data": DATA, "message": "success"}
    notice = parse_pull_reply(compact(reply))
    assert notice is not None
    assert notice.version == "2.0.0"


def test_pull_reply_speaks_in_numbers() -> None:
    with pytest.raises(NoticeError, match='does not say "code":200'):
        parse_pull_reply(push())


def test_nothing_to_install() -> None:
    assert parse_pull_reply(compact({"id": "1", "code": 200, "data": {}})) is None
    assert parse_request_answer(compact({"id": "1", "code": "1000", "data": {}})) is None


def test_answer_on_the_request_topic_has_the_form_of_a_push() -> None:
    notice = parse_request_answer(push())
    assert notice is not None
    assert notice.version == "2.0.0"


def test_own_request_is_no_answer() -> None:
    assert payloads.is_own_request(payloads.older_request(1, "1.0.0"))
    assert not payloads.is_own_request(push())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":"text","a":"other"}', "text"),
        ('{"a":12}', "12"),
        ('{"a":{"b":["}"]},"c":1}', '{"b":["}"]}'),
        ('{"b":1}', None),
    ],
)
def test_flat_search(text: str, value: str | None) -> None:
    assert flat_value(text, "a") == value


@pytest.mark.parametrize("text", ['{"a": 1}', '{"a":"open', '{"a":[1', '{"a":null}'])
def test_flat_search_knows_its_limits(text: str) -> None:
    with pytest.raises(NoticeError):
        flat_value(text, "a")


def test_messages_of_a_device() -> None:
    assert payloads.inform(1, "1.0.0", None) == b'{"id":1,"params":{"version":"1.0.0"}}'
    assert payloads.inform(1, "1.0.0", "MCU") == b'{"id":1,"params":{"version":"1.0.0","module":"MCU"}}'
    assert payloads.progress(2, 25, "", None) == b'{"id":2,"params":{"step":"25","desc":""}}'
    assert payloads.progress(2, -4, "flashing failed", "MCU") == (
        b'{"id":2,"params":{"step":"-4","desc":"flashing failed","module":"MCU"}}'
    )
    assert payloads.firmware_get(3, None) == (
        b'{"id":"3","version":"1.0","params":{},"method":"thing.ota.firmware.get"}'
    )
    assert payloads.older_request(4, "1.0.0") == b'{"id":"4","params":{"version":"1.0.0"}}'

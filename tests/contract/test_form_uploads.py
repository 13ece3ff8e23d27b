"""Forms as clients really send them: recorded curl and requests uploads, and the vendor's Java sample."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.objects.serving import ObjectServer, fields_of, request, serving

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "fixtures" / "object-post-uploads.json").read_text()
)
KEY = "ota/65dfcda0473be29836dfde585472aaaa/ck2nfzljo00023g7kysg0aaaa.bin"
CONTENT = bytes(range(32))


def recorded(variant: str) -> tuple[bytes, bytes]:
    """A recorded request: head and body."""
    found = next(item["request"] for item in RECORDED if item["variant"] == variant)
    target = "/objects" if found["target"] == "/" else found["target"]
    headers = {name: value for name, value in found["headers"] if name.lower() != "connection"}
    return request(found["method"], target, headers | {"Connection": "close"}), base64.b64decode(found["body_b64"])


def test_every_recorded_form_is_replayed() -> None:
    assert {item["variant"] for item in RECORDED} == {
        "curl",
        "requests",
        "requests-nofilename",
        "requests-files-first",
    }


@pytest.mark.parametrize("variant", ["curl", "requests", "requests-nofilename"])
async def test_recorded_upload_is_stored(variant: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reply = await server.exchange(b"".join(recorded(variant)))
        assert (reply.status, reply.body) == (200, b"")
        assert (await server.get(KEY)).body == CONTENT


async def test_recorded_upload_is_refused_a_minute_later(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        server.clock.now += 60_000
        reply = await server.exchange(b"".join(recorded("curl")))
        assert (reply.status, reply.code) == (403, "AccessDenied")
        assert reply.element("Message") == "Invalid according to Policy: Policy expired."
        assert server.files() == []


async def test_recorded_form_with_the_file_first_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reply = await server.exchange(b"".join(recorded("requests-files-first")))
        assert (reply.status, reply.code) == (400, "InvalidArgument")
        message = reply.element("Message") or ""
        assert "'key'" in message
        assert "order of the fields" in message
        assert (server.files(), await server.rows()) == ([], 0)


async def java_sample(server: ObjectServer, content: bytes) -> tuple[str, bytes]:
    """What Apache HttpClient makes of the vendor's sample: text bodies, then `addBinaryBody("file", …)`."""
    ticket = await server.ticket()
    boundary = "0Zk2mGqYvBw-Ry4Wd_aN3xLhT8cE7uKp"
    body = b""
    for name, value in fields_of(ticket):
        sent = "signature" if name == "Signature" else name
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{sent}"\r\n'
            "Content-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            f"{value}\r\n"
        ).encode()
    body += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"\r\n'
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    head = {
        "Host": "files.test",
        "Connection": "close",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    return ticket.key, request("POST", "/objects", head | {"Content-Length": str(len(body))}) + body


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 100,
        b"\r\n--0Zk2mGqYvBw\r\n" * 50,
        "text that is not binary: \u00e9\u4e2d".encode("gb18030"),
        b"YWJj\n=41",
    ],
    ids=["binary", "like a boundary", "text", "like an encoding"],
)
async def test_java_sample_is_stored_byte_for_byte(content: bytes, tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        key, raw = await java_sample(server, content)
        assert (await server.exchange(raw)).status == 200
        assert (await server.get(key)).body == content


async def test_device_list_sample_names_the_key_id_otherwise(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        head, body = recorded("curl")
        renamed = body.replace(b'"OSSAccessKeyId"', b'"AccessKeyId"')
        length = f"Content-Length: {len(body)}".encode()
        assert length in head
        reply = await server.exchange(head.replace(length, f"Content-Length: {len(renamed)}".encode()) + renamed)
        assert reply.status == 200


async def test_form_in_a_chunked_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        head, body = recorded("curl")
        chunked = head.replace(f"Content-Length: {len(body)}".encode(), b"Transfer-Encoding: chunked")
        chunks = [body[at : at + 7] for at in range(0, len(body), 7)]
        raw = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        assert (await server.exchange(chunked + raw)).status == 200
        assert (await server.get(KEY)).body == CONTENT

"""Uploads over HTTP: every refusal, and that none of them leaves anything behind."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import fastcrc
import pytest

from skyferry.objects.limits import ObjectLimits
from skyferry.store import objects as statements
from tests.unit.objects.forms_to_send import KEY, LIMITS, assert_is_error, assert_nothing_is_left, body_of, signed
from tests.unit.objects.serving import (
    BOUNDARY,
    NOW_MS,
    OTHER_PREFIX,
    PREFIX,
    ObjectServer,
    add_package_of,
    form,
    part,
    request,
    serving,
)
from tests.unit.objects.storages import Storage


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ObjectServer]:
    async with serving(tmp_path, limits=LIMITS) as started:
        yield started


@pytest.fixture
async def any_server(tmp_path: Path, storage: Storage) -> AsyncIterator[ObjectServer]:
    """One server for each kind of object store."""
    async with serving(tmp_path, limits=LIMITS, storage=storage) as started:
        yield started


async def test_upload_stores_file_and_digests(any_server: ObjectServer) -> None:
    content = bytes(range(256)) * 3
    key = await any_server.put(content)
    item = await any_server.store.read(statements.find_object, 1, key)
    assert item == statements.StoredObject(
        key=key,
        instance_id=1,
        size=len(content),
        md5=hashlib.md5(content).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest(),
        crc64=str(fastcrc.crc64.xz(content)),
        created_at=NOW_MS,
        sha1=hashlib.sha1(content).hexdigest(),
    )
    assert any_server.files() == [f"{key}.{hashlib.sha256(content).hexdigest()}"]
    assert await any_server.store.read(statements.find_object, 2, key) is None


async def test_empty_file_is_stored(any_server: ObjectServer) -> None:
    key = await any_server.put(b"")
    assert (await any_server.get(key)).body == b""


async def test_crc64_is_the_one_of_object_storage(server: ObjectServer) -> None:
    reply = await server.post(body_of(signed([]), b"123456789"))
    assert reply.header("x-oss-hash-crc64ecma") == str(0x995DC9BBDF1939FA)


@pytest.mark.parametrize(("wanted", "status"), [("200", 200), ("204", 204), ("201", 201), ("404", 204), (None, 204)])
@pytest.mark.parametrize("path", ["/objects", "/objects/"])
async def test_status_of_success(wanted: str | None, status: int, path: str, server: ObjectServer) -> None:
    fields = signed([]) | ({} if wanted is None else {"success_action_status": wanted})
    reply = await server.post(body_of(fields), path=path)
    etag = '"' + hashlib.md5(b"abc").hexdigest().upper() + '"'
    assert reply.status == status
    assert reply.header("ETag") == etag
    assert reply.header("Server") == "AliyunOSS"
    assert len(reply.header("x-oss-request-id")) == 24
    if status == 201:
        assert [reply.element(name) for name in ("Bucket", "Location", "Key", "ETag")] == [
            "iotx-ota",
            f"http://ota.test/objects/{KEY}",
            KEY,
            etag,
        ]
    else:
        assert reply.body == b""


async def test_fields_are_matched_in_any_case_and_behind_the_file_ignored(server: ObjectServer) -> None:
    fields = {name.swapcase(): value for name, value in signed([["eq", "$key", KEY]]).items()}
    reply = await server.post(form(list(fields.items()), b"abc", after=part("submit", b"Upload") + part("key", b"x")))
    assert reply.status == 204


Change = Callable[[dict[str, str]], dict[str, str]]


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        (lambda fields: fields | {"key": ""}, 400, "InvalidArgument", "'key'"),
        (lambda fields: fields | {"policy": ""}, 400, "InvalidArgument", "'policy'"),
        (lambda fields: fields | {"Signature": ""}, 400, "InvalidArgument", "'Signature'"),
        (lambda fields: fields | {"OSSAccessKeyId": ""}, 400, "InvalidArgument", "'OSSAccessKeyId'"),
        (lambda fields: {"key": fields["key"]}, 403, "AccessDenied", "not signed"),
        (lambda fields: fields | {"OSSAccessKeyId": "nobody"}, 403, "InvalidAccessKeyId", "does not exist"),
        (lambda fields: fields | {"OSSAccessKeyId": "oss\0id"}, 403, "InvalidAccessKeyId", "does not exist"),
        (lambda fields: fields | {"OSSAccessKeyId": "otherid"}, 403, "SignatureDoesNotMatch", "does not match"),
        (lambda fields: fields | {"Signature": "x"}, 403, "SignatureDoesNotMatch", "does not match"),
        (lambda fields: fields | {"Signature": "\u4e2d"}, 403, "SignatureDoesNotMatch", "does not match"),
        (lambda fields: fields | {"policy": fields["policy"] + " "}, 403, "SignatureDoesNotMatch", "does not match"),
        (lambda fields: signed([["eq", "$key", "ota/x"]]), 403, "AccessDenied", 'Failed: ["eq", "$key", "ota/x"]'),
        (lambda fields: signed([["like", "$key", "x"]]), 400, "InvalidPolicyDocument", "Invalid Policy: "),
        (lambda fields: signed([["content-length-range", 0, 2]]), 400, "EntityTooLarge", "maximum"),
        (lambda fields: signed([["content-length-range", 4, 9]]), 400, "EntityTooSmall", "minimum"),
        (lambda fields: signed([], key="firmware.bin"), 400, "InvalidObjectName", "not valid"),
        (lambda fields: signed([], key=f"ota/{PREFIX}/../x.bin"), 400, "InvalidObjectName", "not valid"),
        (lambda fields: signed([], key=KEY.replace(PREFIX, OTHER_PREFIX)), 403, "AccessDenied", "no right"),
        (lambda fields: fields | {"n" * 9_000: ""}, 400, "FieldItemTooLong", "8192 bytes"),
    ],
)
async def test_refused_forms(change: Change, status: int, code: str, message: str, server: ObjectServer) -> None:
    reply = await server.post(body_of(change(signed([]))))
    assert_is_error(reply, status, code)
    assert message.lower() in (reply.element("Message") or "").lower()
    await assert_nothing_is_left(server)


async def test_refusals_name_what_was_given(server: ObjectServer) -> None:
    unknown = await server.post(body_of(signed([]) | {"OSSAccessKeyId": "<no\x01body>"}))
    assert unknown.element("OSSAccessKeyId") == "<no?body>"
    fields = signed([])
    mismatch = await server.post(body_of(fields | {"Signature": "AAAA"}))
    assert mismatch.element("SignatureProvided") == "AAAA"
    assert mismatch.element("StringToSign") == fields["policy"]


@pytest.mark.rule("GenerateOTAUploadURL", "GenerateDeviceNameListURL")
async def test_expired_policy_is_refused(server: ObjectServer) -> None:
    server.clock.now += 30_001
    reply = await server.post(body_of(signed([])))
    assert_is_error(reply, 403, "AccessDenied")
    assert reply.element("Message") == "Invalid according to Policy: Policy expired."
    await assert_nothing_is_left(server)


@pytest.mark.rule("GenerateOTAUploadURL")
async def test_file_over_the_servers_limit_is_refused_while_it_arrives(server: ObjectServer) -> None:
    head = body_of(signed([]), b"").partition(b"--" + BOUNDARY.encode() + b"--")[0].removesuffix(b"\r\n")
    lines = {"Host": "files.test", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    raw = request("POST", "/objects", lines | {"Content-Length": "40000"}) + head + b"x" * 2_000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(raw)
    answer = await reader.readuntil(b"</Error>")
    writer.close()
    assert b"EntityTooLarge" in answer
    await assert_nothing_is_left(server)


async def test_body_over_the_limit_is_refused_by_its_header(server: ObjectServer) -> None:
    lines = {"Host": "files.test", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request("POST", "/objects", lines | {"Content-Length": "50001"}))
    assert b"EntityTooLarge" in await reader.readuntil(b"</Error>")
    writer.close()


async def test_chunked_body_over_the_limit_is_refused_while_it_arrives(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=ObjectLimits(most_body_bytes=1_000)) as server:
        lines = {"Host": "files.test", "Connection": "close", "Transfer-Encoding": "chunked"}
        lines["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        body = body_of(signed([]), b"x" * 2_000)
        raw = request("POST", "/objects", lines) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        assert_is_error(await server.exchange(raw), 400, "EntityTooLarge")
        await assert_nothing_is_left(server)


async def test_client_that_is_refused_early_hears_why(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        reply = await server.post(body_of(signed([]) | {"Signature": "x"}, bytes(8 << 20)))
        assert_is_error(reply, 403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"key=value", "application/x-www-form-urlencoded", "MalformedPOSTRequest"),
        (b"no form at all", f"multipart/form-data; boundary={BOUNDARY}", "MalformedPOSTRequest"),
        (b"", f"multipart/form-data; boundary={BOUNDARY}", "MalformedPOSTRequest"),
        (
            part("key", b"k") + f"--{BOUNDARY}--\r\n".encode(),
            f"multipart/form-data; boundary={BOUNDARY}",
            "IncorrectNumberOfFilesInPOSTRequest",
        ),
    ],
)
async def test_bodies_that_are_no_upload(body: bytes, content_type: str, code: str, server: ObjectServer) -> None:
    assert_is_error(await server.post(body, content_type=content_type), 400, code)
    await assert_nothing_is_left(server)


async def test_second_file_is_refused_and_the_first_not_stored(server: ObjectServer) -> None:
    reply = await server.post(form(list(signed([]).items()), b"abc", after=part("file", b"def", filename="b")))
    assert_is_error(reply, 400, "IncorrectNumberOfFilesInPOSTRequest")
    await assert_nothing_is_left(server)


async def test_content_md5_of_the_body(server: ObjectServer) -> None:
    body = body_of(signed([]))
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    wrong = await server.post(body, headers={"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert_is_error(wrong, 400, "InvalidDigest")
    await assert_nothing_is_left(server)
    assert (await server.post(body, headers={"Content-MD5": digest})).status == 204


async def test_second_upload_replaces_the_first(any_server: ObjectServer) -> None:
    assert (await any_server.post(body_of(signed([]), b"first"))).status == 204
    assert (await any_server.post(body_of(signed([]), b"second"))).status == 204
    assert (await any_server.post(body_of(signed([]), b"second"))).status == 204
    assert (await any_server.get(KEY)).body == b"second"
    assert len(any_server.files()) == 1


@pytest.mark.rule("GenerateOTAUploadURL")
async def test_object_of_a_package_is_never_replaced(any_server: ObjectServer) -> None:
    await any_server.post(body_of(signed([]), b"first"))
    await any_server.store.write(add_package_of, KEY)
    for content in (b"second", b"first"):
        reply = await any_server.post(body_of(signed([]), content))
        assert_is_error(reply, 409, "FileAlreadyExists")
        assert (await any_server.get(KEY)).body == b"first"
        assert len(any_server.files()) == 1


async def test_an_upload_can_be_repeated_whatever_packages_there_are(server: ObjectServer) -> None:
    other = f"ota/{PREFIX}/{'b' * 25}.bin"
    assert (await server.post(body_of(signed([], key=other), b"other"))).status == 204
    await server.store.write(add_package_of, other)
    for content in (b"first", b"second"):
        assert (await server.post(body_of(signed([]), content))).status == 204
    assert (await server.get(KEY)).body == b"second"


async def test_forbidden_overwriting(any_server: ObjectServer) -> None:
    fields = signed([]) | {"x-oss-forbid-overwrite": "true"}
    assert (await any_server.post(body_of(fields, b"first"))).status == 204
    assert_is_error(await any_server.post(body_of(fields, b"second")), 409, "FileAlreadyExists")
    assert (await any_server.get(KEY)).body == b"first"


async def test_other_instances_key_cannot_be_taken(any_server: ObjectServer) -> None:
    """Even when a row got there by another way than through a form."""
    new = statements.StoredObject(KEY, 2, 1, "m", "s", "0", NOW_MS)
    await any_server.store.write(statements.put_object, new)
    assert_is_error(await any_server.post(body_of(signed([]))), 409, "FileAlreadyExists")
    assert any_server.files() == []

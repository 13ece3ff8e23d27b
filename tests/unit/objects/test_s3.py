"""What is particular to a bucket: whose it is, what a crash leaves in it, and a server of it that does not answer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from skyferry.objects.bucket import BucketPlace
from skyferry.objects.interface import ObjectStore, StoreAwayError, StoreRefusesError
from skyferry.objects.limits import S3Limits
from skyferry.objects.s3 import S3ObjectStore
from tests.support.bucket import S3Server
from tests.unit.objects.conftest import SMALL_PARTS
from tests.unit.objects.forms_to_send import KEY, LIMITS, assert_is_error, body_of, signed
from tests.unit.objects.serving import serving
from tests.unit.objects.storages import OWNER, PREFIX, S3Storage, place_of
from tests.unit.objects.test_stores import NAME, put, read

IMPATIENT = S3Limits(answer_seconds=0.2, part_seconds=0.2, copy_seconds=0.2, attempts=1)


async def refusal(store: ObjectStore) -> str:
    """Why the store does not start."""
    return str(await failure(store))


async def failure(store: ObjectStore) -> StoreAwayError:
    try:
        with pytest.raises(StoreAwayError) as failed:
            await store.start()
    finally:
        await store.close()
    return failed.value


async def started(place: BucketPlace, prefix: str = "", owner: str = OWNER) -> S3ObjectStore:
    store = S3ObjectStore(place, prefix, owner)
    await store.start()
    return store


async def test_bucket_must_be_there(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    place = place_of(bucket)
    bucket.vanish()
    assert await refusal(S3ObjectStore(place, "", OWNER)) == (
        f"The object store has no such bucket: the bucket {bucket.name} of {s3_server.url}."
    )


async def test_server_must_be_there(s3_server: S3Server) -> None:
    place = replace(place_of(s3_server.bucket()), endpoint="http://127.0.0.1:1")
    error = await failure(S3ObjectStore(place, "", OWNER))
    assert str(error).startswith(f"The object store cannot be reached: the bucket {place.bucket} of {place.endpoint} (")
    assert not isinstance(error, StoreRefusesError)


@pytest.mark.parametrize(("status", "is_a_refusal"), [(403, True), (503, False)])
async def test_who_lets_nobody_in_is_told_from_who_cannot_answer(
    s3_server: S3Server, status: int, is_a_refusal: bool
) -> None:
    body = b"<Error><Code>Whatever</Code><Message>No.</Message></Error>"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        place = replace(place_of(s3_server.bucket()), endpoint=f"http://127.0.0.1:{port}")
        error = await failure(S3ObjectStore(place, "", OWNER, replace(IMPATIENT, answer_seconds=30)))
    assert isinstance(error, StoreRefusesError) == is_a_refusal
    assert "(Whatever: No.)" in str(error)


async def test_server_that_says_something_else_is_refused(s3_server: S3Server) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n<html>Hi!")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        place = replace(place_of(s3_server.bucket()), endpoint=f"http://127.0.0.1:{port}")
        assert "The object store" in await refusal(S3ObjectStore(place, "", OWNER, IMPATIENT))


async def test_access_key_must_be_given(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    place = replace(place_of(s3_server.bucket()), access_key_id=None, secret_access_key=None)
    assert "give objects_s3_access_key_id" in await refusal(S3ObjectStore(place, "", OWNER))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    await (await started(place)).close()


async def test_secret_is_not_shown(s3_server: S3Server) -> None:
    place = replace(place_of(s3_server.bucket()), secret_access_key="hidden")
    assert "hidden" not in f"{place} {place!r}"


async def test_bucket_of_another_server_is_left_alone(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    place = place_of(bucket)
    first = await started(place, PREFIX)
    await put(first, NAME, b"abc")
    await first.close()
    kept = bucket.keys()
    said = await refusal(S3ObjectStore(place, PREFIX, "somebody else"))
    assert "Another server keeps its package files" in said
    assert f"remove {PREFIX}skyferry-owner" in said
    assert bucket.keys() == kept
    again = await started(place, PREFIX)
    assert await read(again, NAME, 0, 3) == b"abc"
    await again.close()


async def test_two_prefixes_of_a_bucket_do_not_know_each_other(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    one = await started(place_of(bucket), "one/", "first")
    two = await started(place_of(bucket), "two/", "second")
    await put(one, NAME, b"abc")
    bucket.put("one/incoming/left", b"x")
    assert [blob async for blob in two.blobs()] == []
    assert await two.sweep() == 0
    with pytest.raises(FileNotFoundError):
        await two.open(NAME)
    assert await one.sweep() == 1
    await one.close()
    await two.close()


async def test_sweep_ends_uploads_that_a_crash_has_left(s3_server: S3Server) -> None:
    bucket = s3_server.bucket()
    store = await started(place_of(bucket), PREFIX)
    bucket.begin_upload(f"{PREFIX}incoming/left")
    bucket.begin_upload("incoming/of-somebody-else")
    bucket.put(f"{PREFIX}incoming/whole", b"never copied")
    assert await store.sweep() == 2
    assert bucket.uploads() == ["incoming/of-somebody-else"]
    assert bucket.keys() == [f"{PREFIX}skyferry-owner"]
    await store.close()


@asynccontextmanager
async def away(server: S3Server) -> AsyncIterator[None]:
    """Nothing listens at the server's address for as long as the block runs."""
    await asyncio.to_thread(server.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def test_upload_and_download_say_that_the_store_is_away(s3_server: S3Server, tmp_path: Path) -> None:
    storage = S3Storage(s3_server.bucket(), SMALL_PARTS)
    async with serving(tmp_path, limits=LIMITS, storage=storage) as server:
        assert (await server.post(body_of(signed([]), b"first" * 100))).status == 204
        [kept] = server.files()
        async with away(s3_server):
            for content in (b"small", b"large" * 150):
                reply = await server.post(body_of(signed([]), content))
                assert_is_error(reply, 503, "ServiceUnavailable")
                assert reply.header("Retry-After") == "30"
            reply = await server.get(KEY)
            assert_is_error(reply, 503, "ServiceUnavailable")
            assert reply.header("Retry-After") == "30"
            with pytest.raises(StoreAwayError):
                await storage.objects.check()
        assert server.files() == [kept]
        assert (await server.get(KEY)).body == b"first" * 100
        assert (await server.post(body_of(signed([]), b"second"))).status == 204
        assert (await server.get(KEY)).body == b"second"


@pytest.mark.parametrize("step", ["begin_upload", "upload_part", "complete_upload", "copy", "put"])
async def test_upload_whose_every_step_may_fail_leaves_nothing(
    step: str, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise StoreAwayError("away for a moment")

    storage = S3Storage(s3_server.bucket(), SMALL_PARTS)
    content = b"x" * (10 if step == "put" else 900)
    async with serving(tmp_path, limits=LIMITS, storage=storage) as server:
        with monkeypatch.context() as patch:
            patch.setattr(f"skyferry.objects.bucket.Bucket.{step}", fail)
            assert_is_error(await server.post(body_of(signed([]), content)), 503, "ServiceUnavailable")
        assert (server.files(), await server.rows()) == ([], 0)
        assert (await server.post(body_of(signed([]), content))).status == 204
        assert (await server.get(KEY)).body == content


async def test_what_cannot_be_removed_is_left_and_the_upload_counts(
    s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise StoreAwayError("away for a moment")

    storage = S3Storage(s3_server.bucket(), SMALL_PARTS)
    async with serving(tmp_path, limits=LIMITS, storage=storage) as server:
        with monkeypatch.context() as patch:
            patch.setattr("skyferry.objects.bucket.Bucket.delete", fail)
            for content in (b"first" * 100, b"second" * 100):
                assert (await server.post(body_of(signed([]), content))).status == 204
        assert (await server.get(KEY)).body == b"second" * 100
        assert len(server.files()) == 4
        assert await storage.objects.sweep() == 2


async def test_server_that_never_answers_is_given_up(s3_server: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        place = replace(place_of(s3_server.bucket()), endpoint=endpoint)
        said = await refusal(S3ObjectStore(place, "", OWNER, IMPATIENT))
    assert "did not answer within 0.2 s" in said

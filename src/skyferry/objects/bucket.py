"""A bucket of S3 by its own operations: each bounded in time, and every failure one sentence.

Only what all servers that speak S3 have is used: no checksums in trailers, no conditional writes.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from aiohttp import ClientError as HttpClientError
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from skyferry.objects.interface import StoreAwayError, StoreRefusesError
from skyferry.objects.limits import S3Limits

_CONTENT_TYPE: Final = "application/octet-stream"
_PARTIAL: Final = 206
_SERVER_ERROR: Final = 500
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "404"})
_BEHIND_THE_END: Final = "InvalidRange"


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Where a bucket is, and who asks for it.

    Attributes:
        bucket: its name.
        endpoint: the URL of the server; Amazon's of the region when None.
        public_endpoint: by which URL others reach the server, when it is another.
        region: as the server calls it.
        access_key_id: who asks; when None, the environment says it in the way of the AWS tools.
        secret_access_key: goes with it.
        path_style: the bucket's name stands in the path of URLs, not in the host's name.
    """

    bucket: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    path_style: bool = True

    def __str__(self) -> str:
        return f"the bucket {self.bucket} of {self.endpoint or f'Amazon S3 in {self.region}'}"


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a bucket: its key, and when it was stored, in milliseconds since the Unix epoch."""

    key: str
    modified_ms: int


class Bucket:
    """The operations. Each raises `StoreAwayError` when the server does not do it."""

    def __init__(self, place: BucketPlace, limits: S3Limits) -> None:
        """Connects nothing yet."""
        self.place = place
        self.limits = limits
        self._open = AsyncExitStack()
        self._client: Any = None
        self._public_client: Any = None

    async def connect(self) -> None:
        """Makes the client; no request is sent."""
        async with self._calling(self.limits.answer_seconds):
            self._client = await self._make_client(self.place.endpoint)
            public = self.place.public_endpoint
            self._public_client = await self._make_client(public) if public else self._client

    async def close(self) -> None:
        """Closes all connections."""
        await self._open.aclose()

    async def check(self) -> None:
        """Returns when the bucket is there and its objects may be listed."""
        async with self._calling(self.limits.answer_seconds):
            await self._client.list_objects_v2(Bucket=self.place.bucket, MaxKeys=1)

    async def size(self, key: str) -> int:
        """The length of an object in bytes.

        Raises:
            FileNotFoundError: there is none.
        """
        async with self._calling(self.limits.answer_seconds):
            answer = await self._client.head_object(Bucket=self.place.bucket, Key=key)
        return int(answer["ContentLength"])

    async def read(self, key: str, start: int, count: int) -> bytes:
        """A part of an object: `count` bytes from `start` on, or what is left of it; nothing when that is none.

        Raises:
            FileNotFoundError: there is no such object.
        """
        wanted = f"bytes={start}-{start + count - 1}"
        try:
            async with self._calling(self.limits.answer_seconds):
                answer = await self._client.get_object(Bucket=self.place.bucket, Key=key, Range=wanted)
                async with answer["Body"] as body:
                    if answer["ResponseMetadata"]["HTTPStatusCode"] != _PARTIAL:
                        raise StoreRefusesError(f"The object store sends no parts of objects: {self.place}.")
                    return bytes(await body.read())
        except _BehindTheEndError:
            return b""

    async def presigned(self, key: str, seconds: int) -> str:
        """A URL by which anyone may get an object for some time; no request is sent for it."""
        async with self._calling(self.limits.answer_seconds):
            wanted = {"Bucket": self.place.bucket, "Key": key}
            url = await self._public_client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)
        return str(url)

    async def put(self, key: str, content: bytes) -> None:
        """Stores an object as a whole."""
        async with self._calling(self.limits.part_seconds):
            await self._client.put_object(
                Bucket=self.place.bucket, Key=key, Body=BytesIO(content), ContentType=_CONTENT_TYPE
            )

    async def delete(self, key: str) -> None:
        """Removes an object; one that is not there is no error."""
        async with self._calling(self.limits.answer_seconds):
            await self._client.delete_object(Bucket=self.place.bucket, Key=key)

    async def copy(self, source: str, target: str) -> None:
        """Copies an object within the bucket; when this returns the copy is stored."""
        async with self._calling(self.limits.copy_seconds):
            await self._client.copy_object(
                Bucket=self.place.bucket, Key=target, CopySource={"Bucket": self.place.bucket, "Key": source}
            )

    async def begin_upload(self, key: str) -> str:
        """Begins an upload in parts; answers its name."""
        async with self._calling(self.limits.answer_seconds):
            answer = await self._client.create_multipart_upload(
                Bucket=self.place.bucket, Key=key, ContentType=_CONTENT_TYPE
            )
        return str(answer["UploadId"])

    async def upload_part(self, key: str, upload_id: str, number: int, content: bytes) -> str:
        """Stores a part, by its number from 1 on; answers its entity tag."""
        async with self._calling(self.limits.part_seconds):
            answer = await self._client.upload_part(
                Bucket=self.place.bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=BytesIO(content)
            )
        return str(answer["ETag"])

    async def complete_upload(self, key: str, upload_id: str, tags: Sequence[str]) -> None:
        """Makes the object of all parts; `tags` are theirs, in their order."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
        async with self._calling(self.limits.copy_seconds):
            await self._client.complete_multipart_upload(
                Bucket=self.place.bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Removes the parts of an upload; one that is not there is no error."""
        try:
            async with self._calling(self.limits.answer_seconds):
                await self._client.abort_multipart_upload(Bucket=self.place.bucket, Key=key, UploadId=upload_id)
        except FileNotFoundError:
            return

    async def objects(self, prefix: str) -> AsyncIterator[Listed]:
        """All objects whose keys begin so, in no order."""
        following: dict[str, Any] = {}
        while True:
            async with self._calling(self.limits.answer_seconds):
                page = await self._client.list_objects_v2(Bucket=self.place.bucket, Prefix=prefix, **following)
            for item in page.get("Contents", ()):
                yield Listed(item["Key"], int(item["LastModified"].timestamp() * 1_000))
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": page["NextContinuationToken"]}

    async def uploads(self, prefix: str) -> AsyncIterator[tuple[str, str]]:
        """Key and name of each upload in parts that is not complete and whose key begins so."""
        following: dict[str, Any] = {}
        while True:
            async with self._calling(self.limits.answer_seconds):
                page = await self._client.list_multipart_uploads(Bucket=self.place.bucket, Prefix=prefix, **following)
            for item in page.get("Uploads", ()):
                yield item["Key"], item["UploadId"]
            if not page.get("IsTruncated"):
                return
            following = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    async def _make_client(self, endpoint: str | None) -> Any:
        place, limits = self.place, self.limits
        config = AioConfig(
            connect_timeout=limits.connect_seconds,
            read_timeout=limits.copy_seconds,
            max_pool_connections=limits.connections,
            retries={"mode": "standard", "total_max_attempts": limits.attempts},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if place.path_style else "virtual"},
        )
        creating = _session().create_client(
            "s3",
            region_name=place.region,
            endpoint_url=endpoint,
            aws_access_key_id=place.access_key_id,
            aws_secret_access_key=place.secret_access_key,
            config=config,
        )
        return await self._open.enter_async_context(creating)

    @asynccontextmanager
    async def _calling(self, seconds: float) -> AsyncIterator[None]:
        """Gives a request its time, and turns what goes wrong into our errors."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise StoreAwayError(f"The object store did not answer within {seconds:g} s: {self.place}.") from None
        except NoCredentialsError:
            raise StoreRefusesError(
                f"There is no access key for {self.place}: give objects_s3_access_key_id and"
                " objects_s3_secret_access_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            ) from None
        except ClientError as error:
            raise self._refusal(error) from error
        except (BotoCoreError, HttpClientError) as error:
            raise StoreAwayError(f"The object store cannot be reached: {self.place} ({error}).") from error

    def _refusal(self, error: ClientError) -> OSError:
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code in _MISSING:
            return FileNotFoundError(f"It is not in {self.place}.")
        if code == _BEHIND_THE_END:
            return _BehindTheEndError(message)
        if code == "NoSuchBucket":
            return StoreRefusesError(f"The object store has no such bucket: {self.place}.")
        is_at_fault = error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR
        return (StoreAwayError if is_at_fault else StoreRefusesError)(
            f"The object store refuses: {self.place} ({code}: {message})."
        )


class _BehindTheEndError(OSError):
    """An object ends before the part that was asked for."""


@cache
def _session() -> AioSession:
    """Reads the descriptions of S3's operations once: it takes a third of a second."""
    return get_session()

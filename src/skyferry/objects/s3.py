"""Package files in a bucket of S3, or of any server that speaks its protocol.

A blob's name tells the SHA-256 of its content, which is known only at its end. So a large file is staged: uploaded in
parts to a name under `incoming/`, copied by the object store to its own name, and removed from `incoming/`. A file that
is no larger than a part is stored at once. An object appears as a whole or not at all, so a name always stands for a
whole file.

The server that uses a bucket, or a prefix in it, removes from it what it does not know. A mark in the bucket says
whose it is, so that no other server does the same with its own.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Final

import structlog

from skyferry.objects import keys
from skyferry.objects.bucket import Bucket, BucketPlace
from skyferry.objects.interface import Blob, StoreAwayError, StoreRefusesError
from skyferry.objects.limits import S3Limits

_INCOMING: Final = "incoming/"
_BLOBS: Final = "ota/"
_ARCHIVES: Final = "archive/"
_MARK: Final = "skyferry-owner"
_MOST_MARK_BYTES: Final = 200

_log = structlog.get_logger("skyferry.objects")


class S3ObjectStore:
    """Keeps each blob in one object of a bucket."""

    def __init__(self, place: BucketPlace, prefix: str, owner: str, limits: S3Limits | None = None) -> None:
        """Connects nothing yet.

        Args:
            place: the bucket.
            prefix: what all keys begin with; empty, or with a slash at its end.
            owner: whose files they are: a text that only servers with the same data have.
            limits: how the bucket is used.
        """
        self._bucket = Bucket(place, limits or S3Limits())
        self._prefix = prefix
        self._owner = owner.encode()

    async def start(self) -> None:
        """Connects, looks whether the bucket is there and ours, and whether it can be written to.

        Raises:
            StoreAwayError: nobody can say now.
            StoreRefusesError: it is not.
        """
        await self._bucket.connect()
        await self._bucket.check()
        try:
            found = await self._bucket.read(self._key(_MARK), 0, _MOST_MARK_BYTES)
        except FileNotFoundError:
            found = self._owner
        if found != self._owner:
            raise StoreRefusesError(
                f"Another server keeps its package files in {self._bucket.place}"
                f"{f' under {self._prefix}' if self._prefix else ''}: give this one a prefix of its own, such as"
                f" s3://{self._bucket.place.bucket}/second. If that server is gone for good, remove {self._key(_MARK)}."
            )
        await self._bucket.put(self._key(_MARK), self._owner)

    async def check(self) -> None:
        """Returns when the object store answers.

        Raises:
            StoreAwayError: it does not.
        """
        await self._bucket.check()

    async def close(self) -> None:
        """Closes all connections."""
        await self._bucket.close()

    async def create(self) -> "_S3Writer":
        """Starts a blob; nothing is sent yet."""
        return _S3Writer(self._bucket, self._prefix)

    async def open(self, name: str) -> "_S3Reader":
        """Opens a blob.

        Raises:
            FileNotFoundError: there is none of this name.
            StoreAwayError: nobody can say now.
        """
        key = self._key(keys.checked_blob(name))
        return _S3Reader(self._bucket, key, await self._bucket.size(key))

    async def presigned(self, name: str) -> str:
        """A URL by which anyone may get a blob from the object store, for as long as the limits say.

        Raises:
            StoreAwayError: there is no access key to sign it with.
        """
        return await self._bucket.presigned(self._key(keys.checked_blob(name)), self._bucket.limits.presigned_seconds)

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is not there is no error.

        Raises:
            StoreAwayError: it may still be there.
        """
        await self._bucket.delete(self._key(keys.checked_blob(name)))

    async def blobs(self) -> AsyncIterator[Blob]:
        """All blobs, in no order; objects of other names are left alone."""
        async for blob in self._named(_BLOBS, keys.is_blob):
            yield blob

    async def archives(self) -> AsyncIterator[Blob]:
        """All files with archived tasks, in no order."""
        async for blob in self._named(_ARCHIVES, keys.is_archive):
            yield blob

    async def sweep(self) -> int:
        """Removes what uploads of processes that are gone have left; returns how many."""
        uploads = [upload async for upload in self._bucket.uploads(self._key(_INCOMING))]
        for key, upload_id in uploads:
            await self._bucket.abort_upload(key, upload_id)
        staged = [item.key async for item in self._bucket.objects(self._key(_INCOMING))]
        for key in staged:
            await self._bucket.delete(key)
        return len(uploads) + len(staged)

    async def _named(self, kind: str, is_right: Callable[[str], bool]) -> AsyncIterator[Blob]:
        async for item in self._bucket.objects(self._key(kind)):
            name = item.key.removeprefix(self._prefix)
            if is_right(name):
                yield Blob(name, item.modified_ms)

    def _key(self, name: str) -> str:
        return self._prefix + name


class _S3Writer:
    """A blob that is collected until it makes a part; the first part begins an upload under `incoming/`."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._staged = f"{prefix}{_INCOMING}{secrets.token_hex(16)}"
        self._collected = bytearray()
        self._upload_id: str | None = None
        self._tags: list[str] = []
        self._complete = False
        self._ended = False

    async def write(self, data: bytes) -> None:
        self._check()
        self._collected += data
        most = self._bucket.limits.part_bytes
        while len(self._collected) > most:  # some servers want all parts but the last to be of one length
            part = bytes(self._collected[:most])
            del self._collected[:most]
            await self._send(part)

    async def commit(self, name: str) -> None:
        target = self._prefix + keys.checked_blob(name)
        self._check()
        if self._upload_id is None:
            await self._bucket.put(target, bytes(self._collected))
        else:
            await self._send(bytes(self._collected))
            await self._bucket.complete_upload(self._staged, self._upload_id, self._tags)
            self._complete = True
            await self._bucket.copy(self._staged, target)
        await self.abort()

    async def abort(self) -> None:
        upload_id, self._upload_id = self._upload_id, None
        self._ended = True
        self._collected = bytearray()
        if upload_id is None:
            return
        try:
            if not self._complete:
                await self._bucket.abort_upload(self._staged, upload_id)
            await self._bucket.delete(self._staged)
        except StoreAwayError as error:
            _log.warning("upload left in the object store", key=self._staged, reason=str(error))

    async def _send(self, part: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = await self._bucket.begin_upload(self._staged)
        number = len(self._tags) + 1
        self._tags.append(await self._bucket.upload_part(self._staged, self._upload_id, number, part))

    def _check(self) -> None:
        if self._ended:
            raise OSError("The upload has ended.")


class _S3Reader:
    def __init__(self, bucket: Bucket, key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> None:
        return None

    async def blocks(self, start: int, count: int) -> AsyncIterator[bytes]:
        end = start + count
        while start < end:
            block = await self._bucket.read(self._key, start, min(self._bucket.limits.block_bytes, end - start))
            if not block:
                raise OSError("The file is shorter than it was.")
            start += len(block)
            yield block

    async def close(self) -> None:
        """Nothing is held between two reads."""

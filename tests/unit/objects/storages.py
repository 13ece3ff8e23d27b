"""Every kind of object store with a back door: what holds for one must hold for the others."""

import os
from pathlib import Path
from typing import Protocol

from skyferry.objects.bucket import BucketPlace
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import S3Limits
from skyferry.objects.local import LocalObjectStore
from skyferry.objects.s3 import S3ObjectStore
from tests.support.bucket import ACCESS_KEY_ID, SECRET, StoredBucket

OWNER = "a1"
PREFIX = "files/"


class Storage(Protocol):
    """An object store, and what is really in it."""

    @property
    def objects(self) -> ObjectStore: ...

    def files(self) -> list[str]:
        """The names of all files and of all that may become one."""
        ...

    def put(self, name: str, content: bytes, modified_s: float | None = None) -> None: ...

    def remove(self, name: str) -> None: ...


class LocalStorage:
    """A directory."""

    def __init__(self, directory: Path, objects: ObjectStore | None = None) -> None:
        self.directory = directory
        self.objects = objects or LocalObjectStore(directory)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if path.is_file())

    def put(self, name: str, content: bytes, modified_s: float | None = None) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if modified_s is not None:
            os.utime(path, (modified_s, modified_s))

    def remove(self, name: str) -> None:
        (self.directory / name).unlink()


def place_of(bucket: StoredBucket) -> BucketPlace:
    return BucketPlace(bucket.name, bucket.server.url, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET)


class S3Storage:
    """A part of a bucket."""

    def __init__(self, bucket: StoredBucket, limits: S3Limits | None = None, prefix: str = PREFIX) -> None:
        self.bucket = bucket
        self._prefix = prefix
        self.objects = S3ObjectStore(place_of(bucket), prefix, OWNER, limits)

    def files(self) -> list[str]:
        found = [key.removeprefix(self._prefix) for key in (*self.bucket.keys(), *self.bucket.uploads())]
        return sorted(name for name in found if name != "skyferry-owner")

    def put(self, name: str, content: bytes, modified_s: float | None = None) -> None:
        self.bucket.put(self._prefix + name, content, modified_s)

    def remove(self, name: str) -> None:
        self.bucket.remove(self._prefix + name)

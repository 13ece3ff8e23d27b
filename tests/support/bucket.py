"""An S3-compatible server in a thread of the test, and a look into its buckets that does not go through it."""

import datetime as dt
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Final

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3 import models
from moto.server import ThreadedMotoServer

from tests.support.running import Running

ACCESS_KEY_ID: Final = "test-access-key"
SECRET: Final = "test-secret"


class S3Server(Running):
    """Listens on 127.0.0.1, on a free port; after a stop it can be started again on the same one, with all it had."""

    def __init__(self) -> None:
        vars(models)["S3_UPLOAD_PART_MIN_SIZE"] = 1  # tests make small parts
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._port = 0
        self._server: ThreadedMotoServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        if self._server is None:
            self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
            self._server.start()
            self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def end(self) -> None:
        self.stop()

    def bucket(self) -> "StoredBucket":
        """A new bucket."""
        name = f"files-{secrets.token_hex(6)}"
        _backend().create_bucket(name, "us-east-1")
        return StoredBucket(self, name)


class StoredBucket:
    """A bucket, as someone with access to the server's disk sees it."""

    def __init__(self, server: S3Server, name: str) -> None:
        self.server = server
        self.name = name

    def settings(self, prefix: str = "") -> Mapping[str, str]:
        """The settings of a server that keeps its package files here."""
        return {
            "SKYFERRY_OBJECTS": f"s3://{self.name}{prefix}",
            "SKYFERRY_OBJECTS_S3_ENDPOINT": self.server.url,
            "SKYFERRY_OBJECTS_S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "SKYFERRY_OBJECTS_S3_SECRET_ACCESS_KEY": SECRET,
        }

    def keys(self) -> list[str]:
        """The keys of all objects."""
        return sorted(_backend().buckets[self.name].keys)

    def uploads(self) -> list[str]:
        """The keys of all uploads in parts that are not complete."""
        return sorted(upload.key_name for upload in _backend().buckets[self.name].multiparts.values())

    def content(self, key: str) -> bytes:
        return bytes(_backend().get_object(self.name, key).value)

    def put(self, key: str, content: bytes, modified_s: float | None = None) -> None:
        """Stores an object, at a time in seconds since the Unix epoch."""
        stored = _backend().put_object(self.name, key, content)
        if modified_s is not None:
            stored.last_modified = dt.datetime.fromtimestamp(modified_s, dt.UTC).replace(tzinfo=None)

    def begin_upload(self, key: str) -> None:
        """Begins an upload in parts, and leaves it at that."""
        _backend().create_multipart_upload(self.name, key, {}, "STANDARD", [], None, None, None)

    def remove(self, key: str) -> None:
        _backend().delete_object(self.name, key)

    def vanish(self) -> None:
        """The bucket is gone, with all that is in it."""
        for key in self.keys():
            self.remove(key)
        _backend().delete_bucket(self.name)


def _backend() -> Any:
    return get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]

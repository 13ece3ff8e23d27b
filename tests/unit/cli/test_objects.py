"""`skyferry objects check` finds what the database names and the object store does not have."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from skyferry.cli.objects import app
from skyferry.cluster.installation import check_key
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.store import objects
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject
from tests.support import databases
from tests.support.bucket import S3Server
from tests.support.rows import World

CONTENT: Final = b"firmware" * 100
DIGEST: Final = hashlib.sha256(CONTENT).hexdigest()
KEYS: Final = [f"ota/{'a' * 32}/{number:025d}.bin" for number in range(3)]
NAMES: Final = [f"{key}.{DIGEST}" for key in KEYS]


class Files(Protocol):
    """The back door of an object store."""

    def put(self, key: str, content: bytes) -> None: ...

    def remove(self, key: str) -> None: ...


class Below:
    """A directory with files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, key: str, content: bytes) -> None:
        path = self._directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, key: str) -> None:
        (self._directory / key).unlink()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as started:
        yield started


@pytest.fixture(params=["directory", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The object store of a server whose database names three files, all of which are there."""
    data = DataDir(tmp_path)
    asyncio.run(name_three(data))
    monkeypatch.setenv("SKYFERRY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SKYFERRY_DATABASE", databases.url(data.database))
    found: Files = Below(data.objects)
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        found = bucket = server.bucket()
        for name, value in bucket.settings().items():
            monkeypatch.setenv(name, value)
    for name in NAMES:
        found.put(name, CONTENT)
    return found


async def name_three(data: DataDir) -> None:
    store = Store(databases.url(data.database))
    await store.write(check_key, KeyRing.load_or_create(data.key), data.key)

    def add(tx: Connection) -> None:
        instance_id = World(tx).instance.id
        for key in KEYS:
            objects.put_object(tx, StoredObject(key, instance_id, len(CONTENT), "0" * 32, DIGEST, "1", 0))

    await store.write(add)
    await store.close()


def check(*options: str) -> tuple[int, str]:
    """The exit code and what was said."""
    result = CliRunner().invoke(app, ["check", *options])
    return result.exit_code, result.output


@pytest.mark.usefixtures("files")
def test_a_store_that_has_everything_is_told_so() -> None:
    assert check() == (0, "3 files, all there.\n")
    assert check("--digests") == (0, "3 files, all there and whole.\n")


def test_what_is_missing_or_damaged_is_named(files: Files) -> None:
    files.remove(NAMES[0])
    files.put(NAMES[1], CONTENT[:-1])
    files.put(NAMES[2], CONTENT[:-1] + b"?")
    missing = f"{NAMES[0]} is missing.\n{NAMES[1]} has {len(CONTENT) - 1} bytes; {len(CONTENT)} were stored.\n"
    damaged = f"{NAMES[2]} is damaged: its content is not what was stored.\n"
    end = "of 3 files: put them back, or delete their packages.\n"
    assert check() == (1, f"{missing}2 {end}")
    assert check("--digests") == (1, f"{missing}{damaged}3 {end}")

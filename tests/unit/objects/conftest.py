"""The stores that the tests of this folder are run with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from skyferry.objects.limits import S3Limits
from tests.support.bucket import S3Server
from tests.unit.objects.storages import LocalStorage, S3Storage, Storage

SMALL_PARTS = S3Limits(part_bytes=256, block_bytes=1_500)
"""Makes files of a kilobyte large ones: what is smaller is stored at once."""
LARGE_BLOCKS = S3Limits(block_bytes=4 << 20)
"""For files of many megabytes: the server of the tests copies the whole file for each block."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Starts once, for all tests; each takes a bucket of its own."""
    with S3Server() as started:
        yield started


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty store of each kind."""
    return _storage(request, tmp_path, SMALL_PARTS)


@pytest.fixture(params=["local", "s3"])
def roomy_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty store of each kind, for large files."""
    return _storage(request, tmp_path, LARGE_BLOCKS)


def _storage(request: pytest.FixtureRequest, directory: Path, limits: S3Limits) -> Storage:
    if request.param == "local":
        return LocalStorage(directory / "objects")
    server: S3Server = request.getfixturevalue("s3_server")
    return S3Storage(server.bucket(), limits)

"""Listeners must behave the same on both event loops: uvloop serves, asyncio is what other platforms have."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from skyferry.tls.certificates import utc_now
from skyferry.tls.files import TlsDirectory


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Runs each asynchronous test of this folder once on each."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> TlsDirectory:
    """Authorities and a server certificate for localhost; not to be changed."""
    directory = TlsDirectory(tmp_path_factory.mktemp("certified") / "tls")
    assert directory.ensure(["localhost", "127.0.0.1"], utc_now())
    return directory


@pytest.fixture
def own(certified: TlsDirectory, tmp_path: Path) -> TlsDirectory:
    """A copy of those that a test may change; keys take long to make."""
    copy = TlsDirectory(tmp_path / "tls")
    copy.path.mkdir()
    for file in certified.path.iterdir():
        target = copy.path / file.name
        target.write_bytes(file.read_bytes())
        target.chmod(0o600)
    return copy

"""Fixtures for tests that need a whole server."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.api import Application, root
from tests.support.server import Server

_SCENARIOS: Final = Path(__file__).parent / "scenario"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A started server that the tests of one module share, and that must end cleanly."""
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started
        started.stop()


@pytest.fixture(scope="module")
def root_application(server: Server) -> Application:
    """The root account of that server, through the vendor's current SDK."""
    return root(server.http)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what a test's server logged when the test failed."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Server):
                report.sections.append((f"log of {name}", value.logs()))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps together in parallel runs (`--dist loadgroup`) each file, and all scenarios, which share a server."""
    for item in items:
        group = "scenarios" if item.path.is_relative_to(_SCENARIOS) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))

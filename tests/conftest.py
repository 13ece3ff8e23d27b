"""Fixtures for tests that need a whole server."""

import os
import sys
from collections.abc import Generator, Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import databases
from tests.support.api import Application, root
from tests.support.cluster import Cluster
from tests.support.server import Server
from tests.support.several import PROCESSES, Front

_SCENARIOS: Final = "tests/scenario/"
_LONG: Final = (
    *("tests/soak/", _SCENARIOS, "tests/cluster/", "tests/fault/", "tests/browser/", "tests/clients/"),
    "tests/unit/ota/test_states_machine.py",
)
"""What takes minutes and cannot be parted begins first, so that no process waits for another in the end."""

# How long an example takes says more of the machine than of the code: no test has a deadline.
settings.register_profile("skyferry", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("skyferry")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database=postgresql` lets every test that has a database use PostgreSQL.

    `--processes=several` gives those that share a server one of several processes.
    """
    parser.addoption(
        "--processes", choices=("one", "several"), default="one", help="what the shared server consists of"
    )
    parser.addoption("--database", choices=databases.KINDS, default="sqlite", help="the database that tests use")


def pytest_configure(config: pytest.Config) -> None:
    """Says so to `tests.support.databases`; lets the programs that tests start keep their bytecode."""
    databases.choose(config.getoption("--database"))
    # Where the environment forbids it, each of some hundred servers would compile all its modules anew, for seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long tests first."""
    items.sort(key=lambda item: next((n for n, long in enumerate(_LONG) if item.nodeid.startswith(long)), len(_LONG)))


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A server of several processes, which must end cleanly."""
    with Cluster(tmp_path_factory.mktemp("several"), PROCESSES) as started:
        yield started
        for process in started.processes.values():
            process.stop()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A started server that the tests of one module share, and that must end cleanly."""
    if request.config.getoption("--processes") == "several":
        yield Front(tmp_path_factory.mktemp("front"), request.getfixturevalue("several"))
        return
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Removes the databases in a test's own directory."""
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if directory is not None:
        databases.drop_below(directory)


class Together(LoadScopeScheduling):
    """Keeps together each file, and all scenarios, which share a server and are looked at as a whole in the end.

    It stands in for marks of `xdist_group`: xdist 3.8 adds groups to an attribute that pytest 9 reads no more.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _SCENARIOS if nodeid.startswith(_SCENARIOS) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """How parallel runs (`-n 2`) are parted: in the order of the tests, not by their number in each part."""
    config.option.loadscopereorder = False
    return Together(config, log)

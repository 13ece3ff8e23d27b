"""One server for all scenarios; each test has a product of its own."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skyferry.operations import OPERATIONS
from tests.scenario.events import subscriptions
from tests.scenario.support import Accounts, Fleet
from tests.support import databases
from tests.support.api import Application, root
from tests.support.counting import assert_counted
from tests.support.receiver import Receiver
from tests.support.server import Server

_DEFAULT_QUOTA = {"CancelOTATaskByDevice"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets the tests ask and guess often; a device hears of updates only after its version report.

    At the end its counters must say what its rows say, after all that the scenarios have done to them.
    """
    quotas = {name: 10_000 for name in OPERATIONS if name not in _DEFAULT_QUOTA}
    settings = {
        "SKYFERRY_QUOTAS": json.dumps(quotas),
        "SKYFERRY_PUSH_DELAY_SECONDS": "600",
        "SKYFERRY_PUSH_BACKOFF_SECONDS": "0",
        "SKYFERRY_REPORT_WAIT_SECONDS": "0",
        "SKYFERRY_REGISTRATION_PLAIN": "true",
        "SKYFERRY_LOGIN_DELAY_SECONDS": "0",
        "SKYFERRY_HAWKBIT_PLAIN": "true",
        "SKYFERRY_MOST_PACKAGES": "100000",
        "SKYFERRY_MOST_PRODUCTS": "100000",
        "SKYFERRY_EVENT_ATTEMPTS": "3",
        "SKYFERRY_EVENT_RETRY_SECONDS": "0.1",
    }
    with Server(tmp_path_factory.mktemp("scenario"), settings) as started:
        yield started
        started.stop()
        with databases.connection(started.database) as tx:
            assert_counted(tx)


@pytest.fixture(scope="session")
def api(server: Server) -> Application:
    """The root account, through the vendor's current SDK."""
    return root(server.http)


@pytest.fixture(scope="session")
def file_url(api: Application) -> str:
    """An uploaded file that packages may share."""
    return api.upload(b"new firmware")


@pytest.fixture
def fleet(server: Server, api: Application, file_url: str) -> Iterator[Fleet]:
    """A product for one test."""
    with ExitStack() as stack:
        yield Fleet(server, api, file_url, stack)


@pytest.fixture
def accounts(server: Server) -> Accounts:
    """The server's accounts."""
    return Accounts(server)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at all that the scenarios have seen comes last."""
    items.sort(key=lambda item: item.path.name == "test_provoked_codes.py")


@pytest.fixture
def receiver(api: Application) -> Iterator[Receiver]:
    """A business server; no subscription outlives the test."""
    with Receiver() as started:
        yield started
    for subscription in subscriptions(api):
        api.call("DeleteEventSubscription", SubscriptionId=subscription["SubscriptionId"])

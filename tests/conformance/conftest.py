"""A test that holds a statement of the standard has the statement's number in its name."""

from collections.abc import Iterator

import pytest

from tests.support.api import Application, Device, root
from tests.support.mqtt import Wire
from tests.support.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all statements."""
    with Server(tmp_path_factory.mktemp("conformance")) as started:
        yield started
        started.stop()


@pytest.fixture(scope="session")
def application(server: Server) -> Application:
    """The root account."""
    return root(server.http)


@pytest.fixture(scope="session")
def product(application: Application) -> str:
    """The product of all devices here."""
    return application.create_product("conformance")


@pytest.fixture(scope="session")
def device(application: Application, product: str) -> Device:
    """A device that every test may use: a new connection ends the one before."""
    return application.register(product, "conformance")


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A connection on which nothing was said."""
    with Wire(server.mqtt) as opened:
        yield opened


@pytest.fixture
def online(wire: Wire, device: Device) -> Wire:
    """A connection of the device."""
    wire.log_in(device)
    return wire


@pytest.fixture(autouse=True)
def statements() -> None:
    """Has the numbers of the statements that a test holds as its parameter, for the test's name."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Puts the numbers into the name."""
    mark = metafunc.definition.get_closest_marker("statement")
    if mark is not None:
        number = "+".join(f"MQTT-{each}" for each in mark.args)
        metafunc.parametrize("statements", [mark.args], ids=[number], indirect=True)

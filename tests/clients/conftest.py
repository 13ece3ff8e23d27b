"""The client libraries, each as an application of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.support.api import Application, InProcess
from tests.support.program import Program, node_driver, python_driver
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server

CLIENTS = ("sdk-5", "sdk-2", "classic-json", "classic-xml", "pop-core")


def program(name: str, endpoint: str, key_id: str, secret: str) -> Program:
    """The program that carries calls through a library of another environment."""
    account = (endpoint, key_id, secret)
    match name:
        case "sdk-2":
            return python_driver("client-v1", "tea.py", *account)
        case "classic-json":
            return python_driver("client-legacy", "classic.py", *account, "JSON")
        case "classic-xml":
            return python_driver("client-legacy", "classic.py", *account, "XML")
        case _:
            return node_driver("pop_core.js", *account)


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """The name of the library."""
    return str(request.param)


@pytest.fixture(scope="module")
def application(client: str, server: Server) -> Iterator[Application]:
    """The root account, through the library."""
    with application_of(client, server, ROOT_SECRET) as made:
        yield made


@pytest.fixture
def stranger(client: str, server: Server) -> Iterator[Application]:
    """Someone who knows the AccessKeyId of the root account, but not the secret."""
    with application_of(client, server, "guessed") as made:
        yield made


@contextmanager
def application_of(client: str, server: Server, secret: str) -> Iterator[Application]:
    """An application with an AccessKey of its own, through the library."""
    if client == "sdk-5":
        yield Application(InProcess(TeaClient(str(server.http), ROOT_KEY_ID, secret)))
        return
    with program(client, str(server.http), ROOT_KEY_ID, secret) as running:
        yield Application(running)

"""The client libraries, each as an application of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.support.api import Application, InProcess
from tests.support.program import Program, node_driver, python_driver
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server

CLIENTS = ("sdk-5", "sdk-2", "classic-json", "classic-xml", "pop-core")


class AccessKey(NamedTuple):
    """What an application signs with."""

    key_id: str
    secret: str
    token: str | None = None


def program(name: str, endpoint: str, key: AccessKey) -> Program:
    """The program that carries calls through a library of another environment."""
    account = (endpoint, key.key_id, key.secret)
    token = () if key.token is None else (key.token,)
    match name:
        case "sdk-2":
            return python_driver("client-v1", "tea.py", *account, *token)
        case "classic-json":
            return python_driver("client-legacy", "classic.py", *account, "JSON", *token)
        case "classic-xml":
            return python_driver("client-legacy", "classic.py", *account, "XML", *token)
        case _:
            return node_driver("pop_core.js", *account, *token)


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """The name of the library."""
    return str(request.param)


@pytest.fixture(scope="module")
def application(client: str, server: Server) -> Iterator[Application]:
    """The root account, through the library."""
    with application_of(client, server, AccessKey(ROOT_KEY_ID, ROOT_SECRET)) as made:
        yield made


@pytest.fixture
def stranger(client: str, server: Server) -> Iterator[Application]:
    """Someone who knows the AccessKeyId of the root account, but not the secret."""
    with application_of(client, server, AccessKey(ROOT_KEY_ID, "guessed")) as made:
        yield made


@contextmanager
def application_of(client: str, server: Server, key: AccessKey) -> Iterator[Application]:
    """An application with an AccessKey of its own, through the library."""
    if client == "sdk-5":
        yield Application(InProcess(TeaClient(str(server.http), *key)))
        return
    with program(client, str(server.http), key) as running:
        yield Application(running)

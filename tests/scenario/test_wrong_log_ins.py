"""Who guesses waits, and no one else does."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.api import Device, root
from tests.support.device import CDevice
from tests.support.server import Address, Server

pytestmark = pytest.mark.rule("devices")

ACCEPTED, UNAVAILABLE, BAD_CREDENTIALS = 0, 3, 4


class RemoteDevice(CDevice):
    """A device at another address of this machine."""

    def __init__(self, broker: Address, device: Device, source: str) -> None:
        super().__init__(broker, device)
        self._source = source

    def _open(self) -> socket.socket:
        return socket.create_connection(self._broker, timeout=30, source_address=(self._source, 0))


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that forgives nothing for as long as the tests run."""
    folder = tmp_path_factory.mktemp("impatient")
    settings = {
        "SKYFERRY_LOGIN_DELAY_SECONDS": "3600",
        "SKYFERRY_LOGIN_DELAY_MOST_SECONDS": "3600",
        "SKYFERRY_LOGIN_FAILURES_PER_ADDRESS": "40",
    }
    with Server(folder, settings) as server:
        yield server
        server.stop()


def log_in(server: Server, device: Device, source: str) -> int:
    client = RemoteDevice(server.mqtt, device, source)
    try:
        return client.connect()
    finally:
        client.drop()


def test_wrong_log_ins_are_slowed_down_for_their_address_only(impatient: Server) -> None:
    api = root(impatient.http)
    product = api.create_product("guessed_at")
    device, neighbour = api.register(product, "device-1"), api.register(product, "device-2")
    wrong = replace(device, secret="wrong")

    codes = [log_in(impatient, wrong, "127.0.0.2") for _ in range(6)]

    assert codes == [BAD_CREDENTIALS] * 4 + [UNAVAILABLE] * 2
    assert log_in(impatient, device, "127.0.0.2") == UNAVAILABLE
    assert log_in(impatient, device, "127.0.0.1") == ACCEPTED
    assert log_in(impatient, neighbour, "127.0.0.2") == ACCEPTED


def test_a_list_of_names_is_tried_so_far_and_no_further(impatient: Server) -> None:
    """What was let in before goes on to be, at the same address."""
    api = root(impatient.http)
    product = api.create_product("enumerated")
    known, other = api.register(product, "device-1"), api.register(product, "device-2")
    assert log_in(impatient, known, "127.0.0.3") == ACCEPTED

    guesses = 0
    while (code := log_in(impatient, Device(product, f"guess-{guesses}", "x", ""), "127.0.0.3")) == BAD_CREDENTIALS:
        guesses += 1

    assert code == UNAVAILABLE
    assert guesses >= 40
    assert log_in(impatient, known, "127.0.0.3") == ACCEPTED
    assert log_in(impatient, other, "127.0.0.1") == ACCEPTED

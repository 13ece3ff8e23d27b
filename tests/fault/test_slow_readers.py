"""Clients that read slowly, or not at all: they cost a bounded number of bytes each, and hurt nobody else."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from skyferry.devices.limits import MqttLimits
from tests.support.api import Device, root
from tests.support.mqtt import Wire, publish, subscribe
from tests.support.server import Address, Server
from tests.support.updating import Scene, fleet_size

pytestmark = pytest.mark.fault

DEVICES: Final = fleet_size(40)
READERS: Final = 15
"""Of each kind: those who read nothing and those who read one byte per second."""
DOWNLOADERS: Final = 80
LIMITS: Final = MqttLimits()
_ANSWER: Final = b"5" * 200_000
"""What a client wants back in one answer."""
_ASKED: Final = 100
"""Answers that the buffers of no socket hold: 20 MB."""
_RECEIVED_BYTES: Final = 4_096
"""What the client's kernel holds for it."""
_FILE: Final = bytes(24 * 1024 * 1024)
_DOWNLOADER_BYTES: Final = 128 * 1024
"""What a download may cost the server at any speed of its client: its connection's buffers, and no part of the file."""
_SLACK_BYTES: Final = 32 * 1024 * 1024
"""What the server may grow by for the fleet that is updated meanwhile."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Server(tmp_path / "server") as server:
        yield Scene(server, DEVICES)


async def test_devices_that_do_not_read_cost_bounded_memory(scene: Scene) -> None:
    server = scene.server
    api = root(server.http)
    product = api.create_product("slow_readers")
    devices = api.registered(product, api.register_many(product, 2 * READERS), 2 * READERS)
    before = peak_bytes(server.pid, reset=True)
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.mqtt)) for _ in devices]
        for wire, device in zip(wires, devices, strict=True):
            await asyncio.to_thread(log_in_and_subscribe, wire, device)
        stack.enter_context(a_byte_per_second([wire.socket for wire in wires[READERS:]]))
        async with scene.fleet(server.mqtt) as fleet:
            ended = [asyncio.to_thread(ask_until_cut, *each) for each in zip(wires, devices, strict=True)]
            assert all(await asyncio.gather(*ended))
            grown = peak_bytes(server.pid) - before
            await asyncio.to_thread(scene.wait_for_ended, 1)
            await asyncio.to_thread(scene.check, fleet)
    assert grown < len(devices) * (LIMITS.unread_bytes + 2 * LIMITS.payload_bytes) + _SLACK_BYTES


async def test_downloads_that_do_not_read_cost_bounded_memory(scene: Scene) -> None:
    server = scene.server
    api = root(server.http)
    firmware = await asyncio.to_thread(api.create_package, api.create_product("large"), _FILE, "2.0.0")
    url = api.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]["FirmwareUrl"]
    before = peak_bytes(server.pid, reset=True)
    with ExitStack() as stack:
        sockets = [stack.enter_context(request(server.http, url)) for _ in range(DOWNLOADERS)]
        stack.enter_context(a_byte_per_second(sockets[DOWNLOADERS // 2 :]))
        async with scene.fleet(server.mqtt) as fleet:
            await asyncio.to_thread(scene.wait_for_ended, 1)
            await asyncio.to_thread(scene.check, fleet)
        grown = peak_bytes(server.pid) - before
        assert all(each.recv(4) == b"HTTP" for each in sockets[: DOWNLOADERS // 2])
    assert grown < DOWNLOADERS * _DOWNLOADER_BYTES + _SLACK_BYTES


def log_in_and_subscribe(wire: Wire, device: Device) -> None:
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
    wire.log_in(device)
    wire.send(subscribe(1, [(f"/ext/ntp/{device.product_key}/{device.name}/response", 0)]))


def ask_until_cut(wire: Wire, device: Device) -> bool:
    """Asks for large answers and reads none of them; True when the server ends the connection."""
    payload = b'{"deviceSendTime":"%s"}' % _ANSWER
    question = publish(f"/ext/ntp/{device.product_key}/{device.name}/request", payload)
    with suppress(ConnectionError):
        for _ in range(_ASKED):
            wire.send(question)
        return False
    return True


def request(server: Address, url: str) -> socket.socket:
    """Asks for a file, and reads nothing yet."""
    parts = urlsplit(url)
    found = socket.create_connection(server)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
    found.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {server}\r\n\r\n".encode())
    return found


@contextmanager
def a_byte_per_second(sockets: list[socket.socket]) -> Iterator[None]:
    """Reads one byte per second from each socket, as long as it stands."""
    over = threading.Event()

    def read() -> None:
        while not over.wait(1):
            for each in sockets:
                with suppress(OSError):
                    each.recv(1, socket.MSG_DONTWAIT)

    reading = threading.Thread(target=read)
    reading.start()
    try:
        yield
    finally:
        over.set()
        reading.join()


def peak_bytes(pid: int, *, reset: bool = False) -> int:
    """The most memory that a process has had, since the last reset."""
    process = Path("/proc") / str(pid)
    if reset:
        (process / "clear_refs").write_text("5")
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024

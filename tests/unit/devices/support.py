"""A client made of bytes, and the far ends that a gateway under test talks to."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from skyferry.bus.messages import Command, Downloaded, Report
from skyferry.devices.mqtt.codec import Decoder, encode
from skyferry.devices.mqtt.packets import Packet
from skyferry.objects.local import LocalObjectStore

NO_OBJECTS: Final = LocalObjectStore(Path("nowhere"))
PATIENCE: Final = 20
"""Seconds after which a test gives up; nothing is expected to take that long."""


class Client:
    """One TCP connection to a server of this process."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._decoder = Decoder(1 << 20)
        self._arrived: list[Packet] = []

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, *packets: Packet | bytes) -> None:
        """Sends packets, or bytes as they are, in one piece."""
        self._writer.write(b"".join(each if isinstance(each, bytes) else encode(each) for each in packets))
        await self._writer.drain()

    def end(self) -> None:
        """Says that nothing more will be sent."""
        self._writer.write_eof()

    async def receive(self) -> Packet:
        """The next packet; fails when the server closes instead."""
        packet = await self._next()
        assert packet is not None, "the server closed the connection"
        return packet

    async def closed(self) -> list[Packet]:
        """Waits until the server closes and gives what it still sent."""
        packets: list[Packet] = []
        while (packet := await self._next()) is not None:
            packets.append(packet)
        return packets

    async def _next(self) -> Packet | None:
        async with asyncio.timeout(PATIENCE):
            while not self._arrived:
                try:
                    data = await self._reader.read(65_536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._arrived = self._decoder.feed(data)
        return self._arrived.pop(0)


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the thing watched knows nothing of the test
            await asyncio.sleep(0.002)


class RecordingBus:
    """A bus whose far end stores everything at once, unless the test says `hold`, and then when it says `store`."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.counts: list[Downloaded] = []
        self.hold = False
        self.on_commands: Callable[[Sequence[Command]], Awaitable[None]] | None = None
        self.held: list[asyncio.Future[None]] = []

    def report(self, report: Report) -> Awaitable[None]:
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reports.append(report)
        if self.hold:
            self.held.append(stored)
        else:
            stored.set_result(None)
        return stored

    def store(self, error: Exception | None = None) -> None:
        """Stores the held reports, or fails to."""
        held, self.held = self.held, []
        for stored in held:
            if error is None:
                stored.set_result(None)
            else:
                stored.set_exception(error)

    def of(self, kind: type[Report]) -> list[Report]:
        """The reports of one kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    def downloaded(self, count: Downloaded) -> None:
        self.counts.append(count)

    async def command(self, commands: Sequence[Command]) -> None:
        assert self.on_commands
        await self.on_commands(commands)

    def wake(self) -> None:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError

"""A bad network between clients and a server: it delays, cuts, truncates and repeats what it carries."""

import asyncio
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Final, Self, cast

import uvloop

from tests.support.server import Address

_QOS_1_PUBLISH: Final = 0x32
_KIND_AND_QOS: Final = 0xF6
"""Of a PUBLISH's first byte: all but DUP and RETAIN."""
_DUP: Final = 0x08
_LENGTH_DIGITS: Final = 4
_RESET_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends RST, and what was not taken yet is lost."""


@dataclass(frozen=True)
class Weather:
    """What may happen to each piece on its way. Probabilities are 0..1.

    A piece is an MQTT packet on its way to the server where packets are told apart, otherwise what one read gave.

    Attributes:
        delay_s: a piece is late by up to so many seconds; the order stays.
        cut: the connection is reset for both ends in the middle of it, at any byte.
        truncate: its beginning arrives, then the connection ends in order for both.
        duplicate: a QoS 1 PUBLISH of a client arrives twice, the second time with DUP.
    """

    delay_s: float = 0
    cut: float = 0
    truncate: float = 0
    duplicate: float = 0


CALM: Final = Weather()


class BadNetwork:
    """Listens on 127.0.0.1 and carries connections to a server, in a thread of its own.

    Attributes:
        address: where clients connect.
        weather: what happens from now on.
        seen: how often each thing happened: `connections`, and the names of the probabilities.
    """

    def __init__(
        self, server: Callable[[], Address], weather: Weather = CALM, *, packets: bool = True, seed: int = 0
    ) -> None:
        """Carries nothing yet.

        Args:
            server: tells where the server listens, at each connection: it may not be started yet.
            weather: what happens until `weather` is changed.
            packets: what clients send is MQTT, and is told apart by packets.
            seed: of the dice.
        """
        self.weather = weather
        self.seen: Counter[str] = Counter()
        self.server = server
        self.packets = packets
        self.dice = Random(seed)
        self.ends: set[_End] = set()
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.address = asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def cut_all(self) -> None:
        """Ends every connection at once."""
        asyncio.run_coroutine_threadsafe(self._cut_all(), self.loop).result()

    def happens(self, what: str, chance: float) -> bool:
        """Throws the dice, and counts."""
        happens = self.dice.random() < chance
        self.seen[what] += happens
        return happens

    async def _listen(self) -> Address:
        listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
        self._listening = await self.loop.create_server(lambda: _Near(self), sock=listening)
        return Address("127.0.0.1", listening.getsockname()[1])

    async def _stop(self) -> None:
        self._listening.close()
        await self._cut_all()
        running = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*running, return_exceptions=True)
        await self._cut_all()

    async def _cut_all(self) -> None:
        for end in list(self.ends):
            end.reset()


class _End(asyncio.Protocol):
    """One end of a carried connection: what arrives here leaves by the `other` end."""

    def __init__(self, network: BadNetwork, split: Callable[[bytes], Iterator[bytes]]) -> None:
        self.network = network
        self.other: _End | None = None
        self.transport = cast("asyncio.Transport", None)
        self._split = split
        self._queue: deque[bytes] = deque()
        self._leaves_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.network.ends.add(self)

    def data_received(self, data: bytes) -> None:
        for piece in self._split(data):
            self._send_later(piece)

    def connection_lost(self, exc: Exception | None) -> None:
        self.network.ends.discard(self)
        self._send_later(b"")

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def reset(self) -> None:
        """Ends the connection by RST."""
        if not self.transport.is_closing():
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
            self.transport.abort()

    def _send_later(self, piece: bytes) -> None:
        """Puts a piece on its way; an empty one is the end of the connection."""
        loop, weather = self.network.loop, self.network.weather
        late = self.network.dice.random() * weather.delay_s
        self._leaves_at = max(self._leaves_at, loop.time() + late)
        self._queue.append(piece)
        loop.call_at(self._leaves_at, self._send_next)

    def _send_next(self) -> None:
        piece, other = self._queue.popleft(), self.other
        if other is None or other.transport.is_closing():
            return
        network, weather = self.network, self.network.weather
        if not piece:
            other.transport.close()
        elif network.happens("cut", weather.cut):
            other.transport.write(self._beginning(piece))
            other.reset()
            self.reset()
        elif network.happens("truncate", weather.truncate):
            other.transport.write(self._beginning(piece))
            other.transport.close()
            self.transport.close()
        else:
            other.transport.write(piece)
            if self._may_come_twice(piece) and network.happens("duplicate", weather.duplicate):
                other.transport.write(bytes([piece[0] | _DUP]) + piece[1:])

    def _beginning(self, piece: bytes) -> bytes:
        return piece[: self.network.dice.randrange(len(piece))]

    def _may_come_twice(self, piece: bytes) -> bool:
        return self.network.packets and isinstance(self, _Near) and piece[0] & _KIND_AND_QOS == _QOS_1_PUBLISH


class _Near(_End):
    """The end of the client: it makes the connection to the server."""

    def __init__(self, network: BadNetwork) -> None:
        super().__init__(network, _Packets().feed if network.packets else _as_it_came)
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.network.seen["connections"] += 1
        self._connecting = self.network.loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            super().data_received(data)

    async def _connect(self) -> None:
        far = _End(self.network, _as_it_came)
        far.other = self
        try:
            await self.network.loop.create_connection(lambda: far, *self.network.server())
        except OSError:
            self.reset()
            return
        self.other = far
        for data in self._early:
            self.data_received(data)
        if self.transport.is_closing():
            far.reset()


def _as_it_came(data: bytes) -> Iterator[bytes]:
    yield data


class _Packets:
    """Puts what one client sends together to whole packets."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that are complete now."""
        self._buffer += data
        while end := self._end():
            yield self._buffer[:end]
            self._buffer = self._buffer[end:]

    def _end(self) -> int:
        """Where the first packet ends; 0 while it is not complete."""
        length = 0
        for position, digit in enumerate(self._buffer[1 : 1 + _LENGTH_DIGITS]):
            length |= (digit & 0x7F) << 7 * position
            if digit < 0x80:
                end = 2 + position + length
                return end if len(self._buffer) >= end else 0
        return 0

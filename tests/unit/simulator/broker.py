"""The least of an MQTT server, byte by byte, so that tests see what devices really send."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_CONNECT, _PUBLISH, _SUBSCRIBE, _PINGREQ, _DISCONNECT = 1, 3, 8, 12, 14


async def eventually(reached: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110 - what tests wait for tells nobody
            await asyncio.sleep(0.005)


@dataclass
class Session:
    """One connection: what the device sent, and a way to answer."""

    writer: asyncio.StreamWriter
    connect: bytes
    packets: list[int] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes) -> None:
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + payload
        self.writer.write(b"\x30" + _length(len(body)) + body)

    def drop(self) -> None:
        self.writer.transport.abort()


@dataclass(frozen=True)
class Report:
    """A message of a device."""

    topic: str
    message: dict[str, Any]
    qos: int


Reaction = Callable[[Session, Report], None]


class Broker:
    """Accepts everyone, or answers with `connack`; `on_report` reacts to what devices publish."""

    def __init__(self) -> None:
        self.connack: int | None = 0
        self.suback = 1
        self.sessions: list[Session] = []
        self.reports: list[Report] = []
        self.on_report: Reaction = lambda _session, _report: None
        self.port = 0

    def steps(self) -> list[str]:
        """The progress steps that came, in order."""
        return [report.message["params"]["step"] for report in self.reports if "/progress/" in report.topic]

    def versions(self) -> list[str]:
        """The versions that were reported, in order."""
        return [report.message["params"]["version"] for report in self.reports if "/inform/" in report.topic]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        try:
            _, connect = await _packet(reader)
            session = Session(writer, connect)
            if self.connack is None:
                return
            writer.write(bytes((0x20, 2, 0, self.connack)))
            if self.connack:
                return
            self.sessions.append(session)
            while True:
                self._take(session, *await _packet(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _take(self, session: Session, first: int, body: bytes) -> None:
        kind = first >> 4
        session.packets.append(kind)
        if kind == _PUBLISH:
            end = 2 + int.from_bytes(body[:2], "big")
            qos = first >> 1 & 3
            if qos:
                session.writer.write(b"\x40\x02" + body[end : end + 2])
            payload = body[end + 2 :] if qos else body[end:]
            report = Report(body[2:end].decode(), json.loads(payload), qos)
            self.reports.append(report)
            self.on_report(session, report)
        elif kind == _SUBSCRIBE:
            at = 2
            while at < len(body):
                end = at + 2 + int.from_bytes(body[at : at + 2], "big")
                session.subscribed.append(body[at + 2 : end].decode())
                at = end + 1
            codes = bytes([self.suback] * len(session.subscribed))
            session.writer.write(b"\x90" + _length(2 + len(codes)) + body[:2] + codes)
        elif kind == _PINGREQ:
            session.writer.write(b"\xd0\x00")
        else:
            assert kind == _DISCONNECT, kind


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    (first,) = await reader.readexactly(1)
    size = shift = 0
    while True:
        (digit,) = await reader.readexactly(1)
        size |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return first, await reader.readexactly(size)


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)

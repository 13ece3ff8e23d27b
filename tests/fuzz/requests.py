"""HTTP requests that can be spoilt piece by piece, and the answers to them."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from tests.fuzz.mutating import mutated, pieces
from tests.support.server import Address

SILENCE_SECONDS: Final = 0.2
"""An answer that does not come by then is not waited for: most likely the request is not complete."""
_AT_MOST_BYTES: Final = 1 << 20
_STATUS: Final = re.compile(rb"HTTP/\d\.\d ([1-5]\d\d) ")
_LENGTH: Final = re.compile(rb"^content-length: (\d+)\r?$", re.IGNORECASE | re.MULTILINE)
_WITHOUT_BODY: Final = frozenset({101, 204, 304})


@dataclass(frozen=True)
class Request:
    """A request in its pieces.

    Attributes:
        method: of HTTP.
        target: path and query.
        headers: besides Host, Connection and Content-Length.
        body: the body; no Content-Length is sent without one.
        status: what it is answered when nothing is spoilt.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    status: int = 200

    def pieces(self) -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]:
        """Method, target, headers and body in bytes."""
        headers = tuple((name.encode(), value.encode()) for name, value in self.headers.items())
        return self.method.encode(), self.target.encode(), headers, self.body

    def encode(self, host: Address) -> bytes:
        """As it is sent when nothing is spoilt."""
        method, target, headers, body = self.pieces()
        return _joined(method, target, headers, body, host)


@dataclass(frozen=True)
class Answer:
    """What came back first, and everything that came."""

    status: int
    received: bytes


def spoilt(dice: Random, request: Request, corpus: Sequence[Request], host: Address) -> bytes:
    """A request with a few changes: in one of its pieces, or anywhere, so that HTTP itself is broken; or a part."""
    if dice.randrange(8) == 0:
        data = request.encode(host)
        return data[: dice.randint(1, len(data))]
    if dice.randrange(4) == 0:
        return b"".join(
            mutated(dice, [each.encode(host) for each in (request, dice.choice(corpus))])
            for _ in range(dice.randint(1, 3))
        )
    method, target, headers, body = request.pieces()
    others = [each.pieces() for each in corpus]
    if dice.randrange(2):
        target = _in_a_line(mutated(dice, [target, dice.choice(others)[1]]), escape=True)
    if body and dice.randrange(4):
        body = mutated(dice, [body, dice.choice(others)[3]])
    if headers and dice.randrange(2):
        spoilt_one = dice.choice(headers)[0]
        headers = tuple(
            (name, _in_a_line(mutated(dice, [value])) if name == spoilt_one else value) for name, value in headers
        )
    if dice.randrange(8) == 0:
        method = dice.choice([b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"BREW"])
    return _joined(method, target, headers, body, host)


def chunked(request: Request) -> Request:
    """The same request with its body in two chunks."""
    middle = len(request.body) // 2
    parts = (request.body[:middle], request.body[middle:], b"")
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return replace(request, headers={**request.headers, "Transfer-Encoding": "chunked"}, body=body)


async def exchange(address: Address, data: bytes, dice: Random, patience: float = SILENCE_SECONDS) -> Answer | None:
    """Sends bytes on a connection of their own; None when nothing came back within the patience (seconds)."""
    received = bytearray()
    reader, writer = await asyncio.open_connection(*address)
    try:
        with suppress(ConnectionError, TimeoutError):
            for piece in pieces(dice, data):
                writer.write(piece)
            while len(received) < _AT_MOST_BYTES:
                block = await asyncio.wait_for(reader.read(65_536), SILENCE_SECONDS if received else patience)
                if not block:
                    break
                received += block
    finally:
        writer.transport.abort()
    if not received:
        return None
    found = _STATUS.match(received)
    assert found, f"this is no answer: {bytes(received[:200])!r}"
    return Answer(int(found[1]), bytes(received))


def statuses(received: bytes) -> Iterable[int]:
    """The statuses of all answers on a connection."""
    while (found := _STATUS.match(received)) is not None:
        status = int(found[1])
        yield status
        head, _, rest = received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None and status not in _WITHOUT_BODY:
            return
        received = rest[0 if length is None or status in _WITHOUT_BODY else int(length[1]) :]


def _joined(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, host: Address) -> bytes:
    given = {name.lower() for name, _ in headers}
    lines = [b"%s %s HTTP/1.1" % (method, target)]
    if b"host" not in given:
        lines.append(b"Host: %s" % str(host).encode())
    if b"connection" not in given:
        lines.append(b"Connection: close")
    lines += [b"%s: %s" % each for each in headers]
    if body and b"transfer-encoding" not in given:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def _in_a_line(data: bytes, *, escape: bool = False) -> bytes:
    """Without the bytes that end a line, and, in a target, with escapes for what would end it."""
    data = data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    return re.sub(rb"[\x01-\x20\x7f-\xff]", lambda byte: b"%%%02X" % byte[0][0], data) if escape else data

"""WebSocket in bytes (RFC 6455), for MQTT over it: frames as a test wants them.

Written on raw sockets, so that it shares nothing with the server.
"""

import base64
import hashlib
import os
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from tests.support.mqtt import Wire
from tests.support.server import Address

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
_LAST: Final = 0x80
_MASKED: Final = 0x80
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class WebSocketWire(Wire):
    """One WebSocket with MQTT in it: what is sent in one piece is one binary frame.

    Attributes:
        subprotocol: what the server chose.
        opcodes: of the frames that arrived.
        close_code: what the server said when it closed.
    """

    def __init__(self, address: Address, path: str = "/mqtt", offers: Sequence[str] = ("mqtt",)) -> None:
        super().__init__(address)
        self._path = path
        self._offers = offers
        self.opcodes: list[int] = []
        self.close_code: int | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self._stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._address}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {', '.join(self._offers)}",
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        status, headers = self._head()
        assert status.startswith("HTTP/1.1 101 "), status
        accepted = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()
        assert headers["sec-websocket-accept"] == accepted
        self.subprotocol = headers.get("sec-websocket-protocol")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()
        super().__exit__(kind, error, traceback)

    def send(self, *data: bytes) -> None:
        """Sends all of it in one binary frame."""
        self.frame(BINARY, b"".join(data))

    def frame(self, opcode: int, payload: bytes, *, last: bool = True) -> None:
        """Sends a frame, or a part of a message that further frames continue."""
        size = len(payload)
        length = bytes([_MASKED | size]) if size < 126 else struct.pack(">BH", _MASKED | 126, size)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(payload))
        self.socket.sendall(bytes([opcode | (_LAST if last else 0)]) + length + mask + masked)

    def _receive(self) -> bytes:
        """The payload of the next frame; nothing when the server closed."""
        head = self._stream.read(2)
        if len(head) < 2:
            return b""
        size = head[1]
        assert not size & _MASKED, "a server masks nothing"
        if size == 126:
            [size] = struct.unpack(">H", self._stream.read(2))
        payload = self._stream.read(size)
        opcode = head[0] & 0x0F
        if opcode == CLOSE:
            [self.close_code] = struct.unpack_from(">H", payload)
            return b""
        self.opcodes.append(opcode)
        return payload

    def _head(self) -> tuple[str, dict[str, str]]:
        status = self._stream.readline().decode().strip()
        headers: dict[str, str] = {}
        while line := self._stream.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

"""MQTT in bytes: packets as a test wants them, right or wrong, and a socket that says what came back.

Written on raw sockets, so that it shares nothing with the server.
"""

import hashlib
import hmac
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.support.api import Device
from tests.support.server import Address

CONNACK: Final = 0x20
PUBACK: Final = 0x40
SUBACK: Final = 0x90
UNSUBACK: Final = 0xB0
PINGREQ: Final = b"\xc0\0"
PINGRESP: Final = 0xD0
DISCONNECT: Final = b"\xe0\0"
SYSTEM_TOPICS: Final = "_ss=1,"
_SECONDS: Final = 20
_AT_A_TIME: Final = 65_536


class Packet(NamedTuple):
    """A packet that arrived."""

    first: int
    body: bytes


class Message(NamedTuple):
    """A PUBLISH that arrived."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    dup: bool
    retain: bool


class Wire:
    """One TCP connection."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._buffer = b""

    def __enter__(self) -> Self:
        self.socket = socket.create_connection(self._address, timeout=_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *data: bytes) -> None:
        """Sends all of it in one piece."""
        self.socket.sendall(b"".join(data))

    def packet(self) -> Packet:
        """The next packet.

        Raises:
            ConnectionError: the server ended the connection instead.
            TimeoutError: it sends nothing.
        """
        while (found := self._complete()) is None:
            received = self._receive()
            if not received:
                raise ConnectionError("the server ended the connection")
            self._buffer += received
        return found

    def message(self) -> Message:
        """The next packet, which must be a PUBLISH."""
        first, body = self.packet()
        assert first >> 4 == 3, f"packet {first:#x} instead of a PUBLISH"
        end = 2 + struct.unpack_from(">H", body)[0]
        qos = first >> 1 & 3
        packet_id = struct.unpack_from(">H", body, end)[0] if qos else 0
        payload = body[end + 2 :] if qos else body[end:]
        return Message(body[2:end].decode(), payload, qos, packet_id, bool(first & 8), bool(first & 1))

    def rest(self) -> list[Packet]:
        """What still comes until the server ends the connection.

        Raises:
            TimeoutError: it does not.
        """
        found: list[Packet] = []
        while True:
            try:
                found.append(self.packet())
            except ConnectionError:
                return found

    def log_in(self, device: Device, **details: object) -> None:
        """Connects as a device; see `connect`."""
        self.send(connect(device, **details))  # type: ignore[arg-type]
        assert self.packet() == (CONNACK, b"\0\0")

    def _receive(self) -> bytes:
        """The next bytes; none when the server ended the connection."""
        return self.socket.recv(_AT_A_TIME)

    def _complete(self) -> Packet | None:
        length = shift = 0
        for position, digit in enumerate(self._buffer[1:5], start=2):
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                end = position + length
                if len(self._buffer) < end:
                    return None
                found = Packet(self._buffer[0], self._buffer[position:end])
                self._buffer = self._buffer[end:]
                return found
        return None


def packet(first: int, body: bytes) -> bytes:
    """A packet with its length."""
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([first]) + bytes(length) + body


def text(value: str | bytes) -> bytes:
    """A text, or bytes in the place of one, behind its length."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def connect(
    device: Device,
    *,
    more: str = SYSTEM_TOPICS,
    secret: str | None = None,
    name: str = "MQTT",
    level: int = 4,
    flags: int = 0xC2,
    keepalive: int = 60,
    will: bytes = b"",
) -> bytes:
    """CONNECT of a device.

    Args:
        device: who it is.
        more: parameters in the ClientId besides the signature's method.
        secret: what it signs with; its own unless given.
        name: the protocol's name.
        level: the protocol's level.
        flags: user name, password and clean session unless given.
        keepalive: in seconds.
        will: the fields of the will.
    """
    client_id, username, password = credentials(device, more=more, secret=secret)
    head = text(name) + bytes([level, flags]) + struct.pack(">H", keepalive)
    return packet(0x10, head + text(client_id) + will + text(username) + text(password))


def credentials(device: Device, *, more: str = SYSTEM_TOPICS, secret: str | None = None) -> tuple[str, str, str]:
    """ClientId, user name and password with which a device logs in (device-plane reference §1.3)."""
    base = f"{device.product_key}.{device.name}"
    signed = f"clientId{base}deviceName{device.name}productKey{device.product_key}"
    password = hmac.new((secret or device.secret).encode(), signed.encode(), hashlib.sha256).hexdigest()
    return f"{base}|{more}signmethod=hmacsha256|", f"{device.name}&{device.product_key}", password


def publish(
    topic: str | bytes, payload: bytes, qos: int = 0, packet_id: int = 1, *, dup: bool = False, retain: bool = False
) -> bytes:
    """PUBLISH."""
    number = struct.pack(">H", packet_id) if qos else b""
    return packet(0x30 | dup << 3 | qos << 1 | retain, text(topic) + number + payload)


def subscribe(packet_id: int, filters: Sequence[tuple[str | bytes, int]], first: int = 0x82) -> bytes:
    """SUBSCRIBE: pairs of filter and QoS."""
    return packet(first, struct.pack(">H", packet_id) + b"".join(text(each) + bytes([qos]) for each, qos in filters))


def unsubscribe(packet_id: int, filters: Sequence[str | bytes], first: int = 0xA2) -> bytes:
    """UNSUBSCRIBE."""
    return packet(first, struct.pack(">H", packet_id) + b"".join(map(text, filters)))

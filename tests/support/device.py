"""A device that behaves like the vendor's C SDK: the strictest client in the field.

It parses by flat text search, reads HTTP headers into small buffers, never subscribes, sends its password in upper-case
hex and a PINGREQ right after the CONNACK (device-plane reference §2.5, §2.8, §4). Written on raw sockets, so that it
shares nothing with the server.
"""

import contextlib
import hashlib
import hmac
import itertools
import re
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from tests.support.api import Device
from tests.support.server import Address

_HEADER_LINE: Final = 128
_KEEPALIVE_SECONDS: Final = 1_200
_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _PINGREQ, _PINGRESP, _DISCONNECT = 0x10, 2, 3, 4, 0xC0, 13, 0xE0
_PUBLISH_QOS_1: Final = 0x32
_AT_ONCE: Final = 100


class DeviceError(AssertionError):
    """The server did something on which firmware in the field fails."""


@dataclass(frozen=True)
class Notice:
    """An upgrade notice, as far as the C SDK reads it."""

    text: str
    code: str
    version: str
    url: str
    size: int
    sign_method: str
    sign: str
    md5: str
    module: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the notice as the SDK does: the first `"key":` in the text wins, blanks and escapes are unknown."""
        data = text[text.index('"data":') :]
        notice = cls(
            text=text,
            code=_required(text, "code"),
            version=_required(data, "version"),
            url=_required(data, "url"),
            size=int(_required(data, "size")),
            sign_method=_required(data, "signMethod"),
            sign=_required(data, "sign"),
            md5=_required(data, "md5"),
            module=_flat_value(data, "module"),
        )
        digest_length = {"Md5": 32, "SHA256": 64}.get(notice.sign_method)
        if len(notice.sign) != digest_length:
            raise DeviceError(f"{notice.sign_method} with a digest of {len(notice.sign)} characters: {text}")
        return notice

    def verify(self, content: bytes) -> None:
        """Compares size and digests of a downloaded file."""
        hasher = {"Md5": hashlib.md5, "SHA256": hashlib.sha256}[self.sign_method]
        if len(content) != self.size or hasher(content).hexdigest() != self.sign:
            raise DeviceError(f"the file does not match {self.text}")
        if hashlib.md5(content).hexdigest() != self.md5:
            raise DeviceError(f"the file does not match the md5 of {self.text}")


class CDevice:
    """One device on one connection at a time."""

    def __init__(self, broker: Address, device: Device, tls: ssl.SSLContext | None = None) -> None:
        """Connects nothing yet; with a context it speaks TLS, also where it downloads over https."""
        self.name = device.name
        self._broker = broker
        self._device = device
        self._tls = tls
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._messages: deque[tuple[str, bytes]] = deque()
        self._next_id = 0

    def __enter__(self) -> Self:
        code = self.connect()
        if code != 0:
            self.drop()
            raise DeviceError(f"CONNACK {code}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> int:
        """Logs in; answers the code of the CONNACK. After 0 the device is known to be served (a PINGRESP came)."""
        self._socket = self._open()
        self._buffer = b""
        self._messages.clear()
        self._send(_CONNECT, self._connect_body())
        kind, body = self._packet()
        if kind >> 4 != _CONNACK:
            raise DeviceError(f"packet {kind:#x} instead of a CONNACK")
        if body[1] == 0:
            self._send(_PINGREQ, b"")
            while self._packet_or_message() != _PINGRESP:
                pass
        return body[1]

    def close(self) -> None:
        """Leaves in order."""
        if self._socket:
            with contextlib.suppress(ConnectionError):
                self._send(_DISCONNECT, b"")
            self.drop()

    def drop(self) -> None:
        """Loses the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def report_version(self, version: str, module: str | None = None, *, stored: bool = False) -> None:
        """Tells the version of the firmware or of a module.

        Args:
            version: the version.
            module: the module; None is the firmware as a whole.
            stored: report at QoS 1 (as the C SDK 3) and return when the server has stored it.
        """
        more = f',"module":"{module}"' if module else ""
        text = f'{{"id":{self._id()}, "params":{{"version":"{version}"{more}}}}}'
        self._publish("inform", text, acknowledged=stored)

    def report_progress(self, step: int, description: str = "") -> None:
        """Tells percent (0 to 100) or a failure (-1 to -4)."""
        self._publish("progress", f'{{"id":{self._id()}, "params":{{"step":"{step}","desc":"{description}"}}}}')

    def wait_for_notice(self, seconds: float = 60) -> Notice:
        """The next upgrade notice, which comes without any subscription."""
        return Notice.parse(self._wait_for_message(f"/ota/device/upgrade/{self.own}", seconds))

    def has_notice(self, seconds: float) -> bool:
        """True when a notice comes within this time."""
        try:
            self.wait_for_notice(seconds)
        except TimeoutError:
            return False
        return True

    def update(self, seconds: float = 60) -> bytes:
        """Does what the notice says and reports the new version; answers the file."""
        notice = self.wait_for_notice(seconds)
        self.report_progress(0)
        content = download(notice, tls=self._tls)
        notice.verify(content)
        self.report_progress(100)
        self.report_version(notice.version, notice.module)
        return content

    def ping(self) -> None:
        """Returns when the server has answered.

        Raises:
            ConnectionError: the server closed the connection.
        """
        self._send(_PINGREQ, b"")
        while self._packet_or_message() != _PINGRESP:
            pass

    def _open(self) -> socket.socket:
        return _open(self._broker, self._tls)

    def _connect_body(self) -> bytes:
        return _connect_body(self._device)

    @property
    def own(self) -> str:
        """The device's part of its topics."""
        return f"{self._device.product_key}/{self._device.name}"

    def say(self, topic: str, payload: bytes, *, acknowledged: bool = False) -> None:
        """Publishes a message at QoS 0, or at QoS 1 and returns when the server has it."""
        if acknowledged:
            self._send(_PUBLISH_QOS_1, _text(topic) + b"\0\1" + payload)
            while self._packet_or_message() != _PUBACK:
                pass
        else:
            self._send(_PUBLISH << 4, _text(topic) + payload)

    def hear(self, topic: str, seconds: float = 60) -> bytes:
        """The next message on a topic; others are thrown away.

        Raises:
            TimeoutError: none came.
        """
        assert self._socket
        end = time.monotonic() + seconds
        while True:
            while self._messages:
                found, payload = self._messages.popleft()
                if found == topic:
                    return payload
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                self._packet_or_message()
            finally:
                self._socket.settimeout(30)

    def _wait_for_message(self, topic: str, seconds: float) -> str:
        return self.hear(topic, seconds).decode()

    def _packet_or_message(self) -> int:
        kind, body = self._packet()
        if kind >> 4 == _PUBLISH:
            length = struct.unpack_from(">H", body)[0]
            topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
            if kind & 0x06:
                self._send(_PUBACK << 4, rest[:2])
                rest = rest[2:]
            self._messages.append((topic, rest))
        return kind >> 4

    def _publish(self, purpose: str, text: str, *, acknowledged: bool = False) -> None:
        self.say(f"/ota/device/{purpose}/{self.own}", text.encode(), acknowledged=acknowledged)

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _send(self, kind: int, body: bytes) -> None:
        assert self._socket, "not connected"
        self._socket.sendall(_packet_of(kind, body))

    def _packet(self) -> tuple[int, bytes]:
        while (whole := self._complete()) is None:
            assert self._socket, "not connected"
            received = self._socket.recv(65_536)
            if not received:
                raise ConnectionError("the server closed the connection")
            self._buffer += received
        return whole

    def _complete(self) -> tuple[int, bytes] | None:
        length = shift = 0
        for position, digit in enumerate(self._buffer[1:5], start=2):
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                end = position + length
                if len(self._buffer) < end:
                    return None
                kind, body = self._buffer[0], self._buffer[position:end]
                self._buffer = self._buffer[end:]
                return kind, body
        return None


def report_versions(broker: Address, devices: Iterable[Device], version: str) -> None:
    """Lets many devices tell their version and leave, and returns when the server has stored all of it (PUBACK)."""
    waiting = iter(devices)
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        sockets = [socket.create_connection(broker, timeout=60) for _ in some]
        for connection, device in zip(sockets, some, strict=True):
            topic = _text(f"/ota/device/inform/{device.product_key}/{device.name}")
            report = f'{{"id":1,"params":{{"version":"{version}"}}}}'.encode()
            connection.sendall(
                _packet_of(_CONNECT, _connect_body(device)) + _packet_of(_PUBLISH_QOS_1, topic + b"\0\1" + report)
            )
        for connection in sockets:
            with connection, connection.makefile("rb") as stream:
                assert stream.read(8) == b"\x20\2\0\0\x40\2\0\1"  # CONNACK, PUBACK


def download(notice: Notice, *, drop_at: int | None = None, tls: ssl.SSLContext | None = None) -> bytes:
    """Fetches the file as the SDK does: `Range: bytes=0-` first, and on from where a connection was lost.

    Args:
        notice: where the file is.
        drop_at: lose the first connection after this many bytes of the body.
        tls: what to trust where the URL is one of https.
    """
    content = _fetch(notice.url, 0, drop_at, tls)
    while len(content) < notice.size:
        received = _fetch(notice.url, len(content), None, tls)
        if not received:
            raise DeviceError(f"the file ends after {len(content)} of {notice.size} bytes")
        content += received
    return content


def _open(address: Address, tls: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(address, timeout=30)
    if tls is None:
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=address.host)
    except OSError:
        plain.close()
        raise


def _fetch(url: str, start: int, most: int | None, tls: ssl.SSLContext | None) -> bytes:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    address = Address(parts.hostname or "", parts.port or (443 if secure else 80))
    with _open(address, tls if secure else None) as connection, connection.makefile("rb") as stream:
        request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n"
        connection.sendall(f"{request}Range: bytes={start}-\r\nContent-Length: 0\r\n\r\n".encode())
        length = _read_head(stream.readline, start)
        return stream.read(length if most is None else min(most, length))


def _read_head(readline: Callable[[int], bytes], start: int) -> int:
    """Reads status and headers as strictly as the SDK; answers the length of the body."""
    status = _line(readline)
    if not re.match(r"HTTP/1\.1 20[06] ", status + " "):
        raise DeviceError(f"status line {status}")
    length = ranged = None
    while line := _line(readline):
        if match := re.match(r"Content-Length: (\d+)$", line):
            length = int(match[1])
        elif match := re.match(r"Content-Range: bytes (\d+)-\d+/\d+$", line):
            ranged = int(match[1])
        elif re.match(r"transfer-encoding|content-encoding", line, re.IGNORECASE):
            raise DeviceError(f"the SDK cannot read a body with {line}")
    if length is None:
        raise DeviceError("no Content-Length in this letter case")
    if ranged is None and (start or " 206" in status):
        raise DeviceError(f"no Content-Range for bytes={start}-")
    if (ranged or 0) != start:
        raise DeviceError(f"the server answered from {ranged} instead of {start}")
    return length


def _line(readline: Callable[[int], bytes]) -> str:
    line = readline(_HEADER_LINE)
    if not line.endswith(b"\r\n"):
        raise DeviceError(f"a header line is not complete within {_HEADER_LINE} bytes: {line!r}")
    return line[:-2].decode("ascii")


def _packet_of(kind: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (0x80 if left else 0))
        if not left:
            return bytes([kind]) + bytes(length) + body


def _connect_body(device: Device) -> bytes:
    base = f"{device.product_key}.{device.name}"
    extended = "timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=3,signmethod=hmacsha256,ext=3,_conn=tcp_0"
    signed = f"clientId{base}deviceName{device.name}productKey{device.product_key}timestamp2524608000000"
    password = hmac.new(device.secret.encode(), signed.encode(), hashlib.sha256).hexdigest().upper()
    head = _text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", _KEEPALIVE_SECONDS)
    return head + _text(f"{base}|{extended}|") + _text(f"{device.name}&{device.product_key}") + _text(password)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def _required(text: str, key: str) -> str:
    value = _flat_value(text, key)
    if value is None:
        raise DeviceError(f'no "{key}": in {text}')
    return value


def _flat_value(text: str, key: str) -> str | None:
    match = re.search(rf'"{key}":(?:"([^"]*)"|([^,}}"\s]+))', text)
    return None if match is None else match[1] if match[1] is not None else match[2]

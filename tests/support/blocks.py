"""Downloads over MQTT as the C SDK does them: block by block, asked for by hand-made text (device-plane §2.4, §2.9).

Shares nothing with the server; a device's parser is as strict as it is there, and as careless.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Self

from tests.support.device import CDevice, DeviceError

_STREAM_DIGITS: Final = 9
_POLYNOMIAL: Final = 0xA001


@dataclass(frozen=True)
class StreamNotice:
    """An upgrade notice whose file comes over MQTT."""

    text: str
    stream_id: int
    file_id: int
    version: str
    size: int
    md5: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the notice by flat search."""
        if '"dProtocol":"mqtt"' not in text or '"url":' in text:
            raise DeviceError(f"not an offer by MQTT: {text}")
        stream = re.search(r'"streamId":(\d+)', text)
        file = re.search(r'"streamFileId":(\d+)', text)
        version = re.search(r'"version":"([^"]+)"', text)
        size = re.search(r'"size":(\d+)', text)
        md5 = re.search(r'"md5":"([0-9a-f]{32})"', text)
        if not (stream and file and version and size and md5) or len(stream[1]) > _STREAM_DIGITS:
            raise DeviceError(f"the SDK cannot read {text}")
        return cls(text, int(stream[1]), int(file[1]), version[1], int(size[1]), md5[1])


@dataclass(frozen=True)
class Block:
    """An answer to a request for a block: `code` 200 with the bytes, or another one without any."""

    head: str
    code: int
    offset: int
    file_bytes: int
    content: bytes


def wait_for_stream(device: CDevice, seconds: float = 60) -> StreamNotice:
    """The next upgrade notice."""
    return StreamNotice.parse(device.hear(f"/ota/device/upgrade/{device.own}", seconds).decode())


def request(
    stream_id: int, offset: int, size: int, *, request_id: str = '"1"', file_id: int = 1, token: str | None = "default"
) -> bytes:
    """What the SDK sends, with the comma that makes it no JSON."""
    named = f'"fileToken":"{token}",' if token is not None else ""
    info = f'{{"streamId":{stream_id},"fileId":{file_id},}}'
    return (
        f'{{"id":{request_id},"version":"1.0","params":{{{named}"fileInfo":{info},'
        f'"fileBlock":{{"size":{size},"offset":{offset}}}}}}}'
    ).encode()


def ask(device: CDevice, payload: bytes) -> Block:
    """Sends a request and gives its answer."""
    device.say(f"/sys/{device.own}/thing/file/download", payload)
    return next_block(device)


def next_block(device: CDevice, seconds: float = 60) -> Block:
    """The next answer."""
    return parse(device.hear(f"/sys/{device.own}/thing/file/download_reply", seconds))


def download(
    device: CDevice, notice: StreamNotice, size: int = 10_240, *, begun: bytes = b"", up_to: int = -1
) -> bytes:
    """Fetches the file block by block, from where it was begun, to its end or until that many bytes are there."""
    content = begun
    while len(content) < (notice.size if up_to < 0 else min(up_to, notice.size)):
        block = ask(device, request(notice.stream_id, len(content), size, file_id=notice.file_id))
        if block.code != 200 or block.offset != len(content) or block.file_bytes != notice.size or not block.content:
            raise DeviceError(f"no block at {len(content)}: {block.head}")
        content += block.content
    if up_to < 0 and hashlib.md5(content).hexdigest() != notice.md5:
        raise DeviceError("the file does not match the notice")
    return content


def parse(payload: bytes) -> Block:
    """Takes an answer apart.

    Raises:
        DeviceError: the SDK would throw it away, or read behind its end.
    """
    length = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 + length:
        raise DeviceError(f"the head is longer than the message: {payload!r}")
    head, rest = payload[2 : 2 + length].decode(), payload[2 + length :]
    code = re.search(r'"code":(\d+)', head)
    if not code:
        raise DeviceError(f"no code in {head}")
    if code[1] != "200":
        if rest:
            raise DeviceError("the SDK does not look at the code: it would take this for an empty block")
        return Block(head, int(code[1]), 0, 0, b"")
    numbers = [re.search(rf'"{key}":(\d+)', head) for key in ("bSize", "bOffset", "fileLength")]
    if None in numbers or not head.endswith('"message":"success"}'):
        raise DeviceError(f"the SDK cannot read {head}")
    size, offset, file_bytes = (int(match[1]) for match in numbers if match)
    content, crc = rest[:size], int.from_bytes(rest[size:], "little")
    if len(rest) != size + 2 or crc != crc_arc(content):
        raise DeviceError(f"length or checksum is wrong behind {head}")
    return Block(head, 200, offset, file_bytes, content)


def crc_arc(content: bytes) -> int:
    """CRC-16/ARC, a bit at a time."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc

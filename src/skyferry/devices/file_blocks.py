"""The form of file downloads over MQTT: what a device asks for and what it is sent (device-plane reference §2.9).

An answer is two bytes with the length of a JSON text, the text, a part of the file, and the part's CRC-16/ARC with the
low byte first. A refusal has the length and the text only, and that is no negligence. The C SDK does not look at the
code before it compares the length of the whole message: it would take a refusal with a checksum for an empty block and
ask again at once, for ever; and a plain JSON text would make it read behind the end of the message.
"""

from dataclasses import dataclass
from typing import Any, Final

from fastcrc import crc16

from skyferry.devices.limits import DownloadLimits
from skyferry.devices.payloads import PayloadError, raw_text, read_envelope

REFUSED_REQUEST: Final = 460
"""Codes of refusals, as the platform's other services have them: the request cannot be carried out as it is,"""
UNKNOWN_STREAM: Final = 404
"""the device may not read such a stream, or not any more,"""
TOO_MANY_REQUESTS: Final = 429
"""it asks for the next blocks without waiting for the ones before,"""
UNAVAILABLE: Final = 500
"""or the server cannot read the file now."""

_LENGTH_BYTES: Final = 2
_CRC_BYTES: Final = 2
_MOST_DIGITS: Final = 18


class BlockRefusedError(Exception):
    """A request for a block that is not carried out.

    Attributes:
        request_id: the `id` of the request as JSON text.
        code: the code of the answer.
    """

    def __init__(self, request_id: str, code: int, message: str) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.code = code


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A device asks for a part of a file.

    Attributes:
        request_id: the `id` as JSON text, to be echoed as it came.
        token: the device's own name of the file as JSON text, to be echoed; None when it sent none.
        stream_id: the number of the stream.
        file_id: the number of the file in it.
        offset: where the part begins, in bytes.
        size: how many bytes it should have, no more than a block may have.
    """

    request_id: str
    token: str | None
    stream_id: int
    file_id: int
    offset: int
    size: int


def read_block_request(payload: bytes, limits: DownloadLimits) -> BlockRequest:
    """Reads a request for a block.

    Raises:
        PayloadError: it has no form that could be answered.
        BlockRefusedError: something in it is missing or out of range.
    """
    envelope = read_envelope(payload)
    params = _object(envelope.params)
    file, block = _object(params.get("fileInfo")), _object(params.get("fileBlock"))
    reader = _Reader(envelope.request_id)
    token = params.get("fileToken")
    if token is not None:
        token = reader.token(token, limits.token_characters)
    size = reader.number(block, "size", default=limits.default_block_bytes)
    if size < 1:
        raise BlockRefusedError(envelope.request_id, REFUSED_REQUEST, "fileBlock.size is not above 0.")
    return BlockRequest(
        envelope.request_id,
        token,
        stream_id=reader.number(file, "streamId"),
        file_id=reader.number(file, "fileId" if "fileId" in file else "streamFileId"),
        offset=reader.number(block, "offset", default=0),
        size=min(size, limits.most_block_bytes),
    )


def block_reply(request: BlockRequest, file_bytes: int, block: bytes) -> bytes:
    """The answer with a block.

    Args:
        request: what was asked for.
        file_bytes: the size of the whole file.
        block: the bytes from the request's offset on.
    """
    token = f'"fileToken":{request.token},' if request.token is not None else ""
    data = f'{{{token}"fileLength":{file_bytes},"bOffset":{request.offset},"bSize":{len(block)}}}'
    head = f'{{"id":{request.request_id},"code":200,"data":{data},"message":"success"}}'
    return _framed(head) + block + crc16.arc(block).to_bytes(_CRC_BYTES, "little")


def refusal(request_id: str, code: int, message: str) -> bytes:
    """The answer without a block; the message must need no escapes."""
    return _framed(f'{{"id":{request_id},"code":{code},"data":{{}},"message":"{message}"}}')


def _framed(head: str) -> bytes:
    text = head.encode()
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text


def _object(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PayloadError("not an object where one is expected")
    return value


class _Reader:
    """Reads values of one request and refuses it when one of them is not what it should be."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def number(self, values: dict[str, Any], name: str, *, default: int | None = None) -> int:
        value = values.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BlockRefusedError(self._request_id, REFUSED_REQUEST, f"{name} is missing or no whole number.")
        return value

    def token(self, value: object, most: int) -> str:
        text = raw_text(value)
        if text is None or len(text) > most:
            raise BlockRefusedError(self._request_id, REFUSED_REQUEST, "fileToken is too long, or no text.")
        return text

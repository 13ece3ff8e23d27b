"""Fetches files over the device's own MQTT connection, block by block like the C SDK (device-plane reference §2.9)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastcrc import crc16

from skyferry.simulator.payloads import NoticeError, flat_value
from skyferry.simulator.transfer import Body, ConnectionBrokenError, ResponseRefusedError

SCHEME = "mqtt:"
"""How the address of a file begins that comes over MQTT: `mqtt:{streamId}/{streamFileId}`."""

_BLOCK_BYTES = 10_240
_ANSWER_SECONDS = 10
_MAX_TRIES = 4
_SUCCESS = "200"
_LENGTH_BYTES = 2
_CRC_BYTES = 2


@dataclass(frozen=True, slots=True)
class _Block:
    offset: int
    file_bytes: int
    content: bytes


class StreamSource:
    """The files that a device is offered over MQTT; see `Source`. One request is under way at a time."""

    def __init__(self, ask: Callable[[bytes], None]) -> None:
        """Args: ask: sends a request on the device's connection of the moment."""
        self._ask = ask
        self._answer: asyncio.Future[_Block] | None = None
        self._message_id = 0

    @asynccontextmanager
    async def open(self, url: str, offset: int) -> AsyncIterator[Body]:
        """Asks for the block at an offset; the others are asked for as they are read. See `Source.open`."""
        stream_id, _, file_id = url.removeprefix(SCHEME).partition("/")
        first = await self._block(stream_id, file_id, offset, _BLOCK_BYTES)
        at, kept = offset, first.content

        async def read(most: int) -> bytes:
            nonlocal at, kept
            if not kept and at < first.file_bytes:
                kept = (await self._block(stream_id, file_id, at, min(most, _BLOCK_BYTES))).content
            piece, kept = kept[:most], kept[most:]
            at += len(piece)
            return piece

        yield Body(first.file_bytes - offset, read)

    def hear(self, payload: bytes) -> None:
        """Takes an answer; one that nobody waits for is a repetition."""
        answer = self._answer
        if answer is None or answer.done():
            return
        try:
            answer.set_result(_parse(payload))
        except (NoticeError, ResponseRefusedError) as error:
            answer.set_exception(ResponseRefusedError(str(error)))

    async def _block(self, stream_id: str, file_id: str, offset: int, size: int) -> _Block:
        for _ in range(_MAX_TRIES):
            self._answer = asyncio.get_running_loop().create_future()
            self._ask(self._request(stream_id, file_id, offset, size))
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    block = await self._answer
            except TimeoutError:
                continue
            if block.offset == offset and block.content:
                return block
        raise ConnectionBrokenError(f"No block at {offset} after {_MAX_TRIES} requests.")

    def _request(self, stream_id: str, file_id: str, offset: int, size: int) -> bytes:
        self._message_id += 1
        info = f'{{"streamId":{stream_id},"fileId":{file_id},}}'  # the C SDK's comma, which is no JSON
        block = f'{{"size":{size},"offset":{offset}}}'
        params = f'{{"fileToken":"default","fileInfo":{info},"fileBlock":{block}}}'
        return f'{{"id":"{self._message_id}","version":"1.0","params":{params}}}'.encode()


def _parse(payload: bytes) -> _Block:
    """Takes an answer apart.

    Raises:
        NoticeError: the head has a value that a C SDK cannot read.
        ResponseRefusedError: it is a refusal, or not what it says.
    """
    length = int.from_bytes(payload[:_LENGTH_BYTES], "big")
    head = payload[_LENGTH_BYTES : _LENGTH_BYTES + length].decode(errors="replace")
    rest = payload[_LENGTH_BYTES + length :]
    if flat_value(head, "code") != _SUCCESS:
        raise ResponseRefusedError(f"No block: {flat_value(head, 'message')}")
    offset, size, file_bytes = (flat_value(head, key) for key in ("bOffset", "bSize", "fileLength"))
    if offset is None or size is None or file_bytes is None or len(rest) != int(size) + _CRC_BYTES:
        raise ResponseRefusedError(f"The block is not as long as its head says: {head}")
    content = rest[:-_CRC_BYTES]
    if crc16.arc(content) != int.from_bytes(rest[-_CRC_BYTES:], "little"):
        raise ResponseRefusedError(f"The checksum of the block is wrong: {head}")
    return _Block(int(offset), int(file_bytes), content)

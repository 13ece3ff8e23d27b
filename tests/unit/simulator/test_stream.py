"""The simulated device's downloads over MQTT (device-plane reference §2.9)."""

import asyncio
import hashlib
import json
from collections.abc import Callable

import pytest

from skyferry.simulator import stream
from skyferry.simulator.download import download
from skyferry.simulator.stream import StreamSource
from skyferry.simulator.transfer import ConnectionBrokenError, FileSpec, ResponseRefusedError
from tests.support.blocks import crc_arc

CONTENT = bytes(range(256)) * 100
MD5 = hashlib.md5(CONTENT).hexdigest()
FILE = FileSpec("mqtt:7/1", len(CONTENT), MD5, MD5, "Md5")


def reply(offset: int, size: int, *, code: int = 200, crc: int = 0) -> bytes:
    block = CONTENT[offset : offset + size]
    data = {"fileLength": len(CONTENT), "bOffset": offset, "bSize": len(block)}
    head = json.dumps({"id": "1", "code": code, "data": data, "message": "success"}, separators=(",", ":")).encode()
    return len(head).to_bytes(2, "big") + head + block + (crc_arc(block) ^ crc).to_bytes(2, "little")


class Server:
    """Answers requests at once with what `answer` makes of offset and size."""

    def __init__(self, answer: Callable[[int, int], bytes | None]) -> None:
        self.asked: list[int] = []
        self.source = StreamSource(self._hear)
        self._answer = answer

    def _hear(self, request: bytes) -> None:
        assert b'{"streamId":7,"fileId":1,}' in request
        block = json.loads(request.replace(b",}", b"}"))["params"]["fileBlock"]
        self.asked.append(block["offset"])
        answer = self._answer(block["offset"], block["size"])
        if answer is not None:
            asyncio.get_running_loop().call_soon(self.source.hear, answer)


async def test_a_file_comes_block_by_block() -> None:
    server = Server(reply)
    received = bytearray()
    assert await download(server.source, FILE, sink=received.extend) == 0
    assert bytes(received) == CONTENT
    assert server.asked == [0, 10_240, 20_480]


async def test_a_download_goes_on_where_it_broke() -> None:
    server = Server(reply)
    received = bytearray()
    assert await download(server.source, FILE, sink=received.extend, break_at=5_000) == 1
    assert bytes(received) == CONTENT
    assert server.asked[:2] == [0, 5_000]


async def test_a_request_is_repeated_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ANSWER_SECONDS", 0.001)
    silent = Server(lambda _offset, _size: None)
    with pytest.raises(ConnectionBrokenError):
        async with silent.source.open("mqtt:7/1", 0):
            pass
    assert silent.asked == [0] * 4


@pytest.mark.parametrize(
    "answer",
    [
        reply(0, 10, crc=1),
        reply(0, 10)[:-1],
        reply(0, 10, code=404),
        b"",
        b"\x00\x02{}",
    ],
)
async def test_a_bad_answer_is_refused(answer: bytes) -> None:
    server = Server(lambda _offset, _size: answer)
    with pytest.raises(ResponseRefusedError):
        async with server.source.open("mqtt:7/1", 0):
            pass


async def test_an_answer_that_nobody_waits_for_is_ignored() -> None:
    Server(reply).source.hear(reply(0, 10))

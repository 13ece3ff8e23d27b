"""A business server on a port of its own: keeps every message that it is sent, and answers as a test says."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.support.server import wait_until


@dataclass(frozen=True)
class Received:
    """One request, with the names of its headers in small letters, and how it was answered."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def message(self) -> dict[str, Any]:
        """The body as JSON."""
        message: dict[str, Any] = json.loads(self.body)
        return message

    @property
    def payload(self) -> dict[str, Any]:
        """What the message says."""
        payload: dict[str, Any] = self.message["payload"]
        return payload


Answer = Callable[[dict[str, Any]], int]
"""The HTTP status for a message. It may take its time: other messages are received meanwhile."""


class Receiver:
    """Runs from the beginning of the `with` block to its end."""

    def __init__(self, answer: Answer = lambda _message: 200) -> None:
        self.answer = answer
        self._received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answer(json.loads(body))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver._received.append(Received(headers | {":path": self.path}, body, status))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{receiver.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where messages go."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def all(self) -> list[Received]:
        """Everything so far, in the order in which it was answered."""
        return list(self._received)

    @property
    def taken(self) -> list[Received]:
        """What was answered with 2xx."""
        return [item for item in self._received if 200 <= item.status < 300]

    @property
    def told(self) -> list[Received]:
        """Each message that was taken, once: a server that died may have sent one again."""
        first: dict[str, Received] = {}
        for item in self.taken:
            first.setdefault(item.headers["webhook-id"], item)
        return list(first.values())

    def wait_for(self, count: int, *, seconds: float = 60, each_once: bool = False) -> list[Received]:
        """Waits until so many messages have been taken, and gives them all; `each_once` counts none a second time."""
        wait_until(
            lambda: len(self.told if each_once else self.taken) >= count,
            seconds=seconds,
            interval=0.02,
            what=f"{count} messages",
            logs=lambda: "\n".join(f"{item.status} {item.body!r}" for item in self.all),
        )
        return self.told if each_once else self.taken

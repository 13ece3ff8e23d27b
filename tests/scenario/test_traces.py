"""A server that was told of a collector tells it what calls cause."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.api import root
from tests.support.server import Server

pytestmark = pytest.mark.rule("QueryProduct")


class Collector(BaseHTTPRequestHandler):
    """Takes whatever it is told."""

    told: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        self.told.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[ThreadingHTTPServer]:
    Collector.told = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_call_and_its_transactions_reach_the_collector(collector: ThreadingHTTPServer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    with Server(tmp_path, {"SKYFERRY_TRACES": url}) as server:
        api = root(server.http)
        api.call("QueryProduct", ProductKey=api.create_product("traced"))
        server.stop()

    assert {path for path, _ in Collector.told} == {"/v1/traces"}
    spans = b"".join(body for _, body in Collector.told)
    assert b"QueryProduct" in spans
    assert b"CreateProduct" in spans
    assert b"write " in spans

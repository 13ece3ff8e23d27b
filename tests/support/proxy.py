"""A proxy that terminates TLS in front of a server, as far as the server can tell."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.server import Address


@contextmanager
def proxy(server: Address, caller: str) -> Iterator[Address]:
    """Listens on 127.0.0.1 and hands requests on: `Host` as it was, with the headers of a caller that came over TLS."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            before = self.headers.get("X-Forwarded-For")
            headers = dict(self.headers) | {
                "X-Forwarded-For": f"{before}, {caller}" if before else caller,
                "X-Forwarded-Proto": "https",
            }
            connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
            connection.request("POST", self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            """Stays silent."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield Address("127.0.0.1", listening.server_address[1])
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()

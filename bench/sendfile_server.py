"""The least that can serve a file over HTTP: one answer for every request, by `sendfile`.

Run as a process: `python -m bench.sendfile_server FILE`; prints its port.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Final

_REQUEST_BYTES: Final = 65_536


def serve(path: Path) -> None:
    """Answers one connection after the other, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection, path.open("rb") as file:
                connection.recv(_REQUEST_BYTES)
                _answer(connection, file.fileno())


def _answer(connection: socket.socket, file: int) -> None:
    size = os.fstat(file).st_size
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
    sent = 0
    while sent < size:
        sent += os.sendfile(connection.fileno(), file, sent, size - sent)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

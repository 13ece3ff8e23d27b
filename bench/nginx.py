"""nginx, what one would send files with: Debian's package, on a free port of 127.0.0.1, with `sendfile`.

It does less than the server: it gives the file to whoever asks, counts nothing and tells nobody.
"""

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from bench.processes import HOST, LoadedProcess, find_program, free_port, until_answering
from bench.server import stop

NAME: Final = "nginx"
_CONFIGURATION: Final = """
user {user};
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {directory}/nginx-bodies;
  proxy_temp_path {directory}/nginx-proxied;
  fastcgi_temp_path {directory}/nginx-fastcgi;
  uwsgi_temp_path {directory}/nginx-uwsgi;
  scgi_temp_path {directory}/nginx-scgi;
  server {{ listen {host}:{port}; root {root}; }}
}}
"""
"""One process does everything, as the server's does."""


def find() -> str | None:
    """The program; None when it is not installed."""
    return find_program("nginx")


@asynccontextmanager
async def sending(directory: Path, root: Path) -> AsyncIterator[tuple[str, LoadedProcess] | None]:
    """The URL of nginx and its process, from its first answer to its end; None when it is not installed.

    Args:
        directory: where it keeps what it needs.
        root: the directory whose files it sends.
    """
    program = find()
    if program is None:
        yield None
        return
    port = free_port()
    configuration = directory / "nginx.conf"
    text = _CONFIGURATION.format(user=getpass.getuser(), directory=directory, root=root, host=HOST, port=port)
    configuration.write_text(text, encoding="utf-8")
    with (directory / "nginx.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-p", str(directory), "-c", str(configuration), stdout=log, stderr=log
        )
    try:
        await until_answering(process, port)
        yield f"http://{HOST}:{port}", LoadedProcess(process=psutil.Process(process.pid))
    finally:
        await stop(process)

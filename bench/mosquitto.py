"""Mosquitto, a broker in C, as the measure of what the MQTT end costs: Debian's package, on a free port of 127.0.0.1.

It does less than the server and says so in the tables: it lets in whoever comes, and it stores nothing.
"""

import asyncio
import getpass
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from bench.processes import MqttProcess
from bench.server import stop

NAME: Final = "Mosquitto"
_HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 20
_POLL_SECONDS: Final = 0.05


def find() -> str | None:
    """The program; None when it is not installed."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


@asynccontextmanager
async def brokering(directory: Path) -> AsyncIterator[MqttProcess | None]:
    """Mosquitto from its first answer to its end; None when it is not installed."""
    program = find()
    if program is None:
        yield None
        return
    port = _free_port()
    configuration = directory / "mosquitto.conf"
    lines = (
        f"listener {port} {_HOST}",
        "allow_anonymous true",
        "persistence false",
        "log_type error",
        f"user {getpass.getuser()}",
    )
    configuration.write_text("\n".join(lines) + "\n", encoding="ascii")
    with (directory / "mosquitto.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(program, "-c", str(configuration), stdout=log, stderr=log)
    try:
        async with asyncio.timeout(_START_SECONDS):
            await _until_answering(process, port)
        yield MqttProcess(mqtt=(_HOST, port), process=psutil.Process(process.pid))
    finally:
        await stop(process)


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


async def _until_answering(process: asyncio.subprocess.Process, port: int) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection(_HOST, port)
        except OSError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            return
    raise RuntimeError(f"Mosquitto ended with {process.returncode} before it answered.")

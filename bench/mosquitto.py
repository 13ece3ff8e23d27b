"""Mosquitto, a broker in C, as the measure of what the MQTT end costs: Debian's package, on a free port of 127.0.0.1.

It does less than the server and says so in the tables: it lets in whoever comes, and it stores nothing.
"""

import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil

from bench.processes import HOST, MqttProcess, find_program, free_port, until_answering
from bench.server import stop

NAME: Final = "Mosquitto"


def find() -> str | None:
    """The program; None when it is not installed."""
    return find_program("mosquitto")


@asynccontextmanager
async def brokering(directory: Path) -> AsyncIterator[MqttProcess | None]:
    """Mosquitto from its first answer to its end; None when it is not installed."""
    program = find()
    if program is None:
        yield None
        return
    port = free_port()
    configuration = directory / "mosquitto.conf"
    lines = (
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence false",
        "log_type error",
        f"user {getpass.getuser()}",
    )
    configuration.write_text("\n".join(lines) + "\n", encoding="ascii")
    with (directory / "mosquitto.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(program, "-c", str(configuration), stdout=log, stderr=log)
    try:
        await until_answering(process, port)
        yield MqttProcess(mqtt=(HOST, port), process=psutil.Process(process.pid))
    finally:
        await stop(process)

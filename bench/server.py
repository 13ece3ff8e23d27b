"""The server under test: a process of its own, whose CPU time and memory are read from outside."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.processes import MqttProcess
from skyferry.operations import OPERATIONS

KEY_ID: Final = "LTAIbench"
SECRET: Final = "bench-secret"
PASSWORD: Final = "bench-password"
"""Of the root account, for the console."""
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 60
# The load is above what an account may call: the limits of calls per second are not what is measured.
_QUOTAS: Final = json.dumps(dict.fromkeys(OPERATIONS, 100_000))
_SETTINGS: Final = {
    "SKYFERRY_ROOT_ACCESS_KEY_ID": KEY_ID,
    "SKYFERRY_ROOT_ACCESS_KEY_SECRET": SECRET,
    "SKYFERRY_ROOT_PASSWORD": PASSWORD,
    "SKYFERRY_QUOTAS": _QUOTAS,
    "SKYFERRY_LOG_LEVEL": "warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(MqttProcess):
    """A started server.

    Attributes:
        data: its data directory.
        http: `host:port` of the API.
        start_seconds: from the start of the process to its ready line.
    """

    data: Path
    http: str
    start_seconds: float


@asynccontextmanager
async def serving(
    data: Path, *, database: str | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """A server on a data directory, from its ready line to its end.

    Args:
        data: the directory.
        database: another database than that of the directory.
        settings: of the server, by their names in the environment.
    """
    command = [str(Path(sys.executable).with_name("skyferry")), "serve", "--data-dir", str(data)]
    if database:
        command += ["--database", database]
    began = time.perf_counter()
    with (data.parent / f"{data.name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0",
            stdout=asyncio.subprocess.PIPE, stderr=log, env=_environment(settings or {}),
        )  # fmt: skip
    try:
        async with asyncio.timeout(_START_SECONDS):
            http, mqtt = await _ready(process)
        host, _, port = mqtt.rpartition(":")
        yield Server(
            mqtt=(host, int(port)),
            process=psutil.Process(process.pid),
            data=data,
            http=http,
            start_seconds=time.perf_counter() - began,
        )
    finally:
        await stop(process)


async def _ready(process: asyncio.subprocess.Process) -> tuple[str, str]:
    assert process.stdout
    async for line in process.stdout:
        word, *fields = line.decode().split()
        if word == "ready":
            found = dict(field.split("=", 1) for field in fields)
            return found["http"], found["mqtt"]
    raise RuntimeError(f"The server ended with {await process.wait()} before it was ready.")


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ends a process, by force when it takes too long."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SKYFERRY_")}
    return {**own, **_SETTINGS, **settings}

"""The demo's own server: a process of its own, as everywhere."""

import asyncio
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from skyferry.settings import Address, parse_address

_START_SECONDS: Final = 30
_STOP_SECONDS: Final = 20


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class RootKey:
    """The AccessKey of the demo's account."""

    access_key_id: str
    secret: str


class ServerProcess:
    """A server from start to stop."""

    def __init__(self, directory: Path) -> None:
        self.key = RootKey(f"LTAI{secrets.token_hex(8)}", secrets.token_hex(16))
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self.http = self.mqtt = Address("", 0)

    @property
    def log(self) -> Path:
        """Where the server's log goes."""
        return self._directory / "server.log"

    async def __aenter__(self) -> Self:
        """Starts the server and waits until it is ready.

        Raises:
            DemoError: it did not get ready.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "SKYFERRY_ROOT_ACCESS_KEY_ID": self.key.access_key_id,
            "SKYFERRY_ROOT_ACCESS_KEY_SECRET": self.key.secret,
        }
        command = [sys.executable, "-c", "from skyferry.cli import main; main()", "serve"]
        options = ["--data-dir", str(self._directory), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"]
        with self.log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, *options, stdout=asyncio.subprocess.PIPE, stderr=log, env=environment
            )
        try:
            await asyncio.wait_for(self._read_addresses(self._process), _START_SECONDS)
        except TimeoutError:
            raise DemoError(f"The server did not get ready. Its log is {self.log}.") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stops the server."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)

    async def ended(self) -> None:
        """Returns when the server has ended by itself."""
        if self._process is not None:
            await self._process.wait()

    async def _read_addresses(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            raise DemoError("The server's output is not readable.")
        async for line in process.stdout:
            word, *fields = line.decode().split()
            if word == "ready":
                found = dict(field.split("=", 1) for field in fields)
                self.http, self.mqtt = parse_address(found["http"]), parse_address(found["mqtt"])
                return
        raise DemoError(f"The server ended at once. Its log is {self.log}.")

"""A real NATS server as a process of its own, on a free port."""

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.server import wait_until


class NatsServer:
    """Runs from the beginning of the `with` block to its end; can be killed and started again on the same port."""

    def __init__(self, directory: Path, *, jetstream: bool = True) -> None:
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        if not Path(program).exists():
            pytest.skip("nats-server is not installed")
        self._program = program
        self._directory = directory
        self._jetstream = jetstream
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        self._directory.mkdir(parents=True, exist_ok=True)
        options = ["-a", "127.0.0.1", "-p", str(self._port), "--ports_file_dir", str(self._directory)]
        if self._jetstream:
            options += ["-js", "-sd", str(self._directory / "streams")]
        with (self._directory / "nats.log").open("ab") as log:
            self._process = subprocess.Popen([self._program, *options], stdout=log, stderr=log)
        file = self._directory / f"{Path(self._program).name}_{self._process.pid}.ports"
        wait_until(lambda: file.exists() and file.read_text(), seconds=30, interval=0.02, what="the NATS server")
        [url] = json.loads(file.read_text())["nats"]
        self._port = int(url.rpartition(":")[2])

    def kill(self) -> None:
        """Ends it without any chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

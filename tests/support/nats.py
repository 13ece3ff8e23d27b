"""A real NATS server as a process of its own, on a free port."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.running import Running
from tests.support.server import wait_until


class NatsServer(Running):
    """Can be killed and started again on the same port."""

    def __init__(self, directory: Path, *, jetstream: bool = True, options: Sequence[str] = ()) -> None:
        program = shutil.which("nats-server") or "/usr/sbin/nats-server"
        if not Path(program).exists():
            pytest.skip("nats-server is not installed")
        self._program = program
        self._directory = directory
        self._jetstream = jetstream
        self._options = tuple(options)
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        self._directory.mkdir(parents=True, exist_ok=True)
        options = ["-a", "127.0.0.1", "-p", str(self._port), "--ports_file_dir", str(self._directory)]
        options += self._options
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

    def end(self) -> None:
        """See `Running.end`."""
        self.kill()


class NatsCluster(Running):
    """Several NATS servers that keep each message on a majority of them; a single one when there is but one."""

    def __init__(self, directory: Path, nodes: int) -> None:
        self._directory = directory
        self._routes = [free_port() for _ in range(nodes)]
        self.nodes: list[NatsServer] = []
        self._stack = ExitStack()

    def start(self) -> None:
        """Starts all of them."""
        for number, _ in enumerate(self._routes):
            self.nodes.append(
                self._stack.enter_context(
                    NatsServer(self._directory / str(number), options=self._cluster_options(number))
                )
            )

    def end(self) -> None:
        """Ends all of them."""
        self._stack.close()

    @property
    def url(self) -> str:
        """Where clients connect: all servers."""
        return ",".join(node.url for node in self.nodes)

    def _cluster_options(self, number: int) -> Sequence[str]:
        if len(self._routes) == 1:
            return ()
        own = self._routes[number]
        others = ",".join(f"nats-route://127.0.0.1:{port}" for port in self._routes if port != own)
        named = ("--name", f"node{number}", "--cluster_name", "skyferry-test")
        return (*named, "--cluster", f"nats://127.0.0.1:{own}", "--routes", others)

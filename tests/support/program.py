"""A program that answers in JSON lines: the clients that live in environments of their own."""

import json
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.api import unpacked

PROJECT: Final = Path(__file__).parents[2]
DRIVERS: Final = PROJECT / "tests" / "clients" / "drivers"
_ANSWER_SECONDS: Final = 30


class Program:
    """One such program, running from the beginning of the `with` block to its end."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._complaints: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._threads = [threading.Thread(target=self._read_answers), threading.Thread(target=self._read_complaints)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream
            stream.close()

    def tell(self, message: Mapping[str, Any] | str) -> None:
        """Sends one line."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The next line."""
        try:
            line = self._lines.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            line = None
        assert line is not None, f"{self._command[:2]} said nothing more\n{''.join(self._complaints[-40:])}"
        message: dict[str, Any] = json.loads(line)
        return message

    def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One operation of the API: see `tests.support.api.Caller`."""
        self.tell({"action": action, "parameters": parameters})
        return unpacked(self.answer())

    def _read_answers(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_complaints(self) -> None:
        assert self._process.stderr
        self._complaints.extend(self._process.stderr)


def python_driver(environment: str, script: str, *arguments: str) -> Program:
    """A script of tests/clients/drivers in one of the environments that `make clients` makes."""
    python = PROJECT / ".venvs" / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.relative_to(PROJECT)} is missing: run make clients")
    return Program([str(python), str(DRIVERS / script), *arguments])


def node_driver(script: str, *arguments: str) -> Program:
    """A script of tests/clients/drivers that runs on Node."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    if not (PROJECT / "tests" / "clients" / "node" / "node_modules" / ".ready").exists():
        pytest.skip("the Node packages are missing: run make clients")
    return Program([node, str(DRIVERS / script), *arguments])


def skyferry(*arguments: str) -> Sequence[str]:
    """The command line that runs `skyferry` of the tests' own environment."""
    return [str(Path(sys.executable).with_name("skyferry")), *arguments]

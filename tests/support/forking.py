"""Servers as forks of one process that has imported them: of the seconds that each start takes, imports are most.

A fork is a process of its own like any other, with the arguments, the environment, the files and the signals of a
program that was started by its name. It has imported what `skyferry serve` imports before it looks at anything.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

_MOST_BYTES: Final = 1 << 20
"""Of a request."""
_NUMBER: Final = struct.Struct("i")
_FILES: Final = 3


class Forked:
    """What a server needs of `subprocess.Popen`, for a command line that runs `skyferry`."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._command = list(command)
        self._news, told = os.pipe()
        request = {"command": self._command, "environment": dict(env), "directory": str(Path.cwd())}
        try:
            files = [stdout.fileno(), stderr.fileno(), told]
            socket.send_fds(_forking_process(), [json.dumps(request).encode()], files)
        finally:
            os.close(told)
        self.pid = self._number()
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, as of `subprocess.Popen`; None as long as it runs."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end, for so many seconds at most.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            waiting = select.poll()
            waiting.register(self._news, select.POLLIN)
            if not waiting.poll(None if timeout is None else timeout * 1_000):
                raise subprocess.TimeoutExpired(self._command, timeout or 0)
            self.returncode = self._number()
            os.close(self._news)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _number(self) -> int:
        told = os.read(self._news, _NUMBER.size)
        assert told, "the process that forks servers has ended"
        return int(_NUMBER.unpack(told)[0])


@cache
def _forking_process() -> socket.socket:
    """Starts the process that forks at the first request; it ends with this one."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", __file__, str(there.fileno())]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[there.fileno()])
    there.close()

    def end() -> None:
        here.close()
        process.wait()

    atexit.register(end)
    return here


def _next_request(requests: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Forks for each request, and tells of each fork's process and of its end; returns in the forks only."""
    ends: dict[int, tuple[int, int]] = {}
    waiting = select.poll()
    waiting.register(requests, select.POLLIN)
    while True:
        for ready, _ in waiting.poll():
            if ready in ends:
                waiting.unregister(ready)
                pid, told = ends.pop(ready)
                _, status = os.waitpid(pid, 0)
                _tell(told, os.waitstatus_to_exitcode(status))
                os.close(told)
                os.close(ready)
                continue
            request, files, _, _ = socket.recv_fds(requests, _MOST_BYTES, _FILES)
            if not request:
                sys.exit()
            *output, told = files
            pid = os.fork()
            if pid == 0:
                return json.loads(request), output
            _tell(told, pid)
            for file in output:
                os.close(file)
            end = os.pidfd_open(pid)
            ends[end] = pid, told
            waiting.register(end, select.POLLIN)


def _tell(told: int, number: int) -> None:
    with suppress(BrokenPipeError):  # whoever asked has ended
        os.write(told, _NUMBER.pack(number))


def _main() -> None:
    from skyferry.cli import main, serve  # noqa: F401, PLC0415 - in the process that forks

    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    requests = socket.socket(fileno=int(sys.argv[1]))
    request, output = _next_request(requests)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(output, start=1):
        os.dup2(file, number)
    os.closerange(_FILES, requests.detach() + 1)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[:] = request["command"]
    main()


if __name__ == "__main__":
    _main()

"""Processes under load: what each of them used is read from outside."""

import asyncio
import os
import resource
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 120
_POLL_SECONDS: Final = 0.05
_OTHER_FILES: Final = 300
"""Files that a process has open besides the connections of devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProcess:
    """A started process that is measured.

    Attributes:
        process: the process, to be asked for what it used.
    """

    process: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, user and system, all threads."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Memory of the process now."""
        return int(self.process.memory_info().rss)

    def peak_bytes(self) -> int:
        """The most memory that the process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1_024

    def forget_peak(self) -> int:
        """Lets `peak_bytes` begin anew, so that it does not tell of the start; answers the memory now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")
        return self.resident_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttProcess(LoadedProcess):
    """A started process that devices connect to.

    Attributes:
        mqtt: host and port for devices.
    """

    mqtt: tuple[str, int]


def allow_connections(wanted: int) -> int:
    """Raises the limit of open files for this process and those that it starts; gives how many devices it leaves.

    Load and server are one process each, so each holds one end of every connection.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - _OTHER_FILES)


async def until_answering(process: asyncio.subprocess.Process, port: int) -> None:
    """Waits until a started process takes connections on a port of 127.0.0.1.

    Raises:
        RuntimeError: it ended before.
        TimeoutError: it took too long.
    """
    async with asyncio.timeout(_START_SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                return
    raise RuntimeError(f"The process ended with {process.returncode} before it answered.")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def find_program(name: str) -> str | None:
    """A program of the system, also one that only root has in its path; None when it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")

"""Processes that serve MQTT: what each of them used is read from outside."""

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_OTHER_FILES: Final = 300
"""Files that a process has open besides the connections of devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttProcess:
    """A started process that devices connect to.

    Attributes:
        mqtt: host and port for devices.
        process: the process, to be asked for what it used.
    """

    mqtt: tuple[str, int]
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


def allow_connections(wanted: int) -> int:
    """Raises the limit of open files for this process and those that it starts; gives how many devices it leaves.

    Load and server are one process each, so each holds one end of every connection.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - _OTHER_FILES)

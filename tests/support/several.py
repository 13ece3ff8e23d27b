"""A server of several processes in the place of one, for tests that only know where to call and where to connect."""

from pathlib import Path
from typing import Final

from tests.support.cluster import Cluster
from tests.support.server import Address, Server

PROCESSES: Final = {"calls": "api", "devices": "gateway", "work": "worker"}
"""As far apart as roles can be: what one of them knows, the others know by the database and messages only."""


class Front(Server):
    """What a client sees of a running cluster; it is started and stopped by others."""

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        super().__init__(directory)
        self._cluster = cluster

    def address(self, name: str) -> Address:
        """Calls and downloads go to one process, devices to another."""
        return self._cluster.processes["calls" if name == "http" else "devices"].address(name)

    def command_environment(self) -> dict[str, str]:
        """What commands find the cluster's data by."""
        calls = self._cluster.processes["calls"]
        return {"SKYFERRY_DATA_DIR": str(calls.data), **calls.settings}

    def logs(self) -> str:
        """What all processes said."""
        return self._cluster.logs()

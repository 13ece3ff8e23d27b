"""A server of several processes on PostgreSQL, NATS and S3: which of them has which role, a test says."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.support.nats import NatsCluster
from tests.support.postgresql import PostgresqlServer
from tests.support.running import Running
from tests.support.s3_process import S3Process
from tests.support.server import Server

_KEY: Final = bytes(range(32))


class Cluster(Running):
    """The engines and the processes; each can be killed and started again on the same port."""

    def __init__(
        self,
        directory: Path,
        processes: Mapping[str, str],
        *,
        nats_nodes: int = 1,
        crash_safe: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            directory: holds data directories and logs.
            processes: the roles of each process by its name. The first that has the role `api` is reached by devices
                and applications under the public URL.
            nats_nodes: servers of NATS.
            crash_safe: PostgreSQL writes as in production.
            settings: further settings of all processes.
        """
        self._directory = directory
        self._roles = dict(processes)
        self._settings = dict(settings or {})
        self._stack = ExitStack()
        self.nats = NatsCluster(directory / "nats", nats_nodes)
        self._key_file = directory / "master.key"
        self._crash_safe = crash_safe
        self.processes: dict[str, Server] = {}

    def start(self) -> None:
        """Starts the engines, then the processes."""
        self.postgresql = self._stack.enter_context(PostgresqlServer(crash_safe=self._crash_safe))
        self._stack.enter_context(self.nats)
        self._objects = self._stack.enter_context(S3Process(self._directory))
        self._key_file.write_bytes(_KEY)
        self._key_file.chmod(0o600)
        self._start_processes()

    def end(self) -> None:
        """Ends all of them."""
        self._stack.close()

    def of(self, role: str) -> Sequence[Server]:
        """The processes that have a role."""
        return [self.processes[name] for name, roles in self._roles.items() if role in roles]

    def logs(self) -> str:
        """What all processes said."""
        return "\n".join(f"=== {name}\n{process.logs()}" for name, process in self.processes.items())

    def _start_processes(self) -> None:
        """The first one makes the tables, and has the address that all the others are told."""
        first, *others = sorted(self._roles, key=lambda name: "api" not in self._roles[name])
        self._start(first)
        self._settings.setdefault("SKYFERRY_PUBLIC_URL", f"http://{self.processes[first].http}")
        with ThreadPoolExecutor() as threads:
            list(threads.map(self._start, others))

    def _start(self, name: str) -> None:
        process = Server(self._directory / name, self._settings_of(name))
        self.processes[name] = process
        self._stack.callback(process.end)
        process.start()

    def _settings_of(self, name: str) -> Mapping[str, str]:
        return {
            "SKYFERRY_DATABASE": self.postgresql.url(),
            "SKYFERRY_NATS": self.nats.url,
            "SKYFERRY_ROLES": self._roles[name],
            "SKYFERRY_KEY_FILE": str(self._key_file),
            **self._objects.settings(),
            **self._settings,
        }

"""A PostgreSQL server of our own: a cluster in a temporary directory, on a free port of loopback."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.ports import free_port
from tests.support.running import Running

_PROGRAMS: Final = Path("/usr/lib/postgresql")
_TRIES: Final = 5
_START_SECONDS: Final = 120
_QUICK: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""For tests that do not end the server: what is written survives a process, not a machine."""
_SETTINGS: Final = (
    "listen_addresses=127.0.0.1",
    "max_connections=300",
    "shared_buffers=64MB",
    "max_wal_size=256MB",
    "autovacuum_naptime=10s",
    "jit=off",
)


class PostgresqlServer(Running):
    """Can be killed and started again on the same port.

    Its databases sort texts by the rules of English, as those of a careless operator: what depends on an order must
    say which one it means.
    """

    def __init__(self, *, crash_safe: bool = False, settings: tuple[str, ...] = ()) -> None:
        """Args: crash_safe: as in production, slower; settings: further ones, `name=value`."""
        self._programs = _programs()
        self._directory = Path(tempfile.mkdtemp(prefix="skyferry-pg-"))
        self._data = self._directory / "data"
        self._settings = (*_SETTINGS, *(() if crash_safe else _QUICK), *settings)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens; the same after a restart."""
        return self._port

    @property
    def socket_directory(self) -> Path:
        """Where its socket is."""
        return self._directory

    @property
    def data(self) -> Path:
        """The cluster's files, for tests that configure more."""
        return self._data

    def url(self, database: str = "postgres") -> str:
        """Where clients connect."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def start(self) -> None:
        """Starts it, with an empty cluster at the first time, and waits until it answers."""
        if not self._data.exists():
            self._initialise()
        for attempt in range(_TRIES):
            port = self._port or free_port()
            options = (f"port={port}", f"unix_socket_directories={self._directory}", *self._settings)
            command = [str(self._programs / "postgres"), "-D", str(self._data), *(f"-c{each}" for each in options)]
            with (self._directory / "postgresql.log").open("ab") as log:
                self._process = subprocess.Popen(command, stdout=log, stderr=log, **_user())
            if self._answers_on(port):
                self._port = port
                return
            assert attempt + 1 < _TRIES, self.logs()

    def kill(self) -> None:
        """Ends it without any chance to tidy up, and waits until its processes are gone."""
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.kill()
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.wait()
            self._process = None
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def end(self) -> None:
        """Kills it, and removes its files."""
        self.kill()
        shutil.rmtree(self._directory, ignore_errors=True)

    def restart(self) -> None:
        """Ends connections and transactions, tidies up and starts again."""
        assert self._process
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        self.start()

    def logs(self) -> str:
        """What it said."""
        return (self._directory / "postgresql.log").read_text(errors="replace")[-5_000:]

    def run(self, sql: str, database: str = "postgres") -> str:
        """Runs SQL by psql, as the operator."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command = [str(self._programs / "psql"), *options, self.url(database), "-c", sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tool(self, name: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs, such as pg_dump, as the operator."""
        command = [str(self._programs / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr

    def _initialise(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._directory, user=_owner().pw_uid, group=_owner().pw_gid)
        order = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8", "--encoding=UTF8"]
        command = [
            str(self._programs / "initdb"),
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
            *order,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **_user())
        assert done.returncode == 0, done.stderr

    def _answers_on(self, port: int) -> bool:
        """Waits until it does; False when it has ended instead, as it does when another has taken the port."""
        assert self._process
        command = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        end = time.monotonic() + _START_SECONDS
        while self._process.poll() is None:
            if subprocess.run(command, check=False, timeout=30).returncode == 0:
                return True
            assert time.monotonic() < end, self.logs()
            time.sleep(0.02)
        return False


def _programs() -> Path:
    """The newest PostgreSQL that is installed; the test is skipped where there is none."""
    installed = sorted(_PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = shutil.which("initdb")
    if not installed and found is None:
        pytest.skip("PostgreSQL is not installed")
    return installed[-1].parent if installed else Path(found or "").resolve().parent


def _owner() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root: as whom it runs instead."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    owner = _owner()
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "cwd": "/"}


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

"""`skyferry serve` as a process of its own, on free ports, with a data directory and a root account the test knows."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, Self, TypeVar

from tests.support import databases
from tests.support.forking import Forked
from tests.support.running import Running

ROOT_KEY_ID: Final = "LTAItestroot"
ROOT_SECRET: Final = "test-root-secret"
ROOT_PASSWORD: Final = "test-root-password"
START_SECONDS: Final = 120
STOP_SECONDS: Final = 60
T = TypeVar("T")
_READY: Final = re.compile(r"^ready (.*)$", re.MULTILINE)


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `HOST:PORT`."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Server(Running):
    """One server, which can be stopped, killed and started again on the same data."""

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, str] | None = None,
        *,
        further: Sequence[str] = (),
        empty: bool = False,
    ) -> None:
        """Starts nothing yet.

        Args:
            directory: holds the data directory and the logs.
            settings: further environment variables, such as `SKYFERRY_CANCEL_BY_DEVICE`.
            further: where it listens besides HTTP and MQTT: `mqtts`, `https`, `downloads`.
            empty: it makes the tables itself at its first start, instead of finding them as at a second one.
        """
        self.directory = directory
        self.data = directory / "data"
        self.settings = dict(settings or {})
        self._stdout = directory / "stdout.log"
        self._stderr = directory / "stderr.log"
        self._process: Forked | subprocess.Popen[bytes] | None = None
        self._addresses = dict.fromkeys(("http", "mqtt", *further), "127.0.0.1:0")
        if databases.chosen() != "sqlite":
            self.settings.setdefault("SKYFERRY_DATABASE", databases.url(self.database, empty=empty))
        self._empty = empty or "SKYFERRY_DATABASE" in self.settings

    @property
    def http(self) -> Address:
        """Where the API listens."""
        return self.address("http")

    @property
    def mqtt(self) -> Address:
        """Where devices connect."""
        return self.address("mqtt")

    def address(self, name: str) -> Address:
        """Where something is served, by its name in the ready line."""
        address = Address.parse(self._addresses[name])
        assert address.port, "the server was never started"
        return address

    @property
    def authority(self) -> Path:
        """The certificate of the server's own authority (PEM)."""
        return self.data / "tls" / "ca.pem"

    @property
    def database(self) -> Path:
        """What `tests.support.databases` calls the server's database."""
        return self.data / "skyferry.db"

    @property
    def is_running(self) -> bool:
        """True between a start and the end of the process."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process to measure."""
        assert self._process, "the server was never started"
        return self._process.pid

    def command_environment(self) -> dict[str, str]:
        """What commands beside the server find their data by."""
        return {"SKYFERRY_DATA_DIR": str(self.data), "SKYFERRY_DATABASE": databases.url(self.database)}

    def start(self) -> None:
        """Starts the server and waits for its ready line. After the first time it listens on the same ports again."""
        assert not self.is_running
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._empty and not self.data.exists():
            self.data.mkdir(mode=0o700)
            databases.url(self.database)
        with self._stdout.open("wb") as stdout, self._stderr.open("ab") as stderr:
            self._process = self._launch(stdout, stderr)
        try:
            ready = wait_until(self._ready_line, seconds=START_SECONDS, what="the server's ready line", logs=self.logs)
        except BaseException:
            self.kill()
            raise
        self._addresses |= dict(word.split("=", 1) for word in ready[1].split())

    def stop(self) -> None:
        """Stops the server as a service manager does (SIGTERM), which must end it cleanly."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"the server ended with {code} after SIGTERM\n{self.logs()}"

    def tell_to_stop(self) -> None:
        """Sends SIGTERM and waits for nothing."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the server without any chance to tidy up (SIGKILL)."""
        self._end(signal.SIGKILL)

    def end(self) -> None:
        """See `Running.end`."""
        if self.is_running:
            self.kill()

    def restart(self) -> None:
        """Stops cleanly and starts again on the same data."""
        self.stop()
        self.start()

    def logs(self) -> str:
        """What the server printed: everything on stderr so far, and stdout since the last start."""
        parts = [(path.name, path.read_text(errors="replace")) for path in (self._stdout, self._stderr)]
        return "\n".join(f"--- {name}\n{text[-20_000:]}" for name, text in parts)

    def _launch(self, stdout: IO[bytes], stderr: IO[bytes]) -> Forked | subprocess.Popen[bytes]:
        return Forked(self._command(), env=self._environment(), stdout=stdout, stderr=stderr)

    def _command(self) -> list[str]:
        program = Path(sys.executable).with_name("skyferry")
        options = (word for name, address in self._addresses.items() for word in (f"--{name}", address))
        return [str(program), "serve", "--data-dir", str(self.data), *options]

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SKYFERRY_")}
        root = {
            "SKYFERRY_ROOT_ACCESS_KEY_ID": ROOT_KEY_ID,
            "SKYFERRY_ROOT_ACCESS_KEY_SECRET": ROOT_SECRET,
            "SKYFERRY_ROOT_PASSWORD": ROOT_PASSWORD,
        }
        return inherited | root | self.settings

    def _ready_line(self) -> re.Match[str] | None:
        assert self._process
        assert self._process.poll() is None, f"the server ended with {self._process.returncode}\n{self.logs()}"
        return _READY.search(self._stdout.read_text(errors="replace"))

    def _end(self, number: signal.Signals) -> int:
        assert self._process
        self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError(
                f"the server went on for {STOP_SECONDS} s after {number.name}\n{self.logs()}"
            ) from None


def wait_until(
    probe: Callable[[], T | None],
    *,
    seconds: float = 60,
    interval: float = 0.1,
    what: str = "the condition",
    logs: Callable[[], str] | None = None,
) -> T:
    """Asks again and again until `probe` answers something true, and returns that.

    Raises:
        AssertionError: it did not within `seconds`. The limit is generous: it says "never", not "slow".
    """
    end = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s\n{logs() if logs else ''}")
        time.sleep(interval)

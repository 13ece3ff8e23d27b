"""An S3-compatible server as a process of its own, for tests that keep their own process busy."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import requests

from tests.support.bucket import ACCESS_KEY_ID, SECRET
from tests.support.running import Running
from tests.support.server import wait_until

_BUCKET: Final = "files"
_RUNNING: Final = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


class S3Process(Running):
    """Has one bucket."""

    def __init__(self, directory: Path) -> None:
        """Args: directory: for its log."""
        self._log = directory / "s3.log"
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and makes the bucket."""
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", "0"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._url = wait_until(lambda: _RUNNING.search(self._log.read_text()), what="the object store")[1]
        requests.put(f"{self._url}/{_BUCKET}", timeout=60).raise_for_status()

    def end(self) -> None:
        """See `Running.end`."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def settings(self) -> Mapping[str, str]:
        """The settings of a server that keeps its package files here."""
        return {
            "SKYFERRY_OBJECTS": f"s3://{_BUCKET}",
            "SKYFERRY_OBJECTS_S3_ENDPOINT": self._url,
            "SKYFERRY_OBJECTS_S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "SKYFERRY_OBJECTS_S3_SECRET_ACCESS_KEY": SECRET,
        }

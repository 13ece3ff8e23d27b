"""gooseBit, an update server for SWUpdate and RAUC with hawkBit's device API, in an environment of its own.

It is set up as its manual says: its migrations, its own web server, SQLite. Its logs are silenced, as the server's are,
and its limit of concurrent updates is lifted. Its devices are written straight into its database, as the server's are.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil

from bench.processes import HOST, LoadedProcess, free_port, until_answering
from bench.server import stop

NAME: Final = "gooseBit"
TENANT: Final = "DEFAULT"
_PYTHON: Final = Path(__file__).parents[1] / ".venvs" / "goosebit" / "bin" / "python"
_USER: Final = {"username": "bench@example.com", "password": "bench-password"}
_SETTINGS: Final = {
    "GOOSEBIT_DEVICE_AUTH__ENABLE": "true",
    "GOOSEBIT_MAX_CONCURRENT_UPDATES": "1000000",
    "GOOSEBIT_LOGGING": json.dumps({"version": 1, "root": {"level": "WARNING"}}),
}
_MIGRATIONS: Final = """
[tool.aerich]
tortoise_orm = "goosebit.db.config.TORTOISE_CONF"
location = "{package}/db/migrations"
src_folder = "./."
"""
_DEVICE: Final = """
INSERT INTO device (id, hardware_id, feed, update_mode, last_state, sw_version, last_seen, auth_token)
VALUES (?, 1, ?, 3, 2, ?, ?, ?)
"""
"""A device that follows rollouts (mode 3) and has told what it is (state 2)."""
_PATIENCE_SECONDS: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Goosebit(LoadedProcess):
    """A started gooseBit.

    Attributes:
        url: of its HTTP port.
        http: makes calls as its administrator.
    """

    url: str
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        """One call of its API.

        Raises:
            RuntimeError: it was refused.
        """
        async with self.http.request(method, f"{self.url}{path}", **arguments) as response:
            if not response.ok:
                raise RuntimeError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json()

    async def upload(self, content: Any) -> int:
        """Uploads a file for SWUpdate; answers its key."""
        form = aiohttp.FormData()
        form.add_field("file", content, filename="firmware.swu", content_type="application/octet-stream")
        return int((await self.call("PUT", "/api/v1/software", data=form))["id"])

    async def roll_out(self, feed: str, software: int) -> None:
        """Offers a package to all devices of a feed."""
        await self.call("PUT", "/api/v1/rollouts", json={"name": feed, "feed": feed, "software_id": software})

    async def assign(self, names: Sequence[str], software: int) -> None:
        """Gives a package to the named devices."""
        await self.call("PATCH", "/api/v1/devices", json={"devices": list(names), "software": str(software)})


def find() -> Path | None:
    """The interpreter of its environment; None when that was not made."""
    return _PYTHON if _PYTHON.exists() else None


@asynccontextmanager
async def peering(
    directory: Path, feeds: Sequence[Sequence[str]] = (), *, token: str = "", version: str = ""
) -> AsyncIterator[Goosebit | None]:
    """A gooseBit from its first answer to its end; None when it is not installed.

    Args:
        directory: where it keeps everything.
        feeds: the names of its devices; the first feed is called `0`.
        token: of all devices.
        version: what all devices run.
    """
    if find() is None:
        yield None
        return
    home = directory / "goosebit"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOOSEBIT_")}
    environment |= {
        **_SETTINGS,
        "GOOSEBIT_DB_URI": f"sqlite://{home / 'db.sqlite3'}",
        "GOOSEBIT_ARTIFACTS_DIR": str(home / "artifacts"),
    }
    await _migrate(home, environment)
    await asyncio.to_thread(_fill, home / "db.sqlite3", feeds, token, version)
    port = free_port()
    with (home / "log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            _PYTHON, "-m", "uvicorn", "goosebit:app", "--host", HOST, "--port", str(port),
            "--no-access-log", "--log-level", "warning",
            stdout=log, stderr=log, cwd=home, env=environment,
        )  # fmt: skip
    try:
        await until_answering(process, port)
        url = f"http://{HOST}:{port}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)) as http:
            async with http.post(f"{url}/setup", data=_USER) as response:
                http.headers["Authorization"] = f"Bearer {(await response.json())['access_token']}"
            yield Goosebit(process=psutil.Process(process.pid), url=url, http=http)
    finally:
        await stop(process)


async def _migrate(home: Path, environment: dict[str, str]) -> None:
    [package] = _PYTHON.parents[1].glob("lib/python3*/site-packages/goosebit")
    (home / "pyproject.toml").write_text(_MIGRATIONS.format(package=package), encoding="utf-8")
    with (home / "log").open("ab") as log:
        migrating = await asyncio.create_subprocess_exec(
            _PYTHON, "-m", "aerich", "upgrade", stdout=log, stderr=log, cwd=home, env=environment
        )
    if await migrating.wait():
        raise RuntimeError(f"{NAME} has no database: {(home / 'log').read_text()}")


def _fill(database: Path, feeds: Sequence[Sequence[str]], token: str, version: str) -> None:
    now = int(time.time())
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO hardware (id, model, revision) VALUES (1, 'default', 'default')")
        for number, names in enumerate(feeds):
            connection.executemany(_DEVICE, [(name, str(number), version, now, token) for name in names])

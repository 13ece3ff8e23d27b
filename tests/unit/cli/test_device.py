"""`skyferry device simulate`: its options, its files, its end."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skyferry.cli import device
from skyferry.cli.device import app
from tests.unit.simulator.broker import Broker, eventually

GOOD = "product_key,device_name,device_secret\npk,d1,s1\npk,d2,s2\n"


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    path = tmp_path / "devices.csv"
    path.write_text(GOOD)
    return path


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        yield broker


def refuse(*arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["simulate", *arguments])
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--mqtt", "localhost"], "--mqtt takes HOST:PORT, not 'localhost'."),
        (["--mqtt", "localhost:x"], "--mqtt takes HOST:PORT"),
        (["--mqtt", "localhost:70000"], "--mqtt takes HOST:PORT"),
        (["--fail", "nothing=1"], "--fail takes upgrade, download, verify, flash, not 'nothing'."),
        (["--fail", "flash"], "--fail flash takes a probability"),
        (["--fail", "flash=2"], "fail_flash is a probability"),
        (["--vanish", "0.7", "--ignore", "0.7"], "more than 1"),
    ],
)
def test_bad_options(devices: Path, options: list[str], complaint: str) -> None:
    assert complaint in refuse("--mqtt", "localhost:1883", "--devices", str(devices), *options)


def test_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "devices.csv"
    path.write_text(GOOD + "pk,d3\n")
    output = refuse("--mqtt", "localhost:1883", "--devices", str(path))
    assert output.strip() == f"{path}, line 4: 2 values, the header names 3."


def test_options_become_behaviour(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(device, "_fleet", lambda *arguments: made.append(arguments))
    monkeypatch.setattr(device, "uvloop", Nothing())
    options = "--fail flash=0.25 --rate 1000 --progress-steps 0 --subscribe --pull get --strict-http --seed 3"
    arguments = ["simulate", "--mqtt", "[::1]:1883", "--devices", str(devices), *options.split()]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    ((identities, host, port, behaviour),) = made
    assert ([identity.device_name for identity in identities], host, port) == (["d1", "d2"], "::1", 1883)
    assert (behaviour.fail_flash, behaviour.bytes_per_second, behaviour.seed) == (0.25, 1000, 3)
    assert (behaviour.report_progress, behaviour.subscribe, behaviour.strict_http) == (False, True, True)
    assert not behaviour.connect.expects_system_topics


class Nothing:
    def run(self, coroutine: object) -> None:
        coroutine.close()  # type: ignore[attr-defined]


def program(broker: Broker, devices: Path, *options: str) -> Iterator[str]:
    yield from (sys.executable, "-W", "error", "-c", "from skyferry.cli.device import app; app()", "simulate")
    yield from ("--mqtt", f"127.0.0.1:{broker.port}", "--devices", str(devices), *options)


async def test_runs_until_interrupted(broker: Broker, devices: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *program(broker, devices), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await eventually(lambda: len(broker.reports) == 2)
    async with asyncio.timeout(120):
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert b"2/2 online  0 updating  1.0.0: 2  0 updated  0 failed" in output


async def test_runs_for_some_time(broker: Broker, devices: Path) -> None:
    broker.connack = 4
    process = await asyncio.create_subprocess_exec(
        *program(broker, devices, "--for", "0.5"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert b"0/2 online" in output

"""A running server is backed up, and another one goes on from the backup."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support import databases
from tests.support.api import root
from tests.support.program import skyferry
from tests.support.server import Server

pytestmark = pytest.mark.rule("accounts")
CONTENT = bytes(range(256)) * 40


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    databases.skip_on_postgresql("PostgreSQL is backed up by its own programs")
    with Server(tmp_path / "first") as started:
        yield started


def run(*arguments: str, **given: str) -> str:
    environment = {**os.environ, **given}
    done = subprocess.run(
        skyferry(*arguments), env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_was_backed_up_while_the_server_ran_is_all_there_in_another_one(server: Server, tmp_path: Path) -> None:
    api = root(server.http)
    product_key = api.create_product("kept")
    firmware_id = api.create_package(product_key, CONTENT, "2.0.0")
    backup = tmp_path / "backup"

    assert "1 files" in run("backup", str(backup), **server.command_environment())
    api.call("DeleteOTAFirmware", FirmwareId=firmware_id)
    assert "is whole" in run("restore", str(backup), "--check")
    server.stop()

    with Server(tmp_path / "second") as second:
        second.stop()
        for path in sorted(second.data.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        run("restore", str(backup), "--data-dir", str(second.data))
        second.start()
        found = root(second.http).call("QueryOTAFirmware", FirmwareId=firmware_id)["FirmwareInfo"]
        assert requests.get(found["FirmwareUrl"], timeout=60).content == CONTENT

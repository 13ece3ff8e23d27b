"""`skyferry archive` prints the tasks that are in the database no more."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skyferry.cli.archive import app
from skyferry.cluster.installation import check_key
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.store.engine import Store
from tests.support import databases
from tests.support.archived import DAY, DEVICES, Scene


@pytest.fixture
def job_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The JobId of a job whose tasks are all archived."""
    directory = DataDir(tmp_path)

    async def make() -> str:
        store = Store(databases.url(directory.database))
        await store.write(check_key, KeyRing.load_or_create(directory.key), directory.key)
        scene = Scene(store, directory.objects)
        await scene.begin()
        scene.clock.now += 31 * DAY
        await scene.run()
        await store.close()
        return scene.job.job_id

    monkeypatch.setenv("SKYFERRY_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SKYFERRY_DATABASE", databases.url(directory.database))
    return asyncio.run(make())


def test_archived_tasks_are_printed_a_line_for_each(job_id: str) -> None:
    shown = CliRunner().invoke(app, ["show", job_id])
    assert shown.exit_code == 0, shown.output
    tasks = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [task["device_name"] for task in tasks] == [f"dev{number}" for number in range(DEVICES)]
    assert tasks[1]["history"][-1]["status"] == "SUCCEEDED"


def test_the_files_of_a_job_are_listed(job_id: str) -> None:
    listed = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["list", job_id])
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.count(f"archive/{job_id}/") == 3


@pytest.mark.usefixtures("job_id")
@pytest.mark.parametrize("command", ["show", "list"])
def test_a_job_without_an_archive_is_told_so(command: str) -> None:
    result = CliRunner().invoke(app, [command, "unknown"])
    assert result.exit_code == 2
    assert "No tasks of a job unknown are in the archive." in result.output


def test_a_file_that_is_gone_is_named(job_id: str, tmp_path: Path) -> None:
    for file in (tmp_path / "objects" / "archive" / job_id).iterdir():
        file.unlink()
    result = CliRunner().invoke(app, ["show", job_id])
    assert result.exit_code == 2
    assert "A file of the archive is gone" in result.output

"""Tasks of a job that ended long ago are in the archive: the job says so, and a command shows them."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from skyferry.store.tables import jobs
from tests.scenario.support import Fleet
from tests.support import databases
from tests.support.api import root
from tests.support.console import Browser
from tests.support.program import skyferry
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule("QueryOTAJobProgress", "ListOTATaskByJob")
TWO_DAYS_MS = 172_800_000


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Of a server that keeps tasks for a day."""
    settings = {"SKYFERRY_TASK_RETENTION_DAYS": "1", "SKYFERRY_PUSH_DELAY_SECONDS": "600"}
    with Server(tmp_path, settings) as server, ExitStack() as stack:
        api = root(server.http)
        yield Fleet(server, api, api.upload(b"new firmware"), stack)


def grow_old(fleet: Fleet, job: str) -> None:
    """The server sleeps for two days, as far as the job knows."""
    fleet.server.stop()
    with databases.connection(fleet.server.database) as tx:
        tx.execute(update(jobs).where(jobs.c.job_id == job).values(ended_at=jobs.c.ended_at - TWO_DAYS_MS))
    fleet.server.start()


def test_archived_tasks_are_counted_but_listed_no_more_and_a_command_shows_them(fleet: Fleet) -> None:
    device = fleet.device()
    with ExitStack() as online:
        fleet.stack = online
        client = fleet.connect(device)
        job = fleet.job(fleet.package(), [device])
        client.pull()
        client.say_version("2.0.0")
        fleet.api.wait_for_job(job)
    task = fleet.task(job, device)["TaskId"]
    grow_old(fleet, job)

    def progress() -> dict[str, Any]:
        found: dict[str, Any] = fleet.api.call("QueryOTAJobProgress", JobId=job)["Data"]
        return found

    wait_until(lambda: progress()["ArchivedTasks"] == 1, what="the archive")
    assert progress()["States"] == [{"Status": "SUCCEEDED", "Count": 1}]
    assert fleet.api.call("ListOTATaskByJob", JobId=job)["Total"] == 0
    assert fleet.api.refusal("ReupgradeOTATask", JobId=job, TaskId=[task]) == "iot.firmware.InvalidOTATaskId"
    browser = Browser(fleet.server.http)
    browser.sign_in()
    assert browser.open(f"/jobs/{job}") == 200
    assert "The update of 1 device is in the archive and no longer in the table." in browser.response.text

    environment = os.environ | fleet.server.command_environment()
    shown = subprocess.run(
        skyferry("archive", "show", job), env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    archived = json.loads(shown.stdout)
    assert (archived["task_id"], archived["device_name"], archived["status"]) == (task, device.name, "SUCCEEDED")

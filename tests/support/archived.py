"""A job that has ended, and its tasks on their way into the archive."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, func, select

from skyferry.cluster.claims import Alone
from skyferry.objects.local import LocalObjectStore
from skyferry.ota import archives
from skyferry.scheduler.archiving import Archiving
from skyferry.store import archives as statements
from skyferry.store.dialect import see_commits
from skyferry.store.engine import Store
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import task_history, tasks
from tests.support.clock import ManualClock
from tests.support.rows import World

DAY: Final = 86_400_000
DEVICES: Final = 5
T = TypeVar("T")


class Scene:
    """A job that has ended: four devices took the update, one failed."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.clock = ManualClock()
        self.objects = LocalObjectStore(directory)
        self.job: JobRecord
        self.firmware_id = ""
        self._world: World

    async def begin(self) -> None:
        """Makes it."""

        def make(tx: Connection) -> tuple[str, JobRecord]:
            self._world = world = World(tx)
            devices = [world.make_device(f"dev{number}") for number in range(DEVICES)]
            firmware_id = world.make_package()
            job = world.make_job(firmware_id)
            world.select_portion()
            for device in devices:
                world.connect(device, f"c{device.id}")
                world.pull(device)
                world.say_progress(device, 50)
            for device in devices[1:]:
                world.say_version(device, "2.0.0")
            world.say_progress(devices[0], -1, text="no room")
            assert world.job(job).status == "COMPLETED"
            return firmware_id, job

        self.firmware_id, self.job = await self.store.write(make)

    def archiving(self) -> Archiving:
        """Archives two tasks at a time, 30 days after the end of their job."""
        return Archiving(self.store, self.objects, self.clock, Alone(), kept_ms=30 * DAY, tasks_at_once=2)

    async def run(self) -> None:
        """Archives all there is."""
        archiving = self.archiving()
        while await archiving.archive_next():
            pass

    async def within(self, work: Callable[[World], T]) -> T:
        """Does something at the present time."""

        def do(tx: Connection) -> T:
            see_commits(tx)  # the work may be a call that says so after it was prepared here
            self._world.tx, self._world.now = tx, self.clock.now
            return work(self._world)

        return await self.store.write(do)

    async def rows(self) -> tuple[int, int]:
        """How many tasks and entries of their history there are."""

        def count(tx: Connection) -> tuple[int, int]:
            left, entries = (
                tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (tasks, task_history)
            )
            return left, entries

        return await self.store.read(count)

    async def files(self) -> list[str]:
        """The names of the files in the object store."""
        return sorted([blob.name async for blob in self.objects.archives()])

    async def archived(self) -> list[dict[str, Any]]:
        """What the files say that the database names."""
        found = []
        for record in await self.store.read(statements.of_job, self.job.id):
            reader = await self.objects.open(record.name)
            content = b"".join([block async for block in reader.blocks(0, reader.size)])
            await reader.close()
            assert len(content) == record.bytes
            lines = [json.loads(line) for line in archives.unpacked(content)]
            assert len(lines) == record.tasks
            found += lines
        return found

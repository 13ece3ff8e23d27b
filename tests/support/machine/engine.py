"""The machine as a whole, and what always holds."""

from hypothesis.stateful import invariant
from sqlalchemy import select

from skyferry import identifiers
from skyferry.ota import packages
from skyferry.store import tables
from tests.support.counting import assert_counted
from tests.support.machine.base import PACKAGES
from tests.support.machine.controlling import Controlling
from tests.support.machine.creating import Creating
from tests.support.machine.devices import Speaking
from tests.support.model.words import CONFIRM, FAILED, QUEUED, VERIFYING

UNTOLD = frozenset({CONFIRM, QUEUED, FAILED})
"""How tasks begin, and how one that failed at once ends: of neither is anything told."""


class Engine(Creating, Controlling, Speaking):
    """Everything that can happen, and what always holds."""

    @invariant()
    def engine_and_model_agree(self) -> None:
        self._jobs_and_tasks_are_the_same()
        self._packages_are_the_same()
        self._presence_and_versions_are_the_same()
        self._what_was_told_is_so()
        assert_counted(self.world.tx)
        assert all(len(found) == 1 for found in self.model.open_tasks().values())

    def _jobs_and_tasks_are_the_same(self) -> None:
        for job, expected in zip(self.jobs, self.model.jobs, strict=True):
            found: dict[str, list[tuple[str, str, int]]] = {}
            for row in self.rows(job):
                found.setdefault(row.device, []).append((row.state, row.source, row.tries))
            modelled: dict[str, list[tuple[str, str, int]]] = {}
            for task in expected.tasks:
                modelled.setdefault(task.device, []).append((task.state, task.source, task.tries))
            assert found == modelled, f"{expected}: {found} instead of {modelled}"
            record = self.world.job(job)
            told = record.status, record.ended_at
            modelled_status = expected.status, expected.ended_at
            assert told == modelled_status, f"{expected}: {told} instead of {modelled_status}"

    def _packages_are_the_same(self) -> None:
        for package in PACKAGES:
            record = packages.find(self.world.tx, self.world.instance.id, self.firmware[package])
            assert record.status == self.model.status_of(package)
            if record.status == VERIFYING:
                assert packages.verify_progress(self.world.tx, record) == self.model.verify_progress(package)

    def _presence_and_versions_are_the_same(self) -> None:
        online = select(tables.devices.c.name).where(tables.devices.c.connection_id.is_not(None))
        assert set(self.world.tx.execute(online).scalars()) == {
            name for name, device in self.model.devices.items() if device.online
        }
        versions = select(tables.devices.c.name, tables.module_versions.c.module, tables.module_versions.c.version)
        rows = self.world.tx.execute(versions.join(tables.module_versions)).all()
        assert {(name, module): version for name, module, version in rows} == self._versions()

    def _versions(self) -> dict[tuple[str, str], str]:
        return {
            (name, module): version
            for name, device in self.model.devices.items()
            for module, version in device.versions.items()
        }

    def _what_was_told_is_so(self) -> None:
        """Who has taken every message knows the state of everything; a task that never changed has told nothing."""
        self.told.listen(self.world.tx)
        jobs = [self.world.job(job) for job in self.jobs]
        assert self.told.jobs == {job.job_id: job.status for job in jobs}
        for job in self.jobs:
            for row in self.rows(job):
                told = self.told.tasks.get(identifiers.task_id(job.job_id, row.key))
                assert told == row.state or (told is None and row.state in UNTOLD)
        online = {name for name, device in self.model.devices.items() if device.online}
        assert {name for name, status in self.told.presence.items() if status == "online"} == online
        assert self.told.versions == self._versions()

"""The engine against the small model of tests/support/model.py: any order of calls and reports, many in one batch."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from skyferry import identifiers
from skyferry.bus.messages import (
    Connected,
    Disconnected,
    Notice,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    PullForm,
    Report,
    VersionReported,
)
from skyferry.devices.payloads import read_offer
from skyferry.errors import ApiError
from skyferry.events import subscriptions
from skyferry.events.models import EventType
from skyferry.ota import cancel, cancel_job, deadlines, reports, stopping
from skyferry.ota.cancel import CancelScope
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TaskStatus
from skyferry.store import tables
from tests.support import model
from tests.support.model import Model, Options, Package, RefusedError
from tests.support.rows import START, World
from tests.support.rows import world as make_world
from tests.support.told import Told

if TYPE_CHECKING:
    from skyferry.store.devices import DeviceRecord
    from skyferry.store.jobs import JobRecord

NAMES: Final = ("device-1", "device-2", "device-3", "device-4")
MODULES: Final = ("default", "MCU")
VERSIONS: Final = ("1.0.0", "1.5.0", "2.0.0", "3.0.0")
PACKAGES: Final = (
    Package("2.0.0"),
    Package("3.0.0"),
    Package("2.1.0", source="1.0.0"),
    Package("1.5.0", module="MCU"),
    Package("2.5.0", module="MCU"),
)
LIMITS: Final = EngineLimits(chunk_devices=2, push_jitter_ms=0, connect_delay_ms=5_000, repush_after_ms=600_000)

names = st.sampled_from(NAMES)
modules = st.sampled_from(MODULES)
packages = st.sampled_from(PACKAGES)
open_states = st.sampled_from(sorted(model.OPEN))
some_names = st.lists(names, unique=True, max_size=4)
options = st.one_of(
    st.builds(
        Options,
        overwrite=st.sampled_from([1, 2]),
        push=st.booleans(),
        confirm=st.booleans(),
        timeout_minutes=st.sampled_from([None, 1]),
    ),
    st.builds(Options, multi_module=st.just(value=True), timeout_minutes=st.sampled_from([None, 1])),
)
said = st.one_of(
    st.tuples(st.sampled_from(["connect", "disconnect", "stale", "lost"]), names),
    st.tuples(st.just("version"), names, modules, st.sampled_from([*VERSIONS, "2.1.0", "2.5.0"])),
    st.tuples(st.just("progress"), names, st.sampled_from([None, *MODULES]), st.sampled_from([-2, 0, 50, 100])),
    st.tuples(st.just("pull"), names, st.sampled_from([None, *MODULES])),
)
UNTOLD: Final = frozenset({TaskStatus.CONFIRM, TaskStatus.QUEUED, TaskStatus.FAILED})
"""How tasks begin, and how one that failed at once ends: of neither is anything told."""
Offer = tuple[str, str, str]
"""Device, module, version."""


class Engine(RuleBasedStateMachine):
    """One product with four devices, of which two have a second module."""

    @initialize()
    def begin(self) -> None:
        self.stack = contextlib.ExitStack()
        self.world: World = self.stack.enter_context(make_world())
        self.world.limits = LIMITS
        self.told = Told()
        self._subscribe()
        self.now = START
        self.model = Model(connect_delay=LIMITS.connect_delay_ms, repush_after=LIMITS.repush_after_ms)
        self.devices: dict[str, DeviceRecord] = {}
        self.jobs: list[JobRecord] = []
        self.firmware = {
            package: self.world.make_package(
                package.version,
                module=package.module,
                src_version=package.source,
                type=0 if package.source is None else 1,
            )
            for package in PACKAGES
        }
        for number, name in enumerate(NAMES):
            self.devices[name] = self.world.make_device(name)
            self.model.devices[name] = model.Device({"default": "1.0.0"})
            if number < 2:
                self.world.say_version(self.devices[name], "1.0.0", "MCU")
                self.model.devices[name].versions["MCU"] = "1.0.0"

    def _subscribe(self) -> None:
        subscriptions.create(
            self.world.tx,
            self.world.box,
            instance_id=self.world.instance.id,
            kind="webhook",
            target="http://127.0.0.1/",
            types=sorted({*EventType} - {EventType.TASK_ENDED}),
            now=START,
        )

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    # --- the application

    @precondition(lambda self: len(self.jobs) < 8)
    @rule(package=packages, chosen=some_names, options=options)
    def create_job(self, package: Package, chosen: Sequence[str], options: Options) -> None:
        self.tick(1)
        firmware_id = self.firmware[package]

        def make() -> None:
            job = self.world.make_job(
                firmware_id,
                chosen,
                overwrite_mode=options.overwrite,
                need_push=options.push,
                need_confirm=options.confirm,
                multi_module=options.multi_module,
                timeout_minutes=options.timeout_minutes,
            )
            self.jobs.append(job)
            while self.world.select_portion():
                pass

        self.same_refusal(make, lambda: self.model.create_job(package, chosen, options, self.now))

    @rule(package=packages, chosen=some_names.filter(len), number=st.none() | st.integers(0, 7), scope=st.booleans())
    def cancel(self, package: Package, chosen: Sequence[str], number: int | None, *, scope: bool) -> None:
        self.tick(1)
        job = None if number is None or number >= len(self.jobs) else number
        if job is not None:
            package = self.model.jobs[job].package
        firmware_id = self.firmware[package]

        def by_device() -> None:
            cancel.cancel_by_device(
                self.world.tx,
                instance_id=self.world.instance.id,
                product_key=self.world.product.product_key,
                firmware_id=firmware_id,
                device_names=[*chosen, "nobody"],
                job_id=None if job is None else self.jobs[job].job_id,
                scope=CancelScope.OPEN if scope else CancelScope.PENDING,
                now=self.now,
            )

        self.same_refusal(
            by_device,
            lambda: self.model.cancel(
                package, chosen, None if job is None else self.model.jobs[job], in_progress_too=scope
            ),
        )

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 7), states=st.frozensets(open_states, min_size=1))
    def cancel_job(self, number: int, states: frozenset[str]) -> None:
        self.tick(1)
        number %= len(self.jobs)
        flags = CancelFlags(
            queued="QUEUED" in states,
            notified="NOTIFIED" in states,
            in_progress="IN_PROGRESS" in states,
            unconfirmed="CONFIRM" in states,
        )

        def by_job() -> None:
            job_id, limits, now = self.jobs[number].job_id, LIMITS, self.now
            instance_id = self.world.instance.id
            cancel_job.cancel_tasks(
                self.world.tx, instance_id=instance_id, job_id=job_id, flags=flags, limits=limits, now=now
            )
            while stopping.stop_next(self.world.tx, limits, now):
                pass

        self.same_refusal(by_job, lambda: self.model.cancel_job(self.model.jobs[number], states))

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 7), chosen=some_names, again=st.booleans())
    def release(self, number: int, chosen: Sequence[str], *, again: bool) -> None:
        """Confirms tasks of a job, or runs them again."""
        self.tick(1)
        number %= len(self.jobs)
        job, modelled = self.jobs[number], self.model.jobs[number]
        named = [name for name in chosen if name in modelled.tasks]
        if not named:
            return
        keys = {
            task.device_name: task_id
            for task, task_id in zip(self.world.tasks(job), self.world.task_ids(job), strict=True)
        }
        task_ids, tasks = [keys[name] for name in named], [modelled.tasks[name] for name in named]
        if again:
            self.same_refusal(lambda: self.world.rerun(job, *task_ids), lambda: self.model.rerun(tasks, self.now))
        else:
            self.same_refusal(lambda: self.world.confirm(*task_ids), lambda: self.model.confirm(tasks, self.now))

    # --- the devices

    @rule(batch=st.lists(said, min_size=1, max_size=5))
    def devices_say(self, batch: Sequence[tuple[str, ...]]) -> None:
        found: list[Report] = []
        expected: list[Offer] = []
        for kind, name, *rest in batch:
            self.tick(1, expire=not found)
            self._say(kind, name, rest, found, expected)
        if not found:
            return
        answers, due = reports.apply(self.world.tx, found, limits=LIMITS, urls=self.world.urls, now=self.now)
        notices = [answer for answer in answers if isinstance(answer, Notice)]
        assert notices == answers
        assert sorted(self.offers(notices)) == sorted(expected)
        # The worker is woken for what is due; it need not be for devices that said nothing.
        concerned = {report.device_id for report in found}
        waits = any(
            task.due_at is not None and self.devices[task.device].id in concerned
            for job in self.model.jobs
            for task in job.tasks.values()
        )
        assert due == waits

    def _say(self, kind: str, name: str, rest: Sequence[object], found: list[Report], expected: list[Offer]) -> None:
        device, state, now = self.devices[name].id, self.model.devices[name], self.now
        match kind, rest:
            case "connect", _:
                self.model.connect(name, now)
                found.append(Connected(device, f"c{state.connection}", "127.0.0.1", now))
            case "stale", _ if state.connection > 1:
                found.append(Disconnected(device, f"c{state.connection - 1}", now))
            case _ if not state.online:
                pass
            case "disconnect", _:
                self.model.disconnect(name)
                found.append(Disconnected(device, f"c{state.connection}", now))
            case "lost", _:
                self._lose_push(name, found)
            case "version", [str(module), str(version)]:
                self.model.report_version(name, module, version, now)
                found.append(VersionReported(device, module, version, now))
            case "progress", [str() | None as module, int(step)]:
                self.model.report_progress(name, module, step, now)
                found.append(ProgressReported(device, module, step, "", now))
            case "pull", [str() | None as module]:
                package = self.model.pull(name, module, now)
                found.append(PackageRequested(device, PullForm.GET, "1", module, None, now))
                expected += [(name, package.module, package.version)] if package else []

    def _lose_push(self, name: str, found: list[Report]) -> None:
        rows = self.world.tx.execute(
            select(tables.tasks.c.id, tables.tasks.c.job_id).where(
                tables.tasks.c.device_id == self.devices[name].id, tables.tasks.c.status < tables.OPEN_BELOW
            )
        ).all()
        by_job = {row.job_id: row.id for row in rows}
        for job, modelled in zip(self.jobs, self.model.jobs, strict=True):
            if job.id in by_job and name in modelled.tasks:
                self.model.lose_push(modelled.tasks[name])
                found.append(NoticeUndelivered(self.devices[name].id, by_job[job.id], self.now))

    # --- the worker

    @rule(ms=st.sampled_from([1, 4_999, 5_000, 59_000, 60_000, 600_000]))
    def time_passes(self, ms: int) -> None:
        self.tick(ms)

    @rule()
    def dispatch(self) -> None:
        self.tick(1)
        expected = [(task.device, task.module, task.job.package.version) for task in self.model.dispatch(self.now)]
        assert sorted(self.offers(self.world.dispatch())) == sorted(expected)

    # --- what always holds

    @invariant()
    def states_are_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        keys = {device.id: name for name, device in self.devices.items()}
        for job, expected in zip(self.jobs, self.model.jobs, strict=True):
            states = {keys[key]: state.name for key, state in self.world.states(job).items()}
            assert states == expected.states
            status = select(tables.jobs.c.status, tables.jobs.c.ended_at).where(tables.jobs.c.id == job.id)
            found = self.world.tx.execute(status).one()
            assert found.status == expected.status
            assert (found.ended_at is not None) == (expected.status in {"COMPLETED", "CANCELED"})

    @invariant()
    def presence_and_versions_are_the_same(self) -> None:
        if not hasattr(self, "model"):
            return
        online = select(tables.devices.c.name).where(tables.devices.c.connection_id.is_not(None))
        assert set(self.world.tx.execute(online).scalars()) == {
            name for name, device in self.model.devices.items() if device.online
        }
        versions = select(tables.devices.c.name, tables.module_versions.c.module, tables.module_versions.c.version)
        rows = self.world.tx.execute(versions.join(tables.module_versions)).all()
        assert {(name, module): version for name, module, version in rows} == {
            (name, module): version
            for name, device in self.model.devices.items()
            for module, version in device.versions.items()
        }

    @invariant()
    def what_was_told_is_so(self) -> None:
        """Who has taken every message knows the state of everything; a task that never changed has told nothing."""
        if not hasattr(self, "model"):
            return
        self.told.listen(self.world.tx)
        tasks, jobs = tables.tasks, tables.jobs
        rows = self.world.tx.execute(select(jobs.c.job_id, jobs.c.status, tasks.c.id, tasks.c.status).join(tasks)).all()
        assert self.told.jobs == {job_id: status for job_id, status, _, _ in rows}
        for job_id, _, key, number in rows:
            status = TaskStatus(number)
            told = self.told.tasks.get(identifiers.task_id(job_id, key))
            assert told == status.name or (told is None and status in UNTOLD)
        online = {name for name, device in self.model.devices.items() if device.online}
        assert {name for name, status in self.told.presence.items() if status == "online"} == online
        assert self.told.versions == {
            (name, module): version
            for name, device in self.model.devices.items()
            for module, version in device.versions.items()
        }

    @invariant()
    def one_open_task_for_each_device_and_module(self) -> None:
        if hasattr(self, "model"):
            assert all(len(found) == 1 for found in self.model.open_tasks().values())

    # --- inside

    def tick(self, ms: int, *, expire: bool = True) -> None:
        """Time goes on, and what is overdue fails."""
        self.now += ms
        self.world.now = self.now
        if expire:
            deadlines.end_overdue(self.world.tx, self.now, 100)
            self.model.expire(self.now)

    def same_refusal(self, real: Callable[[], object], modelled: Callable[[], object]) -> None:
        """Both do it, or both refuse it for the same reason and nothing has changed."""
        expected = code = None
        try:
            modelled()
        except RefusedError as error:
            expected = error.code
        try:
            with self.world.tx.begin_nested():
                real()
        except ApiError as error:
            code = error.kind.code
        assert code == expected

    def offers(self, notices: Sequence[Notice]) -> list[Offer]:
        """What notices offer; empty answers are left out."""
        keys = {device.id: name for name, device in self.devices.items()}
        found = [(keys[notice.device_id], read_offer(notice.payload)) for notice in notices]
        return [(name, *offer) for name, offer in found if offer is not None]


TestEngine = Engine.TestCase
TestEngine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

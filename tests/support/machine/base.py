"""What every part of the machine shares: the engine's world, the model, time, and how the two are compared."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize
from sqlalchemy import select

from skyferry import identifiers
from skyferry.devices.payloads import read_offer
from skyferry.errors import ApiError
from skyferry.events import subscriptions
from skyferry.events.models import EventType
from skyferry.fleet import groups, memberships
from skyferry.ota import deadlines, listing, schedule, selection
from skyferry.ota.models import EngineLimits, JobOptions
from skyferry.ota.states import TaskStatus
from skyferry.store import jobs, tables
from tests.support.databases import scratch
from tests.support.model import Job, Model, Options, Package, RefusedError, Task
from tests.support.rows import START, World
from tests.support.told import Told

if TYPE_CHECKING:
    from skyferry.bus.messages import Notice
    from skyferry.store.devices import DeviceRecord
    from skyferry.store.groups import GroupRecord
    from skyferry.store.jobs import JobRecord

NAMES: Final = ("device-1", "device-2", "device-3", "device-4")
MODULES: Final = ("default", "MCU")
FIRST_VERSIONS: Final = (*((name, "default") for name in NAMES), *((name, "MCU") for name in NAMES[:2]))
VERSIONS: Final = ("1.0.0", "1.5.0", "2.0.0", "3.0.0")
SOURCES: Final = ("1.0.0", "1.5.0", "0.9.0")
PACKAGES: Final = (
    Package("2.0.0"),
    Package("3.0.0"),
    Package("2.1.0", source="1.0.0"),
    Package("1.5.0", module="MCU"),
    Package("2.5.0", module="MCU"),
    Package("4.0.0"),
)
TO_VERIFY: Final = PACKAGES[-1]
"""The package that needs a verification."""
MOST_JOBS: Final = 10
STATIC_GROUP, DYNAMIC_GROUP = "static", "dynamic"
NICKNAME: Final = "pioneer"
"""Devices with this nickname are in the dynamic group."""
LIMITS: Final = EngineLimits(
    chunk_devices=2, chunk_tasks=2, push_jitter_ms=0, connect_delay_ms=5_000, repush_after_ms=600_000
)
MINUTE: Final = 60_000

names = st.sampled_from(NAMES)
modules = st.sampled_from(MODULES)
packages = st.sampled_from(PACKAGES)
numbers = st.integers(0, MOST_JOBS - 1)
some_names = st.lists(names, unique=True, min_size=1, max_size=len(NAMES))
Offer = tuple[str, str, str]
"""Device, module, version."""


@dataclass(frozen=True)
class Row:
    """A task as the engine has it."""

    key: int
    device: str
    state: str
    source: str
    tries: int


class Base(RuleBasedStateMachine):
    """One product with four devices, of which two have a second module."""

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.world = World(self.stack.enter_context(scratch()))
        self.world.limits = LIMITS
        self.told = Told()
        subscriptions.create(
            self.world.tx,
            self.world.box,
            instance_id=self.world.instance.id,
            kind="webhook",
            target="http://127.0.0.1/",
            types=sorted({*EventType} - {EventType.TASK_ENDED}),
            now=START,
        )
        self.now = START
        self.model = Model(
            connect_delay=LIMITS.connect_delay_ms,
            repush_after=LIMITS.repush_after_ms,
            portion=LIMITS.chunk_devices,
            gray_choice=self.gray_choice,
            verification={TO_VERIFY: 0},
            groups={STATIC_GROUP: set(), DYNAMIC_GROUP: set()},
        )
        self.devices: dict[str, DeviceRecord] = {}
        self.jobs: list[JobRecord] = []
        self.files: dict[str, bytes] = {}
        self.firmware = {package: self.make_package(package) for package in PACKAGES}
        owned: Any = {"instance_id": self.world.instance.id, "now": self.now}
        self.groups: dict[str, GroupRecord] = {
            STATIC_GROUP: groups.create(self.world.tx, "static_group", None, **owned),
            DYNAMIC_GROUP: groups.create_dynamic(
                self.world.tx, "dynamic_group", None, expression=f"nickname = '{NICKNAME}'", **owned
            ),
        }
        for name in NAMES:
            self.register_device(name)
        for name, module in FIRST_VERSIONS:
            self.world.say_version(self.devices[name], "1.0.0", module)
            self.model.devices[name].versions[module] = "1.0.0"
        for name in NAMES[:2]:
            self.model.groups[STATIC_GROUP].add(name)
            memberships.add(self.world.tx, self.groups[STATIC_GROUP], [(self.world.product.product_key, name)])

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    # --- the world

    def make_package(self, package: Package) -> str:
        """The FirmwareId of a package."""
        return self.world.make_package(
            package.version,
            module=package.module,
            src_version=package.source,
            type=0 if package.source is None else 1,
            need_to_verify=package is TO_VERIFY,
        )

    def register_device(self, name: str) -> None:
        """A device of which nothing is known yet."""
        self.devices[name] = self.world.make_device(name, version=None)
        self.model.register(name)

    def gray_choice(self, job: Job) -> Collection[str]:
        """Which devices the engine took for a job."""
        number = self.model.jobs.index(job) if job in self.model.jobs else len(self.model.jobs)
        return [row.device for row in self.rows(self.jobs[number])]

    def existing(self, chosen: Sequence[str]) -> Sequence[str]:
        """Of these names those of devices that there are."""
        return [name for name in chosen if name in self.devices]

    def rows(self, job: "JobRecord") -> Sequence[Row]:
        """The tasks of a job, as they were made."""
        tasks, devices = tables.tasks.c, tables.devices.c
        statement = (
            select(tasks.id, devices.name, tasks.status, tasks.src_version, tasks.tries)
            .join_from(tables.tasks, tables.devices, tasks.device_id == devices.id)
            .where(tasks.job_id == job.id)
            .order_by(tasks.id)
        )
        found = self.world.tx.execute(statement)
        return [Row(key, name, TaskStatus(status).name, source, tries) for key, name, status, source, tries in found]

    def row_of(self, task: Task) -> Row:
        """The engine's task that is the model's."""
        job = self.jobs[self.model.jobs.index(task.job)]
        of_device = [row for row in self.rows(job) if row.device == task.device]
        return of_device[task.job.of_device(task.device).index(task)]

    def task_id(self, task: Task) -> str:
        """The TaskId of the engine's task that is the model's."""
        job = self.jobs[self.model.jobs.index(task.job)]
        return identifiers.task_id(job.job_id, self.row_of(task).key)

    def tick(self, ms: int, *, chores: bool = True) -> None:
        """Time goes on, and what is due by the clock is done."""
        self.now += ms
        self.world.now = self.now
        if not chores:
            return
        deadlines.end_overdue(self.world.tx, self.now, 100)
        schedule.start_due(self.world.tx, self.now, 100)
        while schedule.finish_due(self.world.tx, LIMITS, self.now) is not None:
            pass
        self.work()
        self.model.pass_time(self.now)

    def work(self) -> None:
        """The worker's portions, to their end."""
        while self.world.stop_portion() or self._select_portion():
            pass

    def _select_portion(self) -> bool:
        job = jobs.next_selecting(self.world.tx)
        if job is None:
            return False
        if job.list_key is None:
            selection.select_portion(self.world.tx, job, LIMITS, self.now)
        else:
            rest = self.files[job.list_key][job.selected_up_to :]
            listing.select_listed(self.world.tx, job, rest, LIMITS, self.now)
        return True

    def same_refusal(self, real: Callable[[], object], modelled: Callable[[], object]) -> None:
        """Both do it, or both refuse it for the same reason and nothing has changed."""
        expected = code = None
        try:
            with self.world.tx.begin_nested():
                real()
        except ApiError as error:
            code = error.kind.code
        self.work()
        try:
            modelled()
        except RefusedError as error:
            expected = error.code
        assert code == expected, f"{code} instead of {expected}"

    def offers(self, notices: Sequence["Notice"]) -> list[Offer]:
        """What notices offer; empty answers are left out."""
        keys = {device.id: name for name, device in self.devices.items()}
        found = [(keys[notice.device_id], read_offer(notice.payload)) for notice in notices]
        return [(name, *offer) for name, offer in found if offer is not None]


def job_options(options: Options) -> JobOptions:
    """The model's options in the engine's words."""
    return JobOptions(
        overwrite_mode=options.overwrite,
        need_push=options.push,
        need_confirm=options.confirm,
        multi_module=options.multi_module,
        timeout_minutes=options.timeout_minutes,
        retry_interval_minutes=options.retry_interval,
        retry_count=options.retry_count or None,
    )

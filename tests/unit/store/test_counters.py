"""Counters by triggers: whatever statements do to tasks and devices, the counts are what counting finds."""

from collections.abc import Collection
from contextlib import ExitStack

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete, exists, insert, literal, select, update

from skyferry.ota.states import TaskStatus
from skyferry.store import deletion, job_lists
from skyferry.store import devices as device_statements
from skyferry.store import products as product_statements
from skyferry.store import task_counts as task_count_statements
from skyferry.store.devices import DeviceStatistics
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import device_counts, devices, jobs, products, task_counts, tasks
from tests.support.counting import assert_counted
from tests.support.databases import scratch
from tests.support.rows import START, World, world

PRODUCTS, JOBS = 2, 3
numbers = st.integers(0, 20)
statuses = st.sampled_from(list(TaskStatus))
some = st.sets(numbers, max_size=8)


class Counting(RuleBasedStateMachine):
    """Statements on many rows, as a server sends them and worse."""

    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        self.tx = self.stack.enter_context(scratch())
        self.world = World(self.tx)
        self.made = 0
        self.product_ids = [self.world.product.id, self.world.make_product("product_2").id]
        for number in range(JOBS):
            device = self.world.make_device(f"device-{number}")
            self.world.make_job(self.world.make_package(f"2.0.{number}"), [device.name])
        self.job_ids = list(self.tx.execute(select(jobs.c.id)).scalars())

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(product=st.integers(0, PRODUCTS - 1), count=st.integers(1, 3))
    def make_devices(self, product: int, count: int) -> None:
        owner = self.tx.execute(select(products.c.id).where(products.c.id == self.product_ids[product])).scalar()
        times = dict.fromkeys(("status_at", "created_at", "modified_at"), START)
        for _ in range(count if owner else 0):
            self.made += 1
            name = f"made-{self.made}"
            values = {"product_id": owner, "name": name, "iot_id": name, "secret_sealed": b"", **times}
            self.tx.execute(insert(devices), values)

    @rule(job=st.integers(0, JOBS - 1), status=statuses)
    def make_a_task_for_each_device(self, job: int, status: TaskStatus) -> None:
        self.made += 1
        values = {
            "job_id": literal(self.job_ids[job]),
            "device_id": devices.c.id,
            "module": literal(f"module-{self.made}"),
            "status": literal(int(status)),
            **dict.fromkeys(("src_version", "description"), literal("")),
            **dict.fromkeys(("package_id", "created_at", "modified_at"), literal(START)),
        }
        still_there = exists().where(jobs.c.id == self.job_ids[job])
        source = select(*values.values()).select_from(devices).where(still_there)
        self.tx.execute(insert(tasks).from_select(list(values), source))

    @rule(chosen=some, status=statuses)
    def move_tasks(self, chosen: Collection[int], status: TaskStatus) -> None:
        self.tx.execute(update(tasks).where(tasks.c.id % 21 == 0).values(progress=50))
        self.tx.execute(update(tasks).where(tasks.c.id.in_(chosen)).values(status=status).returning(tasks.c.id)).all()

    @rule(chosen=some, connected=st.booleans(), disabled=st.booleans())
    def change_devices(self, chosen: Collection[int], connected: bool, disabled: bool) -> None:
        values = {"connection_id": "c" if connected else None, "disabled": disabled}
        self.tx.execute(update(devices).where(devices.c.id.in_(chosen)).values(**values))
        self.tx.execute(update(devices).where(devices.c.connection_id.is_not(None)).values(activated_at=START))

    @rule(chosen=some)
    def remove_tasks(self, chosen: Collection[int]) -> None:
        self.tx.execute(delete(tasks).where(tasks.c.id.in_(chosen)))

    @rule(chosen=some)
    def remove_devices(self, chosen: Collection[int]) -> None:
        self.tx.execute(delete(devices).where(devices.c.id.in_(chosen)))

    @rule(job=st.integers(0, JOBS - 1))
    def remove_job(self, job: int) -> None:
        deletion.remove_job(self.tx, self.job_ids[job])

    @rule()
    def remove_product(self) -> None:
        self.tx.execute(delete(products).where(products.c.id == self.product_ids[-1]))

    @invariant()
    def counts_are_right(self) -> None:
        if hasattr(self, "stack"):
            assert_counted(self.tx)


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=8, stateful_step_count=20)


def counts(made: World, job: JobRecord) -> dict[int, int]:
    return dict(task_count_statements.count_by_status(made.tx, job.id))


def test_counts_of_a_job_follow_its_tasks() -> None:
    with world() as made:
        online, offline = made.make_device("device-1"), made.make_device("device-2")
        job = made.make_job(made.make_package())
        assert counts(made, job) == {TaskStatus.QUEUED: 2}
        made.say_progress(online, 50)
        made.say_version(offline, "2.0.0")
        assert counts(made, job) == {TaskStatus.IN_PROGRESS: 1, TaskStatus.SUCCEEDED: 1}
        assert job_lists.counts_of_jobs(made.tx, [job.id]) == {job.id: counts(made, job)}
        device_statements.remove(made.tx, offline.id)
        assert counts(made, job) == {TaskStatus.IN_PROGRESS: 1}


def test_slots_are_summed() -> None:
    """PostgreSQL's transactions count in slots of their own, of which one may be below zero."""
    with world() as made:
        made.make_device("device-1")
        job = made.make_job(made.make_package())
        product_id = made.product.id
        for slot, number in ((1, -1), (2, 1)):
            where = {"job_id": job.id, "status": TaskStatus.QUEUED, "slot": slot, "tasks": number}
            made.tx.execute(insert(task_counts), where)
            where = {"product_id": product_id, "state": 0, "slot": slot, "devices": number}
            made.tx.execute(insert(device_counts), where)
        assert counts(made, job) == {TaskStatus.QUEUED: 1}
        assert device_statements.count(made.tx, product_id) == 1
        assert device_statements.statistics_of_product(made.tx, product_id) == DeviceStatistics(1, 0, 0)
        assert product_statements.device_counts(made.tx, [product_id]) == {product_id: 1}


def test_a_row_that_no_trigger_saw_is_noticed() -> None:
    with world() as made:
        made.make_device("device-1")
        made.tx.exec_driver_sql("UPDATE device_counts SET devices = 2")
        with pytest.raises(AssertionError, match="device_counts"):
            assert_counted(made.tx)
        made.tx.exec_driver_sql("UPDATE device_counts SET devices = 1")

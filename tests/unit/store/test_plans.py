"""The statements of the hot paths find their rows by an index, whatever the size: nobody ever runs ANALYZE.

On the migrated schema: of indexes that serve equally well, SQLite takes the one that was made last.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from skyferry.ota.states import TaskEvent, TaskStatus, sources
from skyferry.store import (
    cancelling,
    deletion,
    devices,
    history,
    job_control,
    job_lifecycle,
    jobs,
    lookout,
    named_tasks,
    operating,
    outbox,
    presence,
    pushing,
    registrations,
    selection,
    tags,
    task_counts,
    tasks,
)
from skyferry.store.jobs import JobRecord
from skyferry.store.logins import select_logins
from skyferry.store.outbox import Death, Retry
from skyferry.store.registrations import BatchRecord
from skyferry.store.selection import NewTasks, SelectionRule
from tests.support.plans import indexes, migrated, plan_of
from tests.support.rows import START, World

Statement = Callable[["Scene"], object]


@dataclass(frozen=True)
class Scene:
    """A job with tasks for two devices, and lists as long as calls may have them."""

    world: World
    job: JobRecord

    @property
    def tx(self) -> Connection:
        return self.world.tx

    @property
    def ids(self) -> list[int]:
        return list(range(1, 201))

    @property
    def names(self) -> list[str]:
        return [f"dev-{number}" for number in self.ids]

    @property
    def batch(self) -> BatchRecord:
        return BatchRecord(1, self.world.instance.id, self.world.product.id, named=True, wanted=9, done=0, status="")

    def rule(self, *, named: bool = False) -> SelectionRule:
        product_id = self.world.product.id
        return SelectionRule(product_id, "default", "9.9.9", ["1.0.0"], 0, 1_000_000, self.ids if named else None)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with migrated(tmp_path_factory.mktemp("plans")) as tx:
        world = World(tx)
        world.make_device("dev-1")
        world.make_device("dev-2")
        yield Scene(world, world.make_job(world.make_package()))


def cancel_of_devices(scene: Scene, job_id: int | None) -> object:
    return cancelling.cancel_of_devices(
        scene.tx,
        scene.ids,
        package_id=scene.job.package_id,
        job_id=job_id,
        sources=sources(TaskEvent.CANCEL_PENDING),
        target=TaskStatus.CANCELED,
        description="",
        now=START,
    )


def overwrite(scene: Scene, *, any_module: bool, named: bool) -> object:
    return selection.overwrite(
        scene.tx,
        scene.rule(named=named),
        job_id=scene.job.id + 1,
        any_module=any_module,
        sources=sources(TaskEvent.OVERWRITTEN),
        target=TaskStatus.CANCELED,
        description="",
        now=START,
    )


def insert_tasks(scene: Scene, *, any_module: bool, named: bool) -> object:
    new = NewTasks(
        job_id=scene.job.id,
        package_id=scene.job.package_id,
        any_module=any_module,
        initial=TaskStatus.QUEUED,
        blocked=TaskStatus.FAILED,
        blocked_description="",
        push=True,
        jitter_ms=1_000,
        timeout_minutes=None,
        now=START,
    )
    return selection.insert_tasks(scene.tx, scene.rule(named=named), new)


def settle(scene: Scene) -> None:
    outbox.settle(
        scene.tx,
        1,
        delivered=[1, 2],
        retries=[Retry(3, START, "")],
        deaths=[Death(4, "")],
        released=["a", "b"],
        now=START,
    )


DEVICE = "devices (product_id=? AND name=?)"
PRODUCT = "products (product_key=?)"
PRODUCTS = "ix_products_instance_id_id"
NEXT_DEVICES = "ix_devices_product_id_id"
OPEN = "uq_tasks_open_device_id_module"
VERSIONS = "ix_module_versions_version_device_id"
SELECTION = {OPEN, NEXT_DEVICES, VERSIONS}
BY_STATE = "ix_devices_product_id_state_id"
OF_JOB = "ix_tasks_job_id_status_id"
DUE = "ix_tasks_due"

HOT: dict[str, tuple[Statement, set[str]]] = {
    "cancel in a package": (lambda s: cancel_of_devices(s, None), {OPEN}),
    "cancel in a job": (lambda s: cancel_of_devices(s, s.job.id), {OPEN}),
    "statuses in a package": (
        lambda s: cancelling.statuses_of_devices(s.tx, s.ids, package_id=s.job.package_id, job_id=None),
        {"ix_tasks_device_id"},
    ),
    "statuses in a job": (
        lambda s: cancelling.statuses_of_devices(s.tx, s.ids, package_id=s.job.package_id, job_id=s.job.id),
        {"ix_tasks_device_id"},
    ),
    "open tasks": (lambda s: tasks.open_of_devices(s.tx, s.ids), {OPEN}),
    "due tasks": (
        lambda s: tasks.take_due(s.tx, s.job.id, status=20, now=START, limit=10),
        {DUE},
    ),
    "overdue tasks": (lambda s: tasks.overdue(s.tx, START, 10), {"ix_tasks_deadline"}),
    "due jobs": (lambda s: pushing.due(s.tx, START, first=20, again=[30, 40]), {"ix_jobs_live", DUE}),
    "next due": (lambda s: pushing.next_due_at(s.tx, first=20, again=[30, 40]), {"ix_jobs_live", DUE}),
    "what the worker has to do": (
        lambda s: lookout.look(s.tx, START),
        {
            "ix_jobs_planned",
            "ix_jobs_finishing",
            "ix_jobs_steered",
            "ix_jobs_ending",
            "ix_jobs_selecting",
            "ix_device_batches_unfinished",
            "ix_tasks_deadline",
            "ix_tuf_repositories_due_at",
            "ix_packages_deleted",
            "ix_products_deleted",
        },
    ),
    "selecting job": (lambda s: jobs.next_selecting(s.tx), {"ix_jobs_selecting"}),
    "finished jobs": (
        lambda s: job_lifecycle.end_finished(
            s.tx, [s.job.id], completed="COMPLETED", canceled="CANCELED", canceling="CANCEL_OPEN", now=START
        ),
        {OF_JOB},
    ),
    "jobs that could have ended": (lambda s: job_lifecycle.left_over(s.tx), {"ix_jobs_live", OF_JOB}),
    "stopping job": (lambda s: job_lifecycle.next_stopping(s.tx), {"ix_jobs_ending"}),
    "tasks to be stopped": (
        lambda s: cancelling.end_of_job(
            s.tx, s.job.id, sources=[10, 20], target=130, description="", now=START, limit=10
        ),
        {OF_JOB},
    ),
    "whether a task is left to be stopped": (lambda s: cancelling.any_of_job(s.tx, s.job.id, [10, 20]), {OF_JOB}),
    "change of a job": (lambda s: job_control.change(s.tx, s.job.id, {"maximum_per_minute": 10}), set()),
    "history of a task": (lambda s: history.of_task(s.tx, 1, offset=0, limit=10), {"ix_task_history_task_id"}),
    "length of a history": (lambda s: history.count_of_task(s.tx, 1), {"ix_task_history_task_id"}),
    "job that goes on": (lambda s: job_control.revive(s.tx, s.job.id, status="IN_PROGRESS", now=START), set()),
    "tasks that run again": (
        lambda s: named_tasks.begin_again(
            s.tx, {1: "1.0.0", 2: "1.0.0"}, due=[1], sources=[120, 130], target=20, now=START
        ),
        set(),
    ),
    "end of a policy": (lambda s: job_control.cancel_policy(s.tx, s.job.id, status="CANCELED", now=START), set()),
    "end of a planned job": (lambda s: job_control.cancel_planned(s.tx, s.job.id, status="CANCELED", now=START), set()),
    "page": (lambda s: tasks.page_of_job(s.tx, s.job.id, offset=0, limit=10), {"ix_tasks_job_id_id"}),
    "page of a state": (lambda s: tasks.page_of_job(s.tx, s.job.id, offset=0, limit=10, status=20), {OF_JOB}),
    "tasks of named devices": (lambda s: tasks.of_devices(s.tx, s.job.id, s.names), {DEVICE, "ix_tasks_device_id"}),
    "count by state": (lambda s: task_counts.count_by_status(s.tx, s.job.id), set()),
    "overwrite all": (lambda s: overwrite(s, any_module=True, named=False), SELECTION),
    "overwrite all, one module": (lambda s: overwrite(s, any_module=False, named=False), SELECTION),
    "overwrite named": (lambda s: overwrite(s, any_module=True, named=True), SELECTION),
    "insert all": (lambda s: insert_tasks(s, any_module=True, named=False), SELECTION),
    "insert named, one module": (lambda s: insert_tasks(s, any_module=False, named=True), SELECTION),
    "end of chunk": (lambda s: selection.end_of_chunk(s.tx, s.rule(), 2), {NEXT_DEVICES}),
    "any device": (lambda s: selection.any_device(s.tx, s.rule()), {NEXT_DEVICES, VERSIONS}),
    "jobs of a device": (
        lambda s: jobs.page_of_device(s.tx, s.job.package_id, 1, without="PLANNED", offset=0, limit=10),
        {"ix_tasks_device_id"},
    ),
    "number of jobs of a device": (
        lambda s: jobs.count_of_device(s.tx, s.job.package_id, 1, without="PLANNED"),
        {"ix_tasks_device_id"},
    ),
    "unfinished tasks": (
        lambda s: named_tasks.unfinished_of_device(s.tx, 1, statuses=[10, 20, 30, 40], module=None),
        {"ix_tasks_device_id"},
    ),
    "all tasks of a device": (
        lambda s: named_tasks.page_of_device(s.tx, 1, offset=0, limit=20),
        {"ix_tasks_device_id"},
    ),
    "count of a device's tasks": (lambda s: named_tasks.count_of_device(s.tx, 1), {"ix_tasks_device_id"}),
    "unfinished tasks of a module": (
        lambda s: named_tasks.unfinished_of_device(s.tx, 1, statuses=[10], module="default"),
        {"ix_tasks_device_id"},
    ),
    "named tasks": (
        lambda s: named_tasks.by_ids(s.tx, s.world.instance.id, [1, 2], for_change=True),
        set(),
    ),
    "statistics of a product": (
        lambda s: devices.statistics_of_product(s.tx, s.world.product.id),
        set(),
    ),
    "statistics of an instance": (
        lambda s: devices.statistics_of_instance(s.tx, s.world.instance.id),
        {PRODUCTS},
    ),
    "count in a state": (lambda s: devices.count(s.tx, s.world.product.id, states=[1]), set()),
    "page of a device state": (lambda s: devices.page(s.tx, s.world.product.id, limit=10, states=[3]), {BY_STATE}),
    "devices by IotId": (lambda s: devices.of_iot_ids(s.tx, s.world.instance.id, s.names), {"devices (iot_id=?)"}),
    "devices by name": (
        lambda s: devices.of_names(s.tx, s.world.instance.id, s.world.product.product_key, s.names),
        {PRODUCT, DEVICE},
    ),
    "tag search": (
        lambda s: tags.page(s.tx, s.world.instance.id, [("a", "1"), ("b", "2")], offset=0, limit=10),
        {"ix_device_tags_search"},
    ),
    "count of a tag search": (
        lambda s: tags.count(s.tx, s.world.instance.id, [("a", "1"), ("b", "2")]),
        {"ix_device_tags_search"},
    ),
    "next registration": (lambda s: registrations.next_unfinished(s.tx), {"ix_device_batches_unfinished"}),
    "names that are taken": (
        lambda s: registrations.mark_taken(s.tx, s.batch, "taken", start=0, end=500),
        {DEVICE},
    ),
    "names": (lambda s: devices.ids_by_name(s.tx, s.world.product.id, s.names), {DEVICE}),
    "log-ins": (lambda s: select_logins(s.tx, s.world.product.product_key, s.names), {PRODUCT, DEVICE}),
    "jobs that keep a package": (
        lambda s: deletion.going_on_of_package(s.tx, s.job.package_id, 4),
        {"ix_jobs_package_id_id", OF_JOB},
    ),
    "jobs that keep a product": (
        lambda s: deletion.going_on_of_product(s.tx, s.world.product.id, 4),
        {"packages (product_id=?)", "ix_jobs_package_id_id", OF_JOB},
    ),
    "files of deleted packages": (
        lambda s: deletion.release_files(s.tx, 10),
        {"ix_packages_deleted", "package_files (package_id=?)"},
    ),
    "deleted package": (lambda s: deletion.next_package(s.tx), {"ix_packages_deleted"}),
    "job of a deleted package": (lambda s: deletion.next_job(s.tx, 0), {"ix_jobs_package_id_id"}),
    "tasks of a deleted package": (lambda s: deletion.remove_tasks(s.tx, 0, 10), {"ix_tasks_job_id_id"}),
    "devices to cut off": (
        lambda s: deletion.forget_connected(s.tx, 10),
        {"ix_products_deleted", "ix_devices_product_id_state_id"},
    ),
    "deleted product": (lambda s: deletion.next_product(s.tx), {"ix_products_deleted", "packages (product_id=?)"}),
    "devices of a deleted product": (lambda s: deletion.remove_devices(s.tx, 0, 10), {NEXT_DEVICES}),
    "registrations of a deleted product": (
        lambda s: deletion.remove_registration(s.tx, 0),
        {"ix_device_batches_product_id"},
    ),
    "presence": (lambda s: presence.of_devices(s.tx, s.ids), set()),
    "messages that may go": (
        lambda s: outbox.due(s.tx, 1, START, under_way=[1, 2], limit=10),
        {"ix_outbox_due", "ix_outbox_waiting"},
    ),
    "what waits, and why": (lambda s: outbox.backlog(s.tx, 1, 10), {"ix_outbox_waiting", "ix_outbox_due"}),
    "messages that wait": (lambda s: outbox.park(s.tx, [1, 2]), {"ix_outbox_waiting"}),
    "messages that arrived": (settle, {"ix_outbox_waiting"}),
    "dead messages": (lambda s: outbox.page_of_dead(s.tx, 1, offset=0, limit=10), {"ix_outbox_dead"}),
    "old dead messages": (lambda s: outbox.remove_dead(s.tx, 1, before=START, limit=10), {"ix_outbox_dead"}),
    "messages of nobody": (lambda s: outbox.remove_of(s.tx, 1, 10), {"ix_outbox_waiting", "ix_outbox_dead"}),
    "versions": (lambda s: presence.versions_of(s.tx, s.ids), set()),
}


@pytest.mark.parametrize("name", HOT)
def test_the_statement_uses_its_indexes(scene: Scene, name: str) -> None:
    run, wanted = HOT[name]
    steps = plan_of(scene.tx, lambda: run(scene))
    assert steps
    assert indexes(steps) == wanted, steps


@pytest.mark.parametrize("name", HOT)
def test_the_statement_reads_no_table_from_end_to_end(scene: Scene, name: str) -> None:
    run, _ = HOT[name]
    scans = [step for step in plan_of(scene.tx, lambda: run(scene)) if step.startswith("SCAN")]
    # Running jobs, unfinished registrations and what was deleted just now are few whatever the number of devices:
    # their indexes hold no others.
    few = (
        r"jobs USING INDEX ix_jobs_(live|selecting|ending|steered)|\w+ USING (COVERING )?INDEX ix_\w+_deleted|anon_\d+"
        r"|device_batches USING INDEX ix_device_batches_unfinished|found|disconnections|CONSTANT ROW"
    )
    assert all(re.match(rf"SCAN ({few})$", step) for step in scans), scans


def test_a_plan_that_reads_a_whole_table_is_seen(scene: Scene) -> None:
    steps = plan_of(scene.tx, lambda: scene.tx.exec_driver_sql("SELECT * FROM tasks WHERE module = 'default'"))
    assert steps == ["SCAN tasks"]


def test_the_work_of_the_server_is_counted_in_the_indexes_of_what_is_open(scene: Scene) -> None:
    used = indexes(plan_of(scene.tx, lambda: operating.work(scene.tx, 10)))

    assert used == {"ix_outbox_waiting", "ix_devices_connected", "uq_tasks_open_device_id_module"}

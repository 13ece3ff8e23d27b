"""How many statements an operation takes does not depend on how many devices it is about."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import event, func, insert, select, update

from skyferry.bus.messages import Connected, Disconnected, ProgressReported, Report, VersionReported
from skyferry.events import subscriptions
from skyferry.events.models import EventType
from skyferry.fleet import groups, memberships, names, registrations
from skyferry.fleet.registrations import WantedDevice
from skyferry.ota import cancel, cancel_job, dispatch
from skyferry.ota.cancel import CancelScope
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.states import TaskStatus
from skyferry.search.parsing import parse_statement
from skyferry.store import device_search
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import devices, module_versions, tasks
from tests.support.rows import START, World, world

FEW, MANY = 20, 500
Step = Callable[[World, JobRecord], object]


def name_of(number: int) -> str:
    return f"dev-{number}"


def fleet(made: World, count: int) -> JobRecord:
    """A job for a number of devices that are online."""
    times = dict.fromkeys(("status_at", "created_at", "modified_at"), START)
    numbers = range(1, count + 1)
    common = {"product_id": made.product.id, "secret_sealed": b"", "connection_id": "c1", **times}
    made.tx.execute(insert(devices), [{**common, "name": name_of(n), "iot_id": name_of(n)} for n in numbers])
    versions = [
        {"device_id": key, "module": names.DEFAULT_MODULE, "version": "1.0.0", "reported_at": START}
        for key in made.tx.execute(select(devices.c.id)).scalars()
    ]
    made.tx.execute(insert(module_versions), versions)
    return made.make_job(made.make_package())


def statements(count: int, step: Step, *before: Step) -> list[str]:
    """What a step asks the database, for so many devices; how it wants its transaction to be is not counted."""
    seen: list[str] = []
    with world() as made:
        job = fleet(made, count)
        for earlier in before:
            earlier(made, job)
        made.tx.info.clear()  # what a transaction of its own would have to ask
        event.listen(made.tx, "before_cursor_execute", lambda _tx, _cursor, statement, *_: seen.append(statement))
        step(made, job)
        return [statement for statement in seen if not statement.startswith(("SET TRANSACTION", "SET LOCAL"))]


def count_of(made: World, status: TaskStatus) -> int:
    return made.tx.execute(select(func.count()).where(tasks.c.status == status)).scalar_one()


def report(*kinds: Callable[[int], Report]) -> Step:
    """One batch with reports of every device."""

    def step(made: World, _job: JobRecord) -> object:
        ids: Sequence[int] = made.tx.execute(select(devices.c.id)).scalars().all()
        return made.report(*(kind(device_id) for kind in kinds for device_id in ids))

    return step


def subscribe(made: World, _job: JobRecord) -> None:
    """Somebody wants to hear of everything."""
    subscriptions.create(
        made.tx,
        made.box,
        instance_id=made.instance.id,
        kind="webhook",
        target="http://127.0.0.1/",
        types=list(EventType),
        now=START,
    )


def cancel_named(most: int) -> Step:
    def step(made: World, job: JobRecord) -> object:
        firmware_id = made.tx.exec_driver_sql("SELECT firmware_id FROM packages").scalar_one()
        canceled = cancel.cancel_by_device(
            made.tx,
            instance_id=made.instance.id,
            product_key=made.product.product_key,
            firmware_id=firmware_id,
            device_names=[name_of(number) for number in range(1, most + 1)],
            job_id=job.job_id,
            scope=CancelScope.PENDING,
            now=START,
        )
        assert len(canceled) == most
        return canceled

    return step


def claim(made: World, _job: JobRecord) -> None:
    """Claims what is due; a job's rate lets no more than a second's worth go at a time."""
    due = count_of(made, TaskStatus.QUEUED)
    claimed = len(dispatch.claim_due(made.tx, made.maker, START, 1_000))
    assert claimed == min(due, 164)


REPORTS: dict[str, list[Callable[[int], Report]]] = {
    "log-ins": [lambda key: Connected(key, "c2", "127.0.0.1", START)],
    "log-outs": [lambda key: Disconnected(key, "c1", START)],
    "known versions": [lambda key: VersionReported(key, "default", "1.0.0", START)],
    "targets": [lambda key: VersionReported(key, "default", "2.0.0", START)],
    "progress": [lambda key: ProgressReported(key, None, 50, "", START)],
    "failures": [lambda key: ProgressReported(key, None, -2, "no room", START)],
    "several at once": [
        lambda key: ProgressReported(key, None, 100, "", START),
        lambda key: Connected(key, "c2", "127.0.0.1", START),
        lambda key: VersionReported(key, "default", "2.0.0", START),
    ],
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_batch_of_reports(name: str) -> None:
    few, many = (statements(count, report(*REPORTS[name])) for count in (FEW, MANY))
    assert len(many) == len(few)
    assert len(few) <= 14


@pytest.mark.parametrize("name", REPORTS)
def test_a_batch_of_reports_that_is_told(name: str) -> None:
    """Messages cost what they are made of, and one statement to write them, whatever their number."""
    few, many = (statements(count, report(*REPORTS[name]), subscribe) for count in (FEW, MANY))
    assert len(many) == len(few)
    assert len(few) <= len(statements(FEW, report(*REPORTS[name]))) + 5


@pytest.mark.parametrize("name", REPORTS)
def test_a_batch_of_reports_that_nobody_wants_to_hear_of(name: str) -> None:
    """At most one statement more, and a cheap one."""
    about = [text for text in statements(FEW, report(*REPORTS[name])) if "subscriptions" in text or "outbox" in text]
    assert len(about) <= 1
    assert all(text.startswith("SELECT subscriptions.id") for text in about)


def test_cancelling_named_devices() -> None:
    few, many = (statements(200, cancel_named(count)) for count in (FEW, 200))
    assert len(many) == len(few)
    assert len(few) <= 9


def cancel_job_of_all(made: World, job: JobRecord) -> None:
    canceled = cancel_job.cancel_tasks(
        made.tx,
        instance_id=made.instance.id,
        job_id=job.job_id,
        flags=CancelFlags(queued=True),
        limits=made.limits,
        now=START,
    )
    assert len(canceled) == len(made.tasks(job))


def test_cancelling_a_job() -> None:
    few, many = (statements(count, cancel_job_of_all) for count in (FEW, MANY))
    assert len(many) == len(few)
    assert len(few) <= 12


def test_running_tasks_again() -> None:
    def rerun(count: int) -> Step:
        return lambda made, job: made.rerun(job, *made.task_ids(job)[:count])

    few, many = (statements(FEW, rerun(count), cancel_job_of_all) for count in (1, 10))
    assert len(many) == len(few)
    assert len(few) <= 14


def test_confirming_tasks() -> None:
    def unconfirmed(made: World, job: JobRecord) -> None:
        made.tx.execute(update(tasks).values(status=TaskStatus.CONFIRM, dispatch_at=None))

    def confirm(count: int) -> Step:
        return lambda made, job: made.confirm(*made.task_ids(job)[:count])

    few, many = (statements(FEW, confirm(count), unconfirmed) for count in (1, 10))
    assert len(many) == len(few)
    assert len(few) <= 9


def test_claiming_what_is_due() -> None:
    few, many = (statements(count, claim) for count in (FEW, MANY))
    assert len(many) == len(few)
    assert len(few) <= 12


def test_searching_devices() -> None:
    def search(limit: int) -> Step:
        def step(made: World, _job: JobRecord) -> None:
            statement = parse_statement(f"SELECT * FROM device WHERE status = 'ONLINE' LIMIT {limit}")
            assert len(device_search.search(made.tx, made.instance.id, statement)) == limit

        return step

    few, many = (statements(MANY, search(limit)) for limit in (1, 50))
    assert len(many) == len(few)
    assert len(few) == 4


def test_adding_devices_to_a_group() -> None:
    def add(count: int) -> Step:
        def step(made: World, _job: JobRecord) -> None:
            group = groups.create(made.tx, "group_one", None, instance_id=made.instance.id, now=START)
            names = [(made.product.product_key, name_of(number)) for number in range(1, count + 1)]
            assert memberships.add(made.tx, group, names).added == count

        return step

    few, many = (statements(MANY, add(count)) for count in (1, 200))
    assert len(many) == len(few)


@pytest.mark.parametrize("state", ["CHECK", "CREATE"])
def test_a_portion_of_a_registration(state: str) -> None:
    def portion(count: int) -> list[str]:
        seen: list[str] = []
        with world() as made:
            wanted = [WantedDevice(name_of(number)) for number in range(1, count + 1)]
            apply_id = registrations.start_check(made.tx, made.product, wanted, now=START)
            if state == "CREATE":
                registrations.continue_next(made.tx, box=made.box, now=START, most=count)
                registrations.start_checked(made.tx, made.product, apply_id)
            event.listen(made.tx, "before_cursor_execute", lambda _tx, _cursor, statement, *_: seen.append(statement))
            assert registrations.continue_next(made.tx, box=made.box, now=START, most=count)
            assert registrations.find(made.tx, made.instance.id, apply_id).status == f"{state}_SUCCESS"
            return list(seen)

    few, many = portion(FEW), portion(MANY)
    assert len(many) == len(few)
    assert len(few) <= 9


def test_a_statement_for_each_device_is_seen() -> None:
    def one_by_one(made: World, _job: JobRecord) -> None:
        for key in made.tx.execute(select(devices.c.id)).scalars().all():
            made.report(VersionReported(key, "default", "1.0.0", START))

    assert len(statements(FEW, one_by_one)) > FEW

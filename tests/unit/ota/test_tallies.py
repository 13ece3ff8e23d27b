"""Counters of ended tasks and of versions say what the rows say."""

from sqlalchemy import Connection, func, select

from skyferry.bus.messages import ProgressReported, VersionReported
from skyferry.fleet.devices import DeviceReference
from skyferry.ota import tallies
from skyferry.ota.removal import remove_device
from skyferry.ota.states import TaskStatus
from skyferry.ota.tallies import HOUR_MS, Ending
from skyferry.store import statistics
from skyferry.store.statistics import EndingFilter
from skyferry.store.tables import task_endings
from tests.support.rows import START, World

HOUR = START // HOUR_MS


def wanted(world: World, **more: int) -> EndingFilter:
    """The endings of the instance around the time in which the world stands still."""
    return EndingFilter(instance_id=world.instance.id, since_hour=HOUR - 2, until_hour=HOUR + 2, **more)


def versions(world: World, module: str = "default") -> dict[str, int]:
    return dict(statistics.versions_by_devices(world.tx, world.product.id, module, 10))


def causes(tx: Connection) -> dict[str, int]:
    statement = select(task_endings.c.cause, func.sum(task_endings.c.number)).group_by(task_endings.c.cause)
    return {cause: int(number) for cause, number in tx.execute(statement)}


def test_successes_and_failures_are_counted_by_hour_and_cause(world: World) -> None:
    devices = [world.make_device(f"device-{number}") for number in range(4)]
    world.make_job(world.make_package())
    world.report(VersionReported(devices[0].id, "default", "2.0.0", START))
    world.report(ProgressReported(devices[1].id, None, -2, "no room", START))
    world.report(ProgressReported(devices[2].id, None, -2, "no room", START))
    world.report(ProgressReported(devices[3].id, None, -4, "", START + HOUR_MS))

    found = statistics.endings_by_period(world.tx, wanted(world), hours=1)
    assert found == [(HOUR, 110, 1), (HOUR, 120, 2), (HOUR + 1, 120, 1)]
    assert statistics.endings_by_cause(world.tx, wanted(world), status=TaskStatus.FAILED, limit=10) == [
        ("the download failed: no room", 2),
        ("the flashing failed", 1),
    ]


def test_a_device_that_was_busy_counts_as_a_failure_of_the_job(world: World) -> None:
    world.make_device("device-1")
    world.make_job(world.make_package())
    later = world.make_job(world.make_package("3.0.0"), ["device-1"])

    found = statistics.endings_by_cause(world.tx, wanted(world, job_id=later.id), status=TaskStatus.FAILED, limit=10)
    assert found == [("another update of the device is not finished", 1)]


def test_what_is_cancelled_is_not_counted(world: World) -> None:
    device = world.make_device("device-1")
    world.make_job(world.make_package())
    remove_device(world.tx, world.instance.id, DeviceReference(device.iot_id, None, None), now=START)

    assert causes(world.tx) == {}


def test_causes_beyond_the_first_ones_of_an_hour_are_counted_together(world: World) -> None:
    world.make_device("device-1")
    job = world.make_job(world.make_package())
    said = [Ending(job.id, TaskStatus.FAILED, f"cause {number}", START) for number in range(25)]
    tallies.note_endings(world.tx, said)
    tallies.note_endings(world.tx, [*said[:1], Ending(job.id, TaskStatus.FAILED, "x" * 500, START)])

    found = causes(world.tx)
    assert (len(found), found[""], found["cause 0"]) == (21, 6, 2)


def test_endings_are_told_of_a_product_a_package_and_a_job_alone(world: World) -> None:
    device = world.make_device("device-1")
    job = world.make_job(world.make_package())
    world.report(VersionReported(device.id, "default", "2.0.0", START))

    for name, key in (("product_id", job.product_id), ("package_id", job.package_id), ("job_id", job.id)):
        assert statistics.endings_by_period(world.tx, wanted(world, **{name: key}), hours=24) != []
        assert statistics.endings_by_period(world.tx, wanted(world, **{name: key + 1}), hours=24) == []


def test_versions_are_counted_as_devices_report_them(world: World) -> None:
    first, second = world.make_device("device-1"), world.make_device("device-2")
    world.make_device("device-3", version=None)
    assert versions(world) == {"1.0.0": 2}

    world.report(
        VersionReported(first.id, "default", "1.5.0", START),
        VersionReported(first.id, "default", "2.0.0", START),
        VersionReported(second.id, "mcu", "7", START),
    )
    assert (versions(world), versions(world, "mcu")) == ({"1.0.0": 1, "2.0.0": 1}, {"7": 1})
    assert statistics.count_reported(world.tx, world.product.id, "default") == 2
    assert statistics.reported_modules(world.tx, world.product.id, 5) == [("default", 2), ("mcu", 1)]

    world.report(VersionReported(first.id, "default", "1.0.0", START))
    remove_device(world.tx, world.instance.id, DeviceReference(second.iot_id, None, None), now=START)
    assert (versions(world), versions(world, "mcu")) == ({"1.0.0": 1}, {})

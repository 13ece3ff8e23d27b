"""UpdateOTAJob (control-plane reference §5.8)."""

from typing import Any

import pytest

from skyferry.errors import ApiError
from skyferry.ota import cancel_job, updates
from skyferry.ota.states import TaskStatus
from skyferry.ota.updates import JobUpdate
from skyferry.store.jobs import JobRecord
from tests.support.rows import START, World


def update(world: World, job: JobRecord, **told: Any) -> JobRecord:
    """Says again what the job is, and changes what is told; gives the job as it is then."""
    given: dict[str, Any] = {
        "upgrade_type": job.selection,
        "target_selection": job.target_selection,
        "maximum_per_minute": job.maximum_per_minute,
        "tags": job.tags,
    }
    now = world.now
    updates.update(world.tx, JobUpdate(**(given | told)), instance_id=world.instance.id, job_id=job.job_id, now=now)
    return world.job(job)


def refusal(world: World, job: JobRecord, **told: Any) -> str:
    before = world.job(job)
    with pytest.raises(ApiError) as caught:
        update(world, job, **told)
    assert world.job(job) == before
    return caught.value.kind.code


def static(world: World, **options: object) -> JobRecord:
    world.make_device("dev0")
    return world.make_job(world.make_package(), **options)  # type: ignore[arg-type]


def test_rate_and_tags_are_replaced(world: World) -> None:
    job = static(world, tags={"old": "1", "both": "1"})
    world.now += 1_000
    changed = update(world, job, maximum_per_minute=10, tags={"both": "2"})
    assert (changed.maximum_per_minute, changed.tags) == (10, {"both": "2"})
    assert (changed.modified_at, changed.status) == (world.now, job.status)
    assert update(world, changed, tags={}).tags == {}


@pytest.mark.parametrize("rate", [10, 10_000])
def test_the_rate_has_bounds_and_these_are_inside(world: World, rate: int) -> None:
    assert update(world, static(world), maximum_per_minute=rate).maximum_per_minute == rate


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"maximum_per_minute": 9}, "iot.firmware.InvalidMaximumPerMinute"),
        ({"maximum_per_minute": 10_001}, "iot.firmware.InvalidMaximumPerMinute"),
        ({"upgrade_type": ""}, "iot.firmware.NullSelectionType"),
        ({"upgrade_type": "GRAY"}, "iot.firmware.InvalidSelectionType"),
        ({"upgrade_type": "DYNAMIC"}, "iot.firmware.InvalidSelectionType"),
        ({"target_selection": " "}, "iot.firmware.NullTargetSelection"),
        ({"target_selection": "EVERYONE"}, "iot.firmware.InvalidTargetSelection"),
        ({"target_selection": "SPECIFIC"}, "iot.firmware.InvalidTargetSelection"),
        ({"timeout_minutes": 0}, "iot.firmware.InvalidTimeoutSetting"),
        ({"timeout_minutes": 1_441}, "iot.firmware.InvalidTimeoutSetting"),
        ({"tags": {"no key": "x"}}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_a_bad_value_changes_nothing(world: World, told: dict[str, Any], code: str) -> None:
    assert refusal(world, static(world), **told) == code


def test_kind_and_selection_are_compared_in_any_letter_case(world: World) -> None:
    job = static(world)
    assert update(world, job, upgrade_type="static", target_selection="All", maximum_per_minute=11) != job


def test_source_versions_and_timeout_of_a_static_job_stay(world: World) -> None:
    job = static(world, timeout_minutes=60)
    changed = update(world, job, src_versions=["1.0.0"], timeout_minutes=5)
    assert (changed.src_versions, changed.timeout_minutes) == ([], 60)


def test_a_dynamic_job_matches_the_new_source_versions_from_now_on(world: World) -> None:
    old = world.make_device("dev0")
    job = world.make_dynamic(world.make_package(), ["1.0.0"], dynamic_mode=2)
    changed = update(world, job, src_versions=["1.5.0", "1.6.0"])
    assert changed.src_versions == ["1.5.0", "1.6.0"]
    world.say_version(old, "1.0.0")
    new = world.make_device("dev1", version="1.5.0")
    assert world.states(job) == {new.id: TaskStatus.QUEUED}
    assert update(world, changed).src_versions == ["1.5.0", "1.6.0"]


@pytest.mark.parametrize(
    ("versions", "code"),
    [
        ([f"1.{number}" for number in range(11)], "iot.firmware.SrcVersionsSizeExceedMax"),
        (["not a version"], "iot.firmware.IncorrectFormattedSrcVersion"),
        (["2.0.0"], "iot.firmware.SrcDestVersionMatched"),
        (["1.0.0", "1.0.0"], "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_source_versions_follow_the_rules_of_the_creation(world: World, versions: list[str], code: str) -> None:
    assert refusal(world, world.make_dynamic(world.make_package()), src_versions=versions) == code


def test_a_differential_package_keeps_its_one_source_version(world: World) -> None:
    job = world.make_dynamic(world.make_package(type=1, src_version="1.0.0"))
    assert refusal(world, job, src_versions=["1.5.0"]) == "iot.firmware.UpgradeSrcVersionMismatch"
    assert refusal(world, job, src_versions=["1.0.0", "1.5.0"]) == "iot.firmware.MoreThanOneSrcVersion"
    with pytest.raises(ApiError, match="SrcVersionList holds"):
        update(world, job, src_versions=["1.0.0", "1.0.0"])
    assert update(world, job, src_versions=["1.0.0"]).src_versions == ["1.0.0"]


def test_a_dynamic_job_for_a_group_has_no_source_versions(world: World) -> None:
    job = world.make_dynamic(world.make_package())
    world.set_job(job, group_id="group", src_versions=[])
    assert refusal(world, job, src_versions=["1.0.0"]) == "iot.firmware.SrcVersionsNotAllowed"
    for selection in ("ALL", "GROUP"):
        update(world, job, target_selection=selection)
    assert refusal(world, job, target_selection="GRAY") == "iot.firmware.InvalidTargetSelection"


def test_a_dynamic_job_for_versions_is_no_job_for_a_group(world: World) -> None:
    job = world.make_dynamic(world.make_package())
    assert refusal(world, job, target_selection="GROUP") == "iot.firmware.InvalidTargetSelection"


def test_a_new_timeout_is_for_tasks_made_afterwards(world: World) -> None:
    first = world.make_device("dev0")
    job = world.make_dynamic(world.make_package(), timeout_minutes=60)
    changed = update(world, job, timeout_minutes=5)
    assert changed.timeout_minutes == 5
    second = world.make_device("dev1")
    for device in (first, second):
        world.say_progress(device, 1)
    assert [task.timeout_minutes for task in world.tasks(job)] == [60, 5]
    assert world.deadlines(job) == [START + 60 * 60_000, START + 5 * 60_000]
    assert update(world, changed).timeout_minutes == 5


def test_the_timeout_stays_longer_than_the_retry_interval(world: World) -> None:
    job = world.make_dynamic(world.make_package(), timeout_minutes=60, retry_interval_minutes=30, retry_count=1)
    assert refusal(world, job, timeout_minutes=30) == "iot.firmware.InvalidTimeoutSetting"
    assert update(world, job, timeout_minutes=31).timeout_minutes == 31


def test_a_planned_job_can_be_changed(world: World) -> None:
    job = world.make_static(world.make_package(), schedule_at=START + 3_600_000)
    assert update(world, job, maximum_per_minute=10).maximum_per_minute == 10


def test_an_ended_job_stays_as_it_is(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_version(device, "2.0.0")
    assert refusal(world, job) == "iot.firmware.InvalidOTAJobId"
    dynamic = world.make_dynamic(world.make_package("3.0.0"))
    cancel_job.cancel_policy(world.tx, instance_id=world.instance.id, job_id=dynamic.job_id, now=world.now)
    assert refusal(world, dynamic) == "iot.firmware.JobAlreadyCanceled"


def test_a_verification_cannot_be_changed(world: World) -> None:
    world.make_device("dev0")
    job = world.make_verify_job(world.make_package(need_to_verify=True), ["dev0"])
    assert refusal(world, job) == "iot.firmware.InvalidOTAJobId"

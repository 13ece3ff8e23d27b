"""Tasks named by TaskId (control-plane reference §12, 4)."""

import pytest

from skyferry.errors import ApiError
from skyferry.fleet import accounts
from skyferry.ota import named_tasks
from skyferry.store.tables import packages
from tests.support.rows import World


def refusal(world: World, *task_ids: str) -> str:
    with pytest.raises(ApiError) as caught:
        named_tasks.find(world.tx, world.instance.id, task_ids, for_change=True)
    return caught.value.kind.code


def ids_of(world: World, count: int) -> list[str]:
    for number in range(count):
        world.make_device(f"dev{number:02}")
    return world.task_ids(world.make_job(world.make_package()))


def test_up_to_ten_tasks_are_found_in_the_order_of_the_call(world: World) -> None:
    wanted = ids_of(world, 10)[::-1]
    found = named_tasks.find(world.tx, world.instance.id, wanted, for_change=False)
    assert [named_tasks.task_id_of(task) for task in found] == wanted
    assert [task.device_name for task in found] == [f"dev{number:02}" for number in range(9, -1, -1)]


def test_eleven_are_too_many(world: World) -> None:
    assert refusal(world, *ids_of(world, 11)) == "iot.firmware.ParameterSizeExceedMax"


def test_each_is_named_once(world: World) -> None:
    [task] = ids_of(world, 1)
    assert refusal(world, task, task) == "iot.common.InvalidFormattedParameter"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_task_id_has_its_own_code(world: World, empty: str) -> None:
    [task] = ids_of(world, 1)
    assert refusal(world, task, empty) == "iot.firmware.NullTaskId"


@pytest.mark.parametrize("bad", ["x", "x" * 26, "1" * 26, "é" * 26, "x" * 27])
def test_what_is_no_task_id_is_unknown(world: World, bad: str) -> None:
    [task] = ids_of(world, 1)
    assert refusal(world, task, bad) == "iot.firmware.InvalidOTATaskId"


def test_the_key_of_a_row_with_another_jobs_letters_names_nothing(world: World) -> None:
    [task] = ids_of(world, 1)
    for forged in ("X" * 12 + task[12:], task[:-4] + str((int(task[-4:]) + 1) % 10_000).zfill(4), task[:20] + "02"):
        assert refusal(world, forged.ljust(26, "0")) == "iot.firmware.InvalidOTATaskId"


def test_tasks_of_another_instance_are_unknown(world: World) -> None:
    [task] = ids_of(world, 1)
    accounts.create_account(world.tx, world.box, "other", now_ms=world.now)
    with pytest.raises(ApiError) as caught:
        named_tasks.find(world.tx, world.instance.id + 1, [task], for_change=False)
    assert caught.value.kind.code == "iot.firmware.InvalidOTATaskId"


def test_tasks_of_a_deleted_package_are_unknown(world: World) -> None:
    [task] = ids_of(world, 1)
    world.tx.execute(packages.update().values(deleted_at=world.now))
    assert refusal(world, task) == "iot.firmware.InvalidOTATaskId"

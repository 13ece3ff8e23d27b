"""What each feedback means to the engine, by what was said and the state of the task."""

from itertools import product

import pytest

from skyferry.bus.messages import CancellationSettled, ProgressReported, VersionReported
from skyferry.ddi.bodies import Execution, Feedback, Finished
from skyferry.ddi.errors import DdiError
from skyferry.ddi.presence import Stay
from skyferry.ota.states import TaskStatus
from tests.support.rows import START
from tests.unit.ddi.world import DdiWorld

OPEN = (TaskStatus.NOTIFIED, TaskStatus.IN_PROGRESS)
ENDS = {Execution.CLOSED, Execution.CANCELED, Execution.REJECTED}


def stay(ddi: DdiWorld) -> Stay:
    return Stay(ddi.planted.device_id, "c", 300, 0, attributes_wanted=False)


def said(execution: Execution, finished: Finished = Finished.NONE, percent: int | None = None) -> Feedback:
    return Feedback(execution, finished, percent, "words")


async def test_every_execution_and_result_of_an_open_task(ddi: DdiWorld) -> None:
    for status, execution, finished in product(OPEN, Execution, Finished):
        await ddi.set_task(status, notified_at=START, progress=40)
        here = stay(ddi)
        await ddi.desk.on_deployment(here, ddi.planted.task_id, said(execution, finished, 20))
        device_id = ddi.planted.device_id
        expected: list[object]
        if execution is Execution.CLOSED and finished is not Finished.FAILURE:
            expected = [VersionReported(device_id, "default", "2.0.0", START)]
        elif execution in ENDS:
            expected = [ProgressReported(device_id, "default", -1, "words", START)]
        elif execution is Execution.SCHEDULED:
            expected = []
        else:
            expected = [ProgressReported(device_id, "default", 40, "words", START)]
        assert ddi.taken() == expected, (status, execution, finished)
        assert here.attributes_wanted == (execution in ENDS)


async def test_a_task_that_the_device_was_not_told_of_takes_no_feedback(ddi: DdiWorld) -> None:
    await ddi.set_task(TaskStatus.QUEUED, notified_at=None)
    with pytest.raises(DdiError) as refused:
        await ddi.desk.on_deployment(stay(ddi), ddi.planted.task_id, said(Execution.CLOSED))
    assert (refused.value.status, ddi.taken()) == (410, [])
    await ddi.set_task(TaskStatus.CONFIRM)
    with pytest.raises(DdiError) as unknown:
        await ddi.desk.on_deployment(stay(ddi), ddi.planted.task_id, said(Execution.CLOSED))
    assert unknown.value.status == 404


@pytest.mark.parametrize("status", [TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED])
async def test_success_after_the_end_is_a_version_unless_it_is_known(ddi: DdiWorld, status: TaskStatus) -> None:
    await ddi.set_task(status, notified_at=START)
    late = ddi.desk.on_deployment(stay(ddi), ddi.planted.task_id, said(Execution.CLOSED))
    if status is TaskStatus.CANCELED:
        await late  # the device has still to give it up
    else:
        with pytest.raises(DdiError, match="ended already"):
            await late
    assert len(ddi.taken()) == (status is not TaskStatus.SUCCEEDED)


@pytest.mark.parametrize("execution", Execution)
async def test_a_cancellation_is_settled_by_whatever_ends_it(ddi: DdiWorld, execution: Execution) -> None:
    await ddi.set_task(TaskStatus.CANCELED, notified_at=START)
    here = stay(ddi)
    await ddi.desk.on_cancellation(here, ddi.planted.task_id, said(execution))
    settled = [CancellationSettled(ddi.planted.device_id, ddi.planted.task_id, START)]
    assert ddi.taken() == (settled if execution in ENDS else [])
    assert here.attributes_wanted == (execution in ENDS)


async def test_what_is_not_cancelled_is_not_given_up(ddi: DdiWorld) -> None:
    await ddi.set_task(TaskStatus.NOTIFIED, notified_at=START)
    with pytest.raises(DdiError) as refused:
        await ddi.desk.on_cancellation(stay(ddi), ddi.planted.task_id, said(Execution.CLOSED))
    assert (refused.value.status, ddi.taken()) == (410, [])


async def test_a_task_of_another_device_is_none(ddi: DdiWorld) -> None:
    with pytest.raises(DdiError) as refused:
        await ddi.desk.on_deployment(Stay(99, "c", 300, 0), ddi.planted.task_id, said(Execution.CLOSED))
    assert refused.value.status == 404

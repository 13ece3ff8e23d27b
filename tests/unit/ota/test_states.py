"""The transition table against the rules of control-plane reference §7.1."""

import pytest

from skyferry.ota.states import TRANSITIONS, PackageStatus, TaskEvent, TaskStatus, after, sources
from skyferry.store.tables import OPEN_BELOW

ENDED = {TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.CANCELED}


def test_open_states_are_those_below_the_line() -> None:
    assert {status for status in TaskStatus if status >= OPEN_BELOW} == ENDED
    assert {status for status in TaskStatus if not status.is_open} == ENDED


def test_every_event_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(TaskEvent)


AGAIN = (TaskEvent.RERUN, TaskEvent.RERUN_UNCONFIRMED)


@pytest.mark.parametrize("event", [event for event in TaskEvent if event not in AGAIN])
def test_only_a_rerun_leaves_a_final_state(event: TaskEvent) -> None:
    assert not ENDED & set(sources(event))


@pytest.mark.parametrize("event", AGAIN)
def test_what_has_succeeded_is_not_run_again(event: TaskEvent) -> None:
    assert set(sources(event)) == {TaskStatus.FAILED, TaskStatus.CANCELED}


def test_every_open_state_can_be_cancelled() -> None:
    assert {status for status in TaskStatus if status.is_open} == set(sources(TaskEvent.CANCEL_OPEN))


def test_cancelling_what_is_pending_leaves_a_running_update_alone() -> None:
    assert after(TaskStatus.IN_PROGRESS, TaskEvent.CANCEL_PENDING) is None
    assert after(TaskStatus.NOTIFIED, TaskEvent.CANCEL_PENDING) is TaskStatus.CANCELED


def test_only_the_reported_version_leads_to_success() -> None:
    ways = {event for event, moves in TRANSITIONS.items() if TaskStatus.SUCCEEDED in moves.values()}
    assert ways == {TaskEvent.TARGET_REPORTED}


def test_a_foreign_version_means_nothing_before_progress() -> None:
    assert sources(TaskEvent.FOREIGN_REPORTED) == (TaskStatus.IN_PROGRESS,)


def test_a_push_never_takes_progress_back() -> None:
    assert after(TaskStatus.IN_PROGRESS, TaskEvent.PUSHED) is TaskStatus.IN_PROGRESS


def test_a_failed_package_may_be_verified_again_and_a_verified_one_may_not() -> None:
    assert {status for status in PackageStatus if status.may_verify} == {PackageStatus.UNVERIFIED, PackageStatus.FAILED}
    assert {status for status in PackageStatus if status.may_upgrade} == {
        PackageStatus.VERIFIED,
        PackageStatus.NOT_NEEDED,
    }

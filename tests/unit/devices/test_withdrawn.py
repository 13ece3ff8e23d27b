"""Withdrawals that came before what they withdraw."""

from skyferry.bus.messages import Notice, NoticeKind, WithdrawPush
from skyferry.devices.withdrawn import Withdrawn


def push(task_id: int | None, claimed_at: int | None) -> Notice:
    return Notice(1, NoticeKind.PUSH, b"", task_id, claimed_at)


def test_what_was_claimed_before_the_withdrawal_is_withdrawn() -> None:
    withdrawn = Withdrawn(8)
    assert push(5, 100) not in withdrawn
    withdrawn.remember(WithdrawPush(1, 5, told_at=100))
    assert push(5, 99) in withdrawn
    assert push(5, 100) in withdrawn
    assert push(5, 101) not in withdrawn, "the task runs again"
    assert push(6, 99) not in withdrawn
    assert push(5, None) not in withdrawn, "an answer"
    assert push(None, 99) not in withdrawn


def test_the_last_word_counts() -> None:
    withdrawn = Withdrawn(8)
    withdrawn.remember(WithdrawPush(1, 5, told_at=100))
    withdrawn.remember(WithdrawPush(1, 5, told_at=200))
    assert push(5, 150) in withdrawn


def test_an_older_process_tells_no_time() -> None:
    withdrawn = Withdrawn(8)
    withdrawn.remember(WithdrawPush(1, 5))
    assert push(5, 0) not in withdrawn


def test_only_the_latest_are_remembered() -> None:
    withdrawn = Withdrawn(2)
    for task_id in (5, 6, 5, 7):
        withdrawn.remember(WithdrawPush(1, task_id, told_at=100))
    assert [push(task_id, 50) in withdrawn for task_id in (5, 6, 7)] == [True, False, True]

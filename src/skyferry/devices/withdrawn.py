"""Pushes that are taken back before they arrive: what two processes say may arrive in another order."""

from skyferry.bus.messages import Notice, WithdrawPush


class Withdrawn:
    """The latest withdrawals of one device's session."""

    __slots__ = ("_most", "_told_at")

    def __init__(self, most: int) -> None:
        """Args: most: how many are remembered."""
        self._most = most
        self._told_at: dict[int, int] | None = None  # most devices never have any

    def remember(self, withdrawal: WithdrawPush) -> None:
        """A push of this task that was claimed before must not go out any more."""
        if withdrawal.told_at is None:
            return
        if self._told_at is None:
            self._told_at = {}
        self._told_at.pop(withdrawal.task_id, None)
        self._told_at[withdrawal.task_id] = withdrawal.told_at
        if len(self._told_at) > self._most:
            del self._told_at[next(iter(self._told_at))]

    def __contains__(self, notice: Notice) -> bool:
        if self._told_at is None or notice.claimed_at is None or notice.task_id is None:
            return False
        told_at = self._told_at.get(notice.task_id)
        return told_at is not None and notice.claimed_at <= told_at

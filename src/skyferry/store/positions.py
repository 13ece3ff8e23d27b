"""Statements on how far the stream of reports is stored."""

from collections.abc import Iterable

from sqlalchemy import Connection, select, update

from skyferry.store.dialect import see_commits, upserting
from skyferry.store.tables import report_positions


def of_part(tx: Connection, part: int) -> int:
    """The sequence of the last message of a part that is stored; 0 before the first."""
    statement = select(report_positions.c.sequence).where(report_positions.c.part == part)
    return tx.execute(statement).scalar() or 0


def make(tx: Connection, parts: Iterable[int]) -> None:
    """Lets parts begin; leaves those alone that have begun, which other workers may be moving.

    The first thing in a transaction.
    """
    see_commits(tx)
    statement = upserting(tx, report_positions).on_conflict_do_nothing()
    tx.execute(statement, [{"part": part, "sequence": 0} for part in parts])


def advance(tx: Connection, part: int, *, before: int, after: int) -> bool:
    """Moves a position; False when somebody else has moved it. The row is locked until the transaction ends.

    The first thing in a transaction. Workers that apply other parts at the same time meet on counters and take turns
    there; what reports change of a task has the state that was read as its condition.
    """
    see_commits(tx)
    statement = update(report_positions).where(report_positions.c.part == part, report_positions.c.sequence == before)
    return tx.execute(statement.values(sequence=after)).rowcount == 1

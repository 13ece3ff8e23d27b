"""Counting what happens as it happens: tasks that end, and the versions that devices run."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry.ota.states import TaskStatus
from skyferry.store import statistics
from skyferry.store.statistics import EndingKey

HOUR_MS: Final = 3_600_000
_LONGEST_CAUSE: Final = 128
NO_CAUSE: Final = ""
_CAUSES_PER_HOUR: Final = 20
"""Devices say in their own words why they failed: beyond so many causes of a job in an hour, failures have none."""
_COUNTED: Final = frozenset({TaskStatus.SUCCEEDED, TaskStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Ending:
    """So many tasks of a job ended in a state.

    Attributes:
        job_id: key of the job.
        status: the state.
        description: what the tasks say of it.
        at: when, in milliseconds since the Unix epoch.
        number: how many tasks.
    """

    job_id: int
    status: TaskStatus
    description: str
    at: int
    number: int = 1


def note_endings(tx: Connection, endings: Iterable[Ending]) -> None:
    """Counts the successes and the failures among tasks that have ended."""
    found: Counter[EndingKey] = Counter()
    for ending in endings:
        if ending.status in _COUNTED and ending.number:
            cause = ending.description[:_LONGEST_CAUSE] if ending.status is TaskStatus.FAILED else NO_CAUSE
            found[EndingKey(ending.job_id, ending.at // HOUR_MS, ending.status, cause)] += ending.number
    if any(key.cause for key in found):
        found = _bounded(tx, found)
    if found:
        statistics.add_endings(tx, found)


def _bounded(tx: Connection, found: Mapping[EndingKey, int]) -> Counter[EndingKey]:
    """The same counts, with the causes left out that would be too many."""
    known = statistics.causes_of(tx, {key.job_id for key in found}, {key.hour for key in found})
    room: defaultdict[tuple[int, int], int] = defaultdict(lambda: _CAUSES_PER_HOUR)
    for key in known:
        room[key.job_id, key.hour] -= bool(key.cause)
    bounded: Counter[EndingKey] = Counter()
    for key, number in found.items():
        place = key.job_id, key.hour
        if key.cause and key not in known:
            if room[place] <= 0:
                bounded[EndingKey(key.job_id, key.hour, key.status, NO_CAUSE)] += number
                continue
            room[place] -= 1
        bounded[key] += number
    return bounded

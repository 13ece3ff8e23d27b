"""What Skyferry lets a job be told beyond the original: when it halts, in which stages, windows and rates it goes.

A job's controls are kept as JSON in its row, exactly as `Controls` has them.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from skyferry import error_codes as codes
from skyferry.clock import moment
from skyferry.errors import ApiError
from skyferry.store.jobs import JobRecord

DEVICE: Final = "DEVICE"
"""Instead of a time zone: each device's own, as its tag `timezone` says."""
_MOST_STAGES: Final = 20
_MOST_WINDOWS: Final = 10
_LONGEST_WINDOW_MINUTES: Final = 10_080
_SLOWEST: Final = 2
_FASTEST: Final = 10_000
_LEAST_GROWTH: Final = 101
_MOST_GROWTH: Final = 1_000
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Window:
    """A recurring maintenance window.

    Attributes:
        cron: when it opens: minute, hour, day of month, month, day of week.
        minutes: how long it stays open.
    """

    cron: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Controls:
    """How a job is held back.

    Attributes:
        halt_failure_percent: the job halts when so many percent of the executed updates have failed,
        halt_failure_count: or so many of them,
        halt_minimum_executed: and so many were executed, whatever their outcome.
        stages: percent of the devices that may have been told by the end of each stage, rising to 100.
        stage_success_percent: a stage is over when so many percent of its devices have succeeded; when this is None,
            when all of them have ended.
        windows: pushes go out only within one of these; at any time when there is none.
        window_time_zone: the IANA name of the zone in which the windows are told, or `DEVICE`.
        rate_start: pushes per minute at the beginning,
        rate_growth_percent: which become so many percent of that
        rate_growth_successes: with each such number of successes, up to the job's MaximumPerMinute.
    """

    halt_failure_percent: int | None = None
    halt_failure_count: int | None = None
    halt_minimum_executed: int = 1
    stages: tuple[int, ...] = ()
    stage_success_percent: int | None = None
    windows: tuple[Window, ...] = ()
    window_time_zone: str = "UTC"
    rate_start: int | None = None
    rate_growth_percent: int | None = None
    rate_growth_successes: int | None = None


NONE: Final = Controls()


def of(job: JobRecord) -> Controls:
    """The controls of a job."""
    return NONE if job.controls is None else _read(job.controls)


def written(controls: Controls) -> dict[str, Any] | None:
    """As a job's row holds them; None when nothing is controlled."""
    return None if controls == NONE else dataclasses.asdict(controls)


def check(controls: Controls, *, dynamic: bool) -> None:
    """Checks that controls can take effect.

    Args:
        controls: what is told.
        dynamic: the job is a dynamic one, of which nobody knows how many devices it will have.

    Raises:
        ApiError: they cannot; the sentence says what to change.
    """
    _check_halt(controls)
    _check_stages(controls, dynamic=dynamic)
    _check_windows(controls)
    _check_rate(controls)


def _read(stored: dict[str, Any]) -> Controls:
    windows = tuple(Window(**window) for window in stored["windows"])
    return Controls(**{**stored, "stages": tuple(stored["stages"]), "windows": windows})


def _refuse_unless(fits: bool, sentence: str) -> None:
    if not fits:
        raise ApiError(codes.INVALID_CONTROLS, sentence)


def _check_halt(controls: Controls) -> None:
    percent, count = controls.halt_failure_percent, controls.halt_failure_count
    _refuse_unless(percent is None or 1 <= percent <= _WHOLE, "HaltFailurePercent is a number from 1 to 100.")
    _refuse_unless(count is None or count >= 1, "HaltFailureCount is a number from 1 on.")
    _refuse_unless(controls.halt_minimum_executed >= 1, "HaltMinimumExecuted is a number from 1 on.")


def _check_stages(controls: Controls, *, dynamic: bool) -> None:
    stages, success = controls.stages, controls.stage_success_percent
    _refuse_unless(not (stages and dynamic), "A dynamic job has no stages: how many devices it is for is not known.")
    _refuse_unless(len(stages) <= _MOST_STAGES, f"A job has at most {_MOST_STAGES} stages.")
    _refuse_unless(
        not stages or (sorted(set(stages)) == list(stages) and stages[0] >= 1 and stages[-1] == _WHOLE),
        "Stage.N are percentages that rise from one to the next, from 1 on, and end with 100.",
    )
    _refuse_unless(success is None or 1 <= success <= _WHOLE, "StageSuccessPercent is a number from 1 to 100.")
    _refuse_unless(success is None or bool(stages), "StageSuccessPercent needs Stage.N.")


def _check_windows(controls: Controls) -> None:
    _refuse_unless(len(controls.windows) <= _MOST_WINDOWS, f"A job has at most {_MOST_WINDOWS} windows.")
    if controls.window_time_zone != DEVICE:
        _refuse_unless(
            zone(controls.window_time_zone) is not None,
            "WindowTimeZone is the name of a time zone, such as Europe/Berlin, or DEVICE.",
        )
    for window in controls.windows:
        _refuse_unless(
            1 <= window.minutes <= _LONGEST_WINDOW_MINUTES,
            f"Window.N.Minutes is a number from 1 to {_LONGEST_WINDOW_MINUTES}.",
        )
        try:
            next(CronSim(window.cron, moment(0)))
        except (CronSimError, StopIteration) as problem:
            reason = str(problem) or "it never opens"
            sentence = f"Window.N.Cron has minute, hour, day of month, month and day of week: {reason}."
            raise ApiError(codes.INVALID_CONTROLS, sentence) from None


def _check_rate(controls: Controls) -> None:
    told = (controls.rate_start, controls.rate_growth_percent, controls.rate_growth_successes)
    if told == (None, None, None):
        return
    start, growth, successes = (value or 0 for value in told)
    _refuse_unless(
        _SLOWEST <= start <= _FASTEST and _LEAST_GROWTH <= growth <= _MOST_GROWTH and successes >= 1,
        f"A growing rate needs RateStart ({_SLOWEST} to {_FASTEST} per minute), RateGrowthPercent ({_LEAST_GROWTH} to "
        f"{_MOST_GROWTH}) and RateGrowthSuccesses (from 1 on).",
    )


def zone(name: str) -> ZoneInfo | None:
    """The time zone of this IANA name, or None."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

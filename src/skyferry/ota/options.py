"""What a job can be told, checked: rate, timeout, retry, schedule, tags (control-plane reference §5.7, §6.6, §6.8)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import streams
from skyferry.ota.models import JobOptions
from skyferry.ota.selection import OVERWRITE

KEEP: Final = 1
_MOST_TAGS: Final = 10
_MOST_TAG_CHARACTERS: Final = 4_096
_TAG_KEY: Final = re.compile(r"[A-Za-z0-9.]{1,30}")
_TAG_VALUE: Final = re.compile(r"(?s).{1,1024}")
_FIELDS_OF_NOTICES: Final = frozenset(
    {
        *("code", "data", "id", "message", "extData"),
        *("version", "module", "isDiff", "url", "size", "sign", "signMethod", "md5", "digestsign"),
        *("files", "fileName", "fileSize", "fileUrl", "fileMd5", "fileSign"),
        *("dProtocol", "streamId", "streamFileId"),
    }
)
"""C SDKs take the first text that looks like a field, in `extData` as well: a tag `module` would be the module of a
notice that names none (device-plane reference §2.5)."""
_DEFAULT_PER_MINUTE: Final = 10_000
_LEAST_PER_MINUTE: Final = 10
_LONGEST_TIMEOUT_MINUTES: Final = 1_440
_RETRY_INTERVALS: Final = frozenset({0, 10, 30, 60, 1_440})
_RETRY_COUNTS: Final = frozenset({1, 2, 5})
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000
_SOONEST_START_MS: Final = 5 * _MINUTE_MS
_LATEST_START_MS: Final = 7 * _DAY_MS
_SHORTEST_RUN_MS: Final = 60 * _MINUTE_MS
_LONGEST_RUN_MS: Final = 30 * _DAY_MS


def check(options: JobOptions) -> None:
    """Checks what every kind of job can be told.

    Raises:
        ApiError: the documented error of the first value that is not allowed.
    """
    check_timeout(options.timeout_minutes)
    check_rate(options.maximum_per_minute)
    if options.overwrite_mode not in {None, KEEP, OVERWRITE} or (
        options.overwrite_mode == OVERWRITE and options.multi_module
    ):
        raise ApiError(codes.INVALID_OVERWRITE_MODE)
    _check_retry(options)
    check_tags(options.tags)


def check_timeout(minutes: int | None) -> None:
    """Checks TimeoutInMinutes.

    Raises:
        ApiError: it is out of range.
    """
    if minutes is not None and not 1 <= minutes <= _LONGEST_TIMEOUT_MINUTES:
        raise ApiError(codes.INVALID_TIMEOUT_SETTING)


def check_rate(maximum_per_minute: int | None) -> None:
    """Checks MaximumPerMinute.

    Raises:
        ApiError: it is out of range.
    """
    if maximum_per_minute is not None and not _LEAST_PER_MINUTE <= maximum_per_minute <= _DEFAULT_PER_MINUTE:
        raise ApiError(codes.INVALID_MAXIMUM_PER_MINUTE)


def check_tags(tags: Mapping[str, str]) -> None:
    """Checks the tags of a job.

    Raises:
        ApiError: they are too many or too long, or one is malformed or is named like a field of notices.
    """
    if taken := _FIELDS_OF_NOTICES & tags.keys():
        named = ", ".join(sorted(taken))
        raise ApiError(codes.INVALID_TAG, f"Devices would take the tag for a field of the notice: rename {named}.")
    fits = all(_TAG_KEY.fullmatch(key) and _TAG_VALUE.fullmatch(value) for key, value in tags.items())
    characters = sum(len(key) + len(value) for key, value in tags.items())
    if len(tags) > _MOST_TAGS or not fits or characters > _MOST_TAG_CHARACTERS:
        raise ApiError(codes.INVALID_TAG)


def check_schedule(schedule_at: int | None, finish_at: int | None, now: int) -> None:
    """Checks ScheduleTime and ScheduleFinishTime, in milliseconds since the Unix epoch.

    Raises:
        ApiError: the documented error of the first bound that is broken.
    """
    if schedule_at is None:
        if finish_at is not None:
            raise ApiError(codes.SCHEDULE_FINISH_TIME_WITHOUT_START_TIME)
        return
    if schedule_at <= now:
        raise ApiError(codes.FIRE_TIME_MUST_LARGE_THAN_CURRENT_TIME)
    if schedule_at < now + _SOONEST_START_MS:
        raise ApiError(codes.FIRE_TIME_TOO_SHORT)
    if schedule_at > now + _LATEST_START_MS:
        raise ApiError(codes.FIRE_TIME_TOO_LATE)
    if finish_at is None:
        return
    if finish_at <= schedule_at:
        raise ApiError(codes.SCHEDULE_FINISH_TIME_EARLIER_THAN_START_TIME)
    if finish_at < schedule_at + _SHORTEST_RUN_MS:
        raise ApiError(codes.SCHEDULE_FINISH_TIME_TOO_EARLY)
    if finish_at > schedule_at + _LONGEST_RUN_MS:
        raise ApiError(codes.SCHEDULE_FINISH_TIME_TOO_LATE)


def columns(options: JobOptions) -> dict[str, Any]:
    """The options as a job's row holds them, with their defaults."""
    return {
        "timeout_minutes": options.timeout_minutes,
        "maximum_per_minute": options.maximum_per_minute or _DEFAULT_PER_MINUTE,
        "overwrite_mode": options.overwrite_mode or KEEP,
        "need_push": options.need_push,
        "need_confirm": options.need_confirm,
        "multi_module": options.multi_module,
        "download_protocol": options.download_protocol or streams.HTTPS,
        "retry_interval_minutes": options.retry_interval_minutes,
        "retry_count": options.retry_count,
        "tags": dict(options.tags),
    }


def _check_retry(options: JobOptions) -> None:
    interval, count = options.retry_interval_minutes, options.retry_count
    if interval is None:
        if count is not None:
            raise ApiError(codes.INVALID_RETRY_INTERVAL, "RetryCount needs RetryInterval: 0, 10, 30, 60 or 1440.")
        return
    if interval not in _RETRY_INTERVALS:
        raise ApiError(codes.INVALID_RETRY_INTERVAL)
    if options.timeout_minutes is not None and interval >= options.timeout_minutes:
        raise ApiError(codes.INVALID_RETRY_INTERVAL, "RetryInterval must be shorter than TimeoutInMinutes.")
    if count not in _RETRY_COUNTS:
        raise ApiError(codes.INVALID_RETRY_COUNT)

"""PreviewOTAJob: who a static job would update, told by the code that would make it."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry.ota import gray, jobs, namelist, selection
from skyferry.ota.models import EngineLimits, NewStaticJob
from skyferry.store import devices as device_statements
from skyferry.store import selection as statements
from skyferry.store import statistics
from skyferry.store.selection import SelectionRule

_NAMES_SHOWN: Final = 20
_VERSIONS_SHOWN: Final = 10
_MOST_BUSY: Final = 10_000
"""So many devices of a whole product are counted that have an open task."""
_MOST_VERSIONS: Final = 100
"""By so many versions the candidates are looked for."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a job would find at this moment.

    Attributes:
        devices: devices that the job asks for,
        without_version: those that have reported no version of the module,
        up_to_date: run the destination version,
        other_version: or run another one than the source versions.
        candidates: devices that could be updated: all others.
        selected: devices that would get a task: all of these, or the share that a gray job takes.
        busy: candidates with an open task, which would fail at once or be replaced by the job's OverwriteMode.
        busy_is_exact: False when there are more of them than were counted.
        unknown: names in the list file that no device has.
        complete: False when only the first names of a long list file were looked at.
        versions: versions of the candidates and how many run them, the commonest first.
        names: the first devices that would get a task.
    """

    devices: int
    without_version: int
    up_to_date: int
    other_version: int
    candidates: int
    selected: int
    busy: int
    busy_is_exact: bool
    unknown: int
    complete: bool
    versions: Sequence[tuple[str, int]]
    names: Sequence[str]


def static(tx: Connection, new: NewStaticJob, *, instance_id: int, limits: EngineLimits, now: int) -> Preview:
    """What a static job would find.

    Raises:
        ApiError: the job could not be made as it is told (control-plane reference §5.7).
    """
    plan = jobs.plan_static(tx, new, instance_id=instance_id, now=now)
    rule = selection.rule_for(tx, plan.package, plan.values["src_versions"], plan.values.get("group_id"))
    unknown, complete = 0, True
    if plan.device_ids is not None:
        rule = dataclasses.replace(rule, device_ids=plan.device_ids)
    if new.name_list is not None:
        to_end = len(new.name_list.head) >= new.name_list.size
        portion = namelist.read(new.name_list.head, at_start=True, to_end=to_end, most=limits.chunk_devices)
        known = device_statements.ids_by_name(tx, rule.product_id, portion.names)
        rule = dataclasses.replace(rule, device_ids=known.values())
        unknown = len(set(portion.names) - known.keys())
        complete = portion.consumed >= new.name_list.size
    found = _all_of_product(tx, rule) if rule.is_of_product else _counted(tx, rule)
    share = plan.values.get("gray_share")
    any_module = not new.options.multi_module
    busy, busy_is_exact = _busy(tx, rule, any_module=any_module)
    return Preview(
        devices=found.devices,
        without_version=found.without_version,
        up_to_date=found.up_to_date,
        other_version=found.devices - found.without_version - found.up_to_date - found.candidates,
        candidates=found.candidates,
        selected=found.candidates if share is None else _share_of(found.candidates, share),
        busy=busy,
        busy_is_exact=busy_is_exact,
        unknown=unknown,
        complete=complete,
        versions=found.versions[:_VERSIONS_SHOWN],
        names=_names(tx, rule, found, share, limits),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Devices of a rule, by what they run.

    Attributes:
        devices: all that the rule is about,
        without_version: those that have reported no version of the module,
        up_to_date: those that run the destination version,
        candidates: those that the rule selects.
        versions: what these run, the commonest versions first.
    """

    devices: int
    without_version: int
    up_to_date: int
    candidates: int
    versions: Sequence[tuple[str, int]]


def _all_of_product(tx: Connection, rule: SelectionRule) -> _Found:
    """From the counters: the fleet is not read, however large it is."""
    devices = device_statements.count(tx, rule.product_id)
    reported = statistics.versions_by_devices(tx, rule.product_id, rule.module)
    versions = [
        (version, number)
        for version, number in reported
        if version != rule.dest_version and (not rule.src_versions or version in rule.src_versions)
    ]
    return _Found(
        devices=devices,
        without_version=devices - sum(number for _, number in reported),
        up_to_date=dict(reported).get(rule.dest_version, 0),
        candidates=sum(number for _, number in versions),
        versions=versions,
    )


def _counted(tx: Connection, rule: SelectionRule) -> _Found:
    asked_for = statements.count_asked_for(tx, rule)
    return _Found(
        devices=asked_for.devices,
        without_version=asked_for.without_version,
        up_to_date=asked_for.up_to_date,
        candidates=statements.count(tx, rule),
        versions=statements.count_by_version(tx, rule, _VERSIONS_SHOWN),
    )


def _busy(tx: Connection, rule: SelectionRule, *, any_module: bool) -> tuple[int, bool]:
    """How many candidates have an open task, and whether these are all."""
    if not rule.is_of_product:
        return statements.count_busy(tx, rule, any_module=any_module), True
    number = statements.count_busy_of_product(tx, rule, any_module=any_module, most=_MOST_BUSY + 1)
    return min(number, _MOST_BUSY), number <= _MOST_BUSY


def _share_of(candidates: int, share: int) -> int:
    return 1 if gray.is_too_few(candidates, share) else candidates * share // gray.WHOLE


def _names(
    tx: Connection, rule: SelectionRule, found: _Found, share: int | None, limits: EngineLimits
) -> Sequence[str]:
    if not found.candidates:
        return ()
    if share is None:
        return _first_names(tx, rule, found)
    end = statements.end_of_chunk(tx, rule, limits.chunk_devices)
    chosen = gray.choose(statements.device_ids(tx, dataclasses.replace(rule, up_to=end)), 0, share)
    return statements.first_names(tx, dataclasses.replace(rule, device_ids=chosen[:_NAMES_SHOWN]), _NAMES_SHOWN)


def _first_names(tx: Connection, rule: SelectionRule, found: _Found) -> Sequence[str]:
    """The names of the first candidates, which may be few among many."""
    if rule.is_of_product and len(found.versions) <= _MOST_VERSIONS:
        versions = [version for version, _ in found.versions]
        names = statements.first_names_by_version(tx, rule, versions, _NAMES_SHOWN)
        if names is not None:
            return names
    return statements.first_names(tx, rule, _NAMES_SHOWN)

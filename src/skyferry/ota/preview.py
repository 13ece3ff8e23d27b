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
from skyferry.store.selection import SelectionRule

_NAMES_SHOWN: Final = 20
_VERSIONS_SHOWN: Final = 10


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
    asked_for = statements.count_asked_for(tx, rule)
    candidates = statements.count(tx, rule)
    share = plan.values.get("gray_share")
    reported = asked_for.devices - asked_for.without_version
    return Preview(
        devices=asked_for.devices,
        without_version=asked_for.without_version,
        up_to_date=asked_for.up_to_date,
        other_version=reported - asked_for.up_to_date - candidates,
        candidates=candidates,
        selected=candidates if share is None else _share_of(candidates, share),
        busy=statements.count_busy(tx, rule, any_module=not new.options.multi_module),
        unknown=unknown,
        complete=complete,
        versions=statements.count_by_version(tx, rule, _VERSIONS_SHOWN),
        names=_names(tx, rule, share, limits),
    )


def _share_of(candidates: int, share: int) -> int:
    return 1 if gray.is_too_few(candidates, share) else candidates * share // gray.WHOLE


def _names(tx: Connection, rule: SelectionRule, share: int | None, limits: EngineLimits) -> Sequence[str]:
    if share is None:
        return statements.first_names(tx, rule, _NAMES_SHOWN)
    end = statements.end_of_chunk(tx, rule, limits.chunk_devices)
    chosen = gray.choose(statements.device_ids(tx, dataclasses.replace(rule, up_to=end)), 0, share)
    return statements.first_names(tx, dataclasses.replace(rule, device_ids=chosen[:_NAMES_SHOWN]), _NAMES_SHOWN)

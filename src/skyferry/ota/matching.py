"""Dynamic jobs: a version report is the moment at which a device gets its task (control-plane reference §5.7).

The fleet is never searched on a timer: what a batch of devices has just reported is held against the running dynamic
jobs of their products.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection

from skyferry.ota import backoff, selection
from skyferry.ota.models import EngineLimits
from skyferry.ota.working import DeviceState
from skyferry.store import devices as device_statements
from skyferry.store import jobs as statements
from skyferry.store import selection as selection_statements
from skyferry.store import task_counts
from skyferry.store import tasks as task_statements
from skyferry.store.jobs import Policy

MOST_MATCHES: Final = 10
"""How often one dynamic job makes a task for the same device."""

Reported = tuple[DeviceState, str]
"""A device and a module of which it has just reported the version."""


def match(tx: Connection, reported: Iterable[Reported], limits: EngineLimits, now: int) -> int:
    """Makes tasks for devices that fit a dynamic job by what they have just reported; tells how many.

    Of the jobs that a device fits, the one that was made last counts. It makes no task for a device that another open
    task keeps busy, unless it may replace that task, nor for one that has had ten of its tasks.
    """
    waiting = list(reported)
    if not waiting:
        return 0
    made = 0
    for policy in statements.policies_of(tx, {device.product_id for device, _ in waiting}):
        fitting = [item for item in waiting if _fits(policy, *item)]
        if not fitting or not statements.hold_matching(tx, policy.job_id):
            continue
        job = statements.by_id(tx, policy.job_id)
        if job is None:
            continue
        rule = dataclasses.replace(selection.rule_of(tx, job), device_ids={device.id for device, _ in fitting})
        covered = set(selection_statements.device_ids(tx, rule))
        waiting = [item for item in waiting if item not in fitting or item[0].id not in covered]
        idle = covered - {device.id for device, _ in fitting if device.is_in_job(job.id)}
        earlier = task_counts.counts_by_device(tx, job.id, idle)
        fresh = device_statements.keep(tx, {key for key in idle if earlier.get(key, 0) < MOST_MATCHES})
        if fresh:
            rule = dataclasses.replace(rule, device_ids=fresh)
            made += selection.make_tasks(tx, job, rule, limits, now, skip_busy=True)
            _back_off(tx, job.id, {device_id: earlier.get(device_id, 0) for device_id in fresh}, limits, now)
    return made


def _back_off(tx: Connection, job_id: int, earlier: Mapping[int, int], limits: EngineLimits, now: int) -> None:
    """Lets devices wait that the job has had tasks for again and again."""
    waiting: dict[int, list[int]] = {}
    for device_id, times in earlier.items():
        if delay := backoff.delay_ms(times, limits):
            waiting.setdefault(delay, []).append(device_id)
    for delay, device_ids in waiting.items():
        task_statements.hold_off(tx, job_id, device_ids, until=now + delay)


def _fits(policy: Policy, device: DeviceState, module: str) -> bool:
    """Whether the device reported what the policy is for; a group is not looked at here."""
    version = device.version_of(module)
    return (
        policy.product_id == device.product_id
        and policy.module == module
        and policy.dest_version != version
        and (not policy.src_versions or version in policy.src_versions)
    )

"""Rules of the machine that change jobs, tasks and devices for an application."""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skyferry.fleet import devices, memberships
from skyferry.fleet.devices import DeviceReference
from skyferry.ota import cancel, cancel_job, removal, rollout, updates
from skyferry.ota.cancel import CancelScope
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.updates import JobUpdate
from tests.support.machine.base import (
    DYNAMIC_GROUP,
    LIMITS,
    NICKNAME,
    STATIC_GROUP,
    Base,
    names,
    numbers,
    some_names,
)
from tests.support.machine.creating import ANOTHER_NAME, some_sources
from tests.support.model import Flags, Task
from tests.support.model.words import CANCELED, CONFIRM, FAILED

UNKNOWN_TASK_ID: Final = "x" * 20 + "010000"


picks = st.lists(st.integers(0, 50), max_size=3)
seldom = st.sampled_from([False, False, False, True])
three_ways = st.sampled_from([None, None, True, False])
flags = st.one_of(
    st.builds(
        Flags,
        scheduled=st.sampled_from([None, None, False]),
        queued=three_ways,
        notified=three_ways,
        in_progress=three_ways,
        unconfirmed=three_ways,
    ),
    st.builds(Flags, scheduled=st.just(value=True), queued=three_ways),
)


def picked(tasks: Sequence[Task], picks: Sequence[int]) -> list[Task]:
    """Some of these, each once."""
    return [tasks[number] for number in dict.fromkeys(pick % len(tasks) for pick in picks)] if tasks else []


class Controlling(Base):
    """Cancels, confirms, changes."""

    @precondition(lambda self: self.jobs)
    @rule(number=numbers, chosen=some_names, only=st.booleans(), scope=st.booleans())
    def cancel_by_device(self, number: int, chosen: Sequence[str], *, only: bool, scope: bool) -> None:
        """Tasks of a job, or all that devices have for its package."""
        self.tick(1)
        number %= len(self.jobs)
        job = number if only else None
        package = self.model.jobs[number].package

        def by_device() -> None:
            cancel.cancel_by_device(
                self.world.tx,
                instance_id=self.world.instance.id,
                product_key=self.world.product.product_key,
                firmware_id=self.firmware[package],
                device_names=[*chosen, ANOTHER_NAME],
                job_id=None if job is None else self.jobs[job].job_id,
                scope=CancelScope.OPEN if scope else CancelScope.PENDING,
                now=self.now,
            )

        modelled = None if job is None else self.model.jobs[job]
        self.same_refusal(
            by_device, lambda: self.model.cancel(package, chosen, modelled, self.now, in_progress_too=scope)
        )

    @rule(waiting=picks, others=picks, any_other=seldom, missing=seldom)
    def confirm(self, waiting: Sequence[int], others: Sequence[int], *, any_other: bool, missing: bool) -> None:
        """Tasks that wait for it, and now and then others."""
        self.tick(1)
        chosen = self.tasks_for(CONFIRM, waiting=waiting, others=others if any_other else ())
        if not chosen:
            return
        ids = [self.task_id(task) for task in chosen if task]
        if missing:
            chosen.append(None)
            ids.append(UNKNOWN_TASK_ID)
        self.same_refusal(lambda: self.world.confirm(*ids), lambda: self.model.confirm(chosen, self.now))

    @precondition(lambda self: self.jobs)
    @rule(number=numbers, of_job=picks, of_others=picks, any_other=seldom)
    def reupgrade(self, number: int, of_job: Sequence[int], of_others: Sequence[int], *, any_other: bool) -> None:
        """Tasks of a job that have ended, and now and then others."""
        self.tick(1)
        number %= len(self.jobs)
        job = self.model.jobs[number]
        ended = [task for task in job.tasks if task.state in {FAILED, CANCELED}]
        others = [task for task in self.all_tasks() if task not in ended]
        chosen = [*picked(ended, of_job), *picked(others, of_others if any_other else ())]
        if chosen:
            ids = [self.task_id(task) for task in chosen]
            self.same_refusal(
                lambda: self.world.rerun(self.jobs[number], *ids), lambda: self.model.reupgrade(job, chosen, self.now)
            )

    @precondition(lambda self: self.jobs)
    @rule(number=numbers, flags=flags)
    def cancel_by_job(self, number: int, flags: Flags) -> None:
        self.tick(1)
        number %= len(self.jobs)
        self.same_refusal(
            lambda: cancel_job.cancel_tasks(
                self.world.tx,
                instance_id=self.world.instance.id,
                job_id=self.jobs[number].job_id,
                flags=CancelFlags(**vars(flags)),
                limits=LIMITS,
                now=self.now,
            ),
            lambda: self.model.cancel_job(self.model.jobs[number], flags, self.now),
        )

    @precondition(lambda self: self.jobs)
    @rule(number=numbers)
    def cancel_strategy(self, number: int) -> None:
        self.tick(1)
        number %= len(self.jobs)
        self.same_refusal(
            lambda: cancel_job.cancel_policy(
                self.world.tx, instance_id=self.world.instance.id, job_id=self.jobs[number].job_id, now=self.now
            ),
            lambda: self.model.cancel_strategy(self.model.jobs[number], self.now),
        )

    @precondition(lambda self: self.jobs)
    @rule(number=numbers, timeout=st.sampled_from([None, 1, 45]), sources=some_sources, mistakes=seldom)
    def update_job(self, number: int, timeout: int | None, sources: tuple[str, ...], *, mistakes: bool) -> None:
        self.tick(1)
        number %= len(self.jobs)
        job = self.model.jobs[number]
        kind = "DYNAMIC" if (job.kind == "DYNAMIC") != mistakes else "STATIC"
        told = JobUpdate(kind, self.jobs[number].target_selection, 10_000, {}, sources, timeout)
        self.same_refusal(
            lambda: updates.update(
                self.world.tx,
                told,
                instance_id=self.world.instance.id,
                job_id=self.jobs[number].job_id,
                now=self.now,
            ),
            lambda: self.model.update(job, kind, timeout=timeout, sources=sources),
        )

    @precondition(lambda self: self.jobs)
    @rule(number=numbers, pauses=st.booleans())
    def pause_or_resume(self, number: int, *, pauses: bool) -> None:
        self.tick(1)
        number %= len(self.jobs)
        record, job = self.world.job(self.jobs[number]), self.model.jobs[number]
        if pauses:
            self.same_refusal(
                lambda: rollout.pause(self.world.tx, record, "wait", self.now), lambda: self.model.pause(job)
            )
        else:
            self.same_refusal(lambda: rollout.resume(self.world.tx, record, self.now), lambda: self.model.resume(job))

    def all_tasks(self) -> Sequence[Task]:
        """The tasks of all jobs."""
        return [task for job in self.model.jobs for task in job.tasks]

    def tasks_for(self, *states: str, waiting: Sequence[int], others: Sequence[int]) -> list[Task | None]:
        """Tasks in one of the states, and tasks in others."""
        fitting = [task for task in self.all_tasks() if task.state in states]
        unfit = [task for task in self.all_tasks() if task.state not in states]
        return [*picked(fitting, waiting), *picked(unfit, others)]

    # --- devices

    @rule(name=names)
    def delete_or_register(self, name: str) -> None:
        self.tick(1)
        if name in self.model.devices:
            reference = DeviceReference(self.devices.pop(name).iot_id, None, None)
            removal.remove_device(self.world.tx, self.world.instance.id, reference, now=self.now)
            self.model.delete(name, self.now)
            self.told.listen(self.world.tx)
            self.told.forget(name)
        else:
            self.register_device(name)

    @rule(name=names, joins=st.booleans())
    def move_between_groups(self, name: str, *, joins: bool) -> None:
        if name not in self.devices:
            return
        for group in (STATIC_GROUP, DYNAMIC_GROUP):
            (self.model.groups[group].add if joins else self.model.groups[group].discard)(name)
        change = memberships.add if joins else memberships.remove
        change(self.world.tx, self.groups[STATIC_GROUP], [(self.world.product.product_key, name)])
        reference = DeviceReference(self.devices[name].iot_id, None, None)
        nickname = NICKNAME if joins else None
        devices.rename(self.world.tx, self.world.instance.id, [(reference, nickname)], now=self.now)

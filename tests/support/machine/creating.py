"""Rules of the machine that make jobs."""

import dataclasses
from collections.abc import Callable, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from skyferry.fleet.groups import GroupType
from skyferry.objects.urls import object_key_of
from skyferry.ota import jobs
from skyferry.ota.models import NameList, NewDynamicJob, NewStaticJob
from skyferry.store.jobs import JobRecord
from tests.support.machine.base import (
    DYNAMIC_GROUP,
    LIMITS,
    MINUTE,
    MOST_JOBS,
    NAMES,
    SOURCES,
    STATIC_GROUP,
    TO_VERIFY,
    Base,
    job_options,
    packages,
    some_names,
)
from tests.support.model import Options, Package, Policy, Target

ANOTHER_NAME = "nobody"

timeouts = st.sampled_from([None, 1, 60, 1440])
options = st.one_of(
    st.builds(
        Options,
        overwrite=st.sampled_from([1, 2]),
        push=st.booleans(),
        confirm=st.booleans(),
        timeout_minutes=st.sampled_from([None, 1]),
    ),
    st.builds(Options, multi_module=st.just(value=True), timeout_minutes=st.sampled_from([None, 1])),
    st.builds(
        Options,
        overwrite=st.sampled_from([1, 2]),
        push=st.booleans(),
        retry_interval=st.sampled_from([0, 10, 30]),
        retry_count=st.sampled_from([1, 2]),
        timeout_minutes=st.sampled_from([None, 60]),
    ),
)
some_sources = st.lists(st.sampled_from(SOURCES), unique=True, max_size=2).map(tuple)
targets = st.one_of(
    st.builds(Target, sources=some_sources),
    st.builds(Target, st.just("SPECIFIC"), names=some_names.map(tuple)),
    st.builds(
        Target,
        st.just("SPECIFIC"),
        names=st.lists(st.sampled_from([*NAMES, ANOTHER_NAME]), min_size=1, max_size=5).map(tuple),
        in_file=st.just(value=True),
    ),
    st.builds(
        Target, st.just("GRAY"), percent=st.sampled_from(["1", "33.34", "50", "74.9", "100"]), sources=some_sources
    ),
    st.builds(Target, st.just("GROUP"), group=st.just(STATIC_GROUP)),
)
schedules = st.one_of(
    st.just((None, None)), st.just((10, None)), st.just((10, 70)), st.sampled_from([(5, 65), (60, 180), (1440, 1500)])
)
"""Minutes from now to the start and the end."""
policies = st.one_of(
    st.builds(Policy, sources=some_sources, later_only=st.booleans()),
    st.builds(Policy, group=st.just(DYNAMIC_GROUP), later_only=st.booleans()),
)


class Creating(Base):
    """Verify, static and dynamic jobs."""

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(package=st.just(TO_VERIFY) | packages, chosen=some_names, options=options)
    def create_verify_job(self, package: Package, chosen: Sequence[str], options: Options) -> None:
        self.tick(1)
        chosen = self.existing(chosen)
        if not chosen:
            return
        options = Options(push=options.push, confirm=options.confirm, timeout_minutes=options.timeout_minutes)

        def make() -> JobRecord:
            return jobs.create_verify(
                self.world.tx,
                instance_id=self.world.instance.id,
                firmware_id=self.firmware[package],
                product_key=self.world.product.product_key,
                device_names=chosen,
                told=job_options(options),
                limits=LIMITS,
                now=self.now,
            )

        self._create(make, lambda: self.model.create_verify(package, chosen, options, self.now))

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(package=packages, whom=targets, schedule=schedules, options=options)
    def create_static_job(
        self, package: Package, whom: Target, schedule: tuple[int | None, int | None], options: Options
    ) -> None:
        self.tick(1)
        start, finish = (None if minutes is None else self.now + minutes * MINUTE for minutes in schedule)
        named = whom.names if whom.in_file else self.existing(whom.names)
        if whom.selection == "SPECIFIC" and not named:
            return
        target = dataclasses.replace(whom, names=tuple(named), start_at=start, finish_at=finish)
        group = self.groups[target.group].group_id if target.group else None
        new = NewStaticJob(
            firmware_id=self.firmware[package],
            product_key=self.world.product.product_key,
            target_selection=target.selection,
            src_versions=target.sources,
            device_names=() if target.in_file else target.names,
            name_list=self._name_list(target.names) if target.in_file else None,
            gray_percent=target.percent if target.selection == "GRAY" else None,
            group_id=group,
            group_type=group and GroupType.STATIC,
            schedule_at=start,
            finish_at=finish,
            options=job_options(options),
        )

        def make() -> JobRecord:
            return jobs.create_static(
                self.world.tx, new, instance_id=self.world.instance.id, limits=LIMITS, now=self.now
            )

        self._create(make, lambda: self.model.create_static(package, target, options, self.now))

    @precondition(lambda self: len(self.jobs) < MOST_JOBS)
    @rule(package=packages, policy=policies, options=options)
    def create_dynamic_job(self, package: Package, policy: Policy, options: Options) -> None:
        self.tick(1)
        group = self.groups[policy.group].group_id if policy.group else None
        new = NewDynamicJob(
            firmware_id=self.firmware[package],
            product_key=self.world.product.product_key,
            src_versions=policy.sources,
            group_id=group,
            group_type=group and GroupType.DYNAMIC,
            dynamic_mode=2 if policy.later_only else 1,
            options=job_options(options),
        )

        def make() -> JobRecord:
            return jobs.create_dynamic(
                self.world.tx, new, instance_id=self.world.instance.id, limits=LIMITS, now=self.now
            )

        self._create(make, lambda: self.model.create_dynamic(package, policy, options, self.now))

    def _create(self, real: Callable[[], JobRecord], modelled: Callable[[], object]) -> None:
        self.same_refusal(lambda: self.jobs.append(real()), modelled)

    def _name_list(self, names: Sequence[str]) -> NameList:
        data = "\n".join(names).encode()
        key = object_key_of(self.world.make_object(size=len(data)))
        assert key is not None
        self.files[key] = data
        return NameList(key, len(data), data)

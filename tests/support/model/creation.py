"""New jobs (control-plane reference §5.6, §5.7): who gets a task, and what is refused."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

from tests.support.model.base import Base
from tests.support.model.records import Job, Options, Package, Policy, Target
from tests.support.model.words import (
    ALL,
    AT_TARGET,
    CANNOT_VERIFY,
    DYNAMIC,
    DYNAMIC_JOB_RUNS,
    GRAY,
    GROUP,
    IN_PROGRESS,
    MANY_SOURCES,
    NO_DEVICE,
    NO_SOURCES,
    NOT_NEEDED,
    NOT_VERIFIED,
    NOT_VERSIONED,
    OTHER_OVERWRITE_MODE,
    OTHER_SOURCE,
    PLANNED,
    SOURCE_IS_TARGET,
    SOURCES_NOT_ALLOWED,
    SPECIFIC,
    STATIC,
    VERIFIED,
    VERIFY,
    VERIFY_JOB_RUNS,
    VERIFYING,
    WRONG_SOURCE,
    RefusedError,
)


class Creation(Base):
    """Makes jobs."""

    def create_verify(self, package: Package, names: Sequence[str], options: Options, now: int) -> Job:
        """CreateOTAVerifyJob: the package is under verification until the job has ended."""
        if any(job.package == package and job.kind == VERIFY and job.status == IN_PROGRESS for job in self.jobs):
            raise RefusedError(VERIFY_JOB_RUNS)
        if self.status_of(package) in {VERIFIED, NOT_NEEDED}:
            raise RefusedError(CANNOT_VERIFY)
        self._check_named(package, names)
        job = Job(package, options, IN_PROGRESS, VERIFY, Target(SPECIFIC, tuple(names)))
        self.verification[package] = VERIFYING
        return self._begin(job, names, now)

    def create_static(self, package: Package, target: Target, options: Options, now: int) -> Job:
        """CreateOTAStaticUpgradeJob: for the devices of the moment, or for those of the start."""
        self._check_verified(package)
        self._check_sources(package, target)
        job = Job(package, options, IN_PROGRESS if target.start_at is None else PLANNED, STATIC, target)
        if target.selection == SPECIFIC:
            chosen = self._listed(package, target) if target.in_file else self._check_named(package, target.names)
        elif target.start_at is None:
            chosen = self._chosen(job)
        else:
            return self._begin(job, [], now)
        if not chosen and len(target.names) <= self.portion:
            raise RefusedError(NO_DEVICE)
        return self._begin(job, chosen, now)

    def create_dynamic(self, package: Package, policy: Policy, options: Options, now: int) -> Job:
        """CreateOTADynamicUpgradeJob: for devices that match now, and for those that report later."""
        self._check_verified(package)
        if policy.group is None and not policy.sources:
            raise RefusedError(NO_SOURCES)
        running = [job for job in self.jobs if job.kind == DYNAMIC and job.status == IN_PROGRESS]
        self._check_group(policy, options, running)
        if any(job.package == package for job in running):
            raise RefusedError(DYNAMIC_JOB_RUNS)
        self._check_source_versions(package, policy.sources)
        job = Job(package, options, IN_PROGRESS, DYNAMIC, policy=policy)
        chosen = [] if policy.later_only else [name for name in self.devices if self.is_for(job, name)]
        return self._begin(job, chosen, now)

    def is_for(self, job: Job, name: str) -> bool:
        """True when a dynamic job is for what the device runs now."""
        policy = job.policy
        assert policy is not None
        if not self._can_update(name, job.package):
            return False
        if policy.group is not None:
            return name in self.groups[policy.group]
        return self.devices[name].versions[job.package.module] in policy.sources

    def select_at_start(self, job: Job, now: int) -> None:
        """ScheduleTime has come (§12, 9): the devices of this moment. Without one to update the job is complete."""
        job.selecting = False
        if job.target.selection != SPECIFIC:
            self._add_tasks(job, self._chosen(job), now)
        self._close_finished(now)

    # --- inside

    def _begin(self, job: Job, chosen: Sequence[str], now: int) -> Job:
        self.jobs.append(job)
        self._add_tasks(job, chosen, now)
        self._close_finished(now)
        return job

    def _check_verified(self, package: Package) -> None:
        if self.status_of(package) not in {NOT_NEEDED, VERIFIED}:
            raise RefusedError(NOT_VERIFIED)

    def _check_sources(self, package: Package, target: Target) -> None:
        if target.sources and target.selection in {SPECIFIC, GROUP}:
            raise RefusedError(SOURCES_NOT_ALLOWED)
        self._check_source_versions(package, target.sources)

    @staticmethod
    def _check_group(policy: Policy, options: Options, running: Iterable[Job]) -> None:
        """§5.7 MultiModuleMode: the dynamic jobs of a group treat older tasks alike."""
        for job in running:
            same = (job.options.overwrite, job.options.multi_module) == (options.overwrite, options.multi_module)
            if policy.group is not None and job.policy and job.policy.group == policy.group and not same:
                raise RefusedError(OTHER_OVERWRITE_MODE)

    @staticmethod
    def _check_source_versions(package: Package, sources: Sequence[str]) -> None:
        if package.version in sources:
            raise RefusedError(SOURCE_IS_TARGET)
        if package.source is not None and len(sources) > 1:
            raise RefusedError(MANY_SOURCES)
        if package.source is not None and sources and sources[0] != package.source:
            raise RefusedError(OTHER_SOURCE)

    def _check_named(self, package: Package, names: Sequence[str]) -> Sequence[str]:
        versions = [self.devices[name].versions.get(package.module) for name in names]
        if None in versions:
            raise RefusedError(NOT_VERSIONED)
        if package.version in versions:
            raise RefusedError(AT_TARGET)
        if package.source is not None and set(versions) != {package.source}:
            raise RefusedError(WRONG_SOURCE)
        return names

    def _listed(self, package: Package, target: Target) -> Sequence[str]:
        """§5.7 DnListFileUrl: what is unknown, or needs no update, is passed over."""
        known = dict.fromkeys(name for name in target.names if name in self.devices)
        return [name for name in known if self._can_update(name, package)]

    def _chosen(self, job: Job) -> Sequence[str]:
        """The devices of ALL, GRAY and GROUP as they are now; those that need no update are passed over."""
        package, target = job.package, job.target
        fitting = [
            name
            for name, device in self.devices.items()
            if self._can_update(name, package)
            and (not target.sources or device.versions[package.module] in target.sources)
        ]
        if target.selection == GROUP:
            return [name for name in fitting if name in self.groups[target.group]]
        if target.selection == GRAY:
            return self._share(job, fitting)
        assert target.selection == ALL
        return fitting

    def _share(self, job: Job, fitting: Sequence[str]) -> Sequence[str]:
        """Of n devices floor(n * p / 100), but one at least, spread evenly over the fleet; which ones is not ruled."""
        if not fitting:
            return []
        assert self.gray_choice is not None
        chosen = self.gray_choice(job)
        share = Fraction(job.target.percent) / 100
        wanted = max(1, int(len(fitting) * share))
        assert set(chosen) <= set(fitting)
        assert len(chosen) == wanted, f"{wanted} of {fitting}, not {chosen}"
        if len(fitting) * share >= 1:
            for end in range(len(fitting)):
                taken = len(set(chosen) & set(fitting[:end]))
                assert abs(taken - end * share) < 1, f"{chosen} is not even over {fitting}"
        return [name for name in fitting if name in chosen]

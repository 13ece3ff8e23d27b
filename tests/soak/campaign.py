"""What an application and an operator do all day: a package, a job for it, a change of mind, the next one.

A call is repeated until it is answered: whoever answers may be dead just now. What was made by a call whose answer was
lost is looked for before it is made again.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeVar

import requests
from Tea.exceptions import TeaException

from tests.support.api import Application, BusinessError, GatewayError, items
from tests.support.updating import CONTENT

_PATIENCE_SECONDS: Final = 180
_SERVER_ERROR: Final = 500
_NAMES_AT_ONCE: Final = 200
_TASKS_AT_ONCE: Final = 10
T = TypeVar("T")


class Campaign:
    """Jobs for one product, one after the other.

    Attributes:
        jobs: the JobId of each job by the version that it brings.
        done: how often each thing was done.
    """

    def __init__(self, api: Application, product: str, names: Sequence[str], dice: Random) -> None:
        self.jobs: dict[str, str] = {}
        self.done: Counter[str] = Counter()
        self._api = api
        self._product = product
        self._names = names
        self._dice = dice

    def round(self) -> None:
        """One version goes out, and is meddled with."""
        version = f"2.0.{len(self.jobs)}"
        package = self._answered(lambda: self._package(version))
        job = self._answered(lambda: self._job(package, version))
        self.jobs[version] = job
        meddling = (self._cancel_some, self._pause, self._confirm, self._rerun, self._cancel_the_rest)
        for _ in range(self._dice.randint(2, 4)):
            time.sleep(self._dice.uniform(1, 5))
            self._try(self._dice.choices(meddling, weights=(4, 2, 4, 3, 1))[0], package, job)

    def finish(self) -> None:
        """Confirms what waits for it: nothing else is needed for every task to end."""
        for job in self.jobs.values():
            while self._answered(lambda job=job: self._api.count(job, "CONFIRM")):  # type: ignore[misc]
                self._try(self._confirm, "", job)

    def unfinished(self) -> dict[str, dict[str, int]]:
        """The jobs that have not ended, with their tasks by state."""
        found: dict[str, dict[str, int]] = {}
        for job in self.jobs.values():
            if self._answered(lambda job=job: self._api.job_status(job)) == "IN_PROGRESS":  # type: ignore[misc]
                states = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS")
                found[job] = {
                    state: self._answered(lambda job=job, state=state: self._api.count(job, state))  # type: ignore[misc]
                    for state in states
                }
        return found

    def _package(self, version: str) -> str:
        for known in self._packages(version):
            return str(known["FirmwareId"])
        return self._api.create_package(self._product, CONTENT, version, NeedToVerify=False)

    def _packages(self, version: str) -> list[dict[str, Any]]:
        listed = self._api.call(
            "ListOTAFirmware", ProductKey=self._product, DestVersion=version, CurrentPage=1, PageSize=10
        )
        return items(listed["FirmwareInfo"], "FirmwareInfo")

    def _job(self, package: str, version: str) -> str:
        listed = self._api.call("ListOTAJobByFirmware", FirmwareId=package, CurrentPage=1, PageSize=10)
        for known in items(listed["Data"], "SimpleOTAJobInfo"):
            return str(known["JobId"])
        dice = Random(version)
        options: dict[str, Any] = {"OverwriteMode": dice.choice((1, 2, 2)), "NeedConfirm": dice.random() < 0.2}
        if dice.random() < 0.3:
            options |= {"RetryInterval": 0, "RetryCount": 2}
        if dice.random() < 0.3:
            options["MaximumPerMinute"] = max(10, len(self._names) * 4)
        some = dice.random() < 0.3
        names = dice.sample(self._names, min(len(self._names) // 2, _NAMES_AT_ONCE)) if some else ()
        job = self._api.create_job(package, self._product, names, **options)
        self.done["job for some" if some else "job for all"] += 1
        return job

    def _cancel_some(self, package: str, job: str) -> None:
        names = self._dice.sample(self._names, min(len(self._names) // 5, _NAMES_AT_ONCE))
        which = {"JobId": job} if self._dice.random() < 0.5 else {}
        self._api.call("CancelOTATaskByDevice", ProductKey=self._product, FirmwareId=package, DeviceName=names, **which)

    def _cancel_the_rest(self, _package: str, job: str) -> None:
        self._api.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True, CancelNotifiedTask=True)

    def _pause(self, _package: str, job: str) -> None:
        self._api.call("PauseOTAJob", JobId=job, Reason="a look at the first devices")
        time.sleep(self._dice.uniform(0, 3))
        self._answered(lambda: self._resume(job))

    def _resume(self, job: str) -> None:
        try:
            self._api.call("ResumeOTAJob", JobId=job)
        except BusinessError as error:
            if error.code not in {"skyferry.JobIsNotPaused", "skyferry.JobHasEnded"}:
                raise

    def _confirm(self, _package: str, job: str) -> None:
        if waiting := self._tasks(job, "CONFIRM"):
            self._api.call("ConfirmOTATask", TaskId=waiting)

    def _rerun(self, _package: str, job: str) -> None:
        if failed := self._tasks(job, "FAILED"):
            self._api.call("ReupgradeOTATask", JobId=job, TaskId=failed)

    def _tasks(self, job: str, state: str) -> list[str]:
        page = self._api.call("ListOTATaskByJob", JobId=job, TaskStatus=state, CurrentPage=1, PageSize=_TASKS_AT_ONCE)
        return [str(task["TaskId"]) for task in items(page["Data"], "SimpleOTATaskInfo")]

    def _try(self, meddle: Callable[[str, str], None], package: str, job: str) -> None:
        """A call that comes too late is refused, as it should be."""
        try:
            self._answered(lambda: meddle(package, job))
        except BusinessError as error:
            self.done[f"{meddle.__name__} refused: {error.code}"] += 1
        else:
            self.done[meddle.__name__] += 1

    def _answered(self, call: Callable[[], T]) -> T:
        """Repeats a call until a living process has answered it."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return call()
            except (TeaException, requests.RequestException, OSError) as error:
                problem: Exception = error
            except GatewayError as error:
                if error.status is not None and int(error.status) < _SERVER_ERROR:
                    raise
                problem = error
            assert time.monotonic() < end, f"no answer for {_PATIENCE_SECONDS} s: {problem}"
            self.done["call repeated"] += 1
            time.sleep(0.5)

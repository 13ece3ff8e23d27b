"""The table of states as a whole: applications through the SDK, devices over MQTT, against a model of it."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support import model
from tests.support.api import Application, BusinessError, Device
from tests.support.model import Model, Options, Package, RefusedError, Target
from tests.support.server import Server, wait_until

NAMES: Final = ("device-1", "device-2", "device-3")
PUSH_DELAY_MS: Final = 600_000
"""As the scenarios' server is set: a device is pushed to after its version report, not after a delay."""

names = st.sampled_from(NAMES)
some_names = st.lists(names, min_size=1, unique=True)
packages = st.sampled_from([Package("2.0.0"), Package("3.0.0")])
options = st.builds(
    Options, overwrite=st.sampled_from([1, 2]), push=st.booleans(), confirm=st.sampled_from([False, False, True])
)


class Outside(RuleBasedStateMachine):
    """One product with three devices; what the API says must be what the model says, after every step."""

    def __init__(self, make_fleet: Callable[[ExitStack], Fleet]) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.fleet = make_fleet(self.stack)
        self.now = 0
        self.model = Model(connect_delay=PUSH_DELAY_MS, repush_after=PUSH_DELAY_MS, backoff=0)
        self.online: dict[str, ScriptedDevice] = {}
        self.jobs: list[str] = []
        self.devices: dict[str, Device] = {}
        self.firmware = {
            package: self.fleet.package(package.version) for package in (Package("2.0.0"), Package("3.0.0"))
        }
        for name in NAMES:
            self.devices[name] = self.fleet.device(name)
            self.model.devices[name] = model.Device({"default": "1.0.0"})

    def teardown(self) -> None:
        self.stack.close()

    # --- the application

    @precondition(lambda self: len(self.jobs) < 5)
    @rule(package=packages, chosen=st.one_of(st.just([]), some_names), chosen_options=options)
    def create_job(self, package: Package, chosen: Sequence[str], chosen_options: Options) -> None:
        def make() -> None:
            job = self.fleet.job(
                self.firmware[package],
                [self.devices[name] for name in chosen],
                OverwriteMode=chosen_options.overwrite,
                NeedPush=chosen_options.push,
                NeedConfirm=chosen_options.confirm,
            )
            self.jobs.append(job)

        target = Target("SPECIFIC", names=tuple(chosen)) if chosen else Target()
        self.same_refusal(make, lambda: self.model.create_static(package, target, chosen_options, self.now))
        self.settle()

    @rule(package=packages, chosen=some_names, number=st.none() | st.integers(0, 4))
    def cancel(self, package: Package, chosen: Sequence[str], number: int | None) -> None:
        job = self.model.jobs[number] if number is not None and number < len(self.jobs) else None
        narrowed = {} if job is None or number is None else {"JobId": self.jobs[number]}
        package = job.package if job else package
        self.same_refusal(
            lambda: self.fleet.cancel(self.firmware[package], [*chosen, "nobody"], **narrowed),
            lambda: self.model.cancel(package, chosen, job, self.now),
        )
        self.settle()

    # --- the devices

    @rule(name=names)
    def connect_and_report(self, name: str) -> None:
        """Also on top of an older connection, which ends."""
        version = self.model.devices[name].versions["default"]
        self.online[name] = self.fleet.connect(self.devices[name], version)
        self.model.connect(name, self.now)
        self.now += 1
        self.model.report_version(name, "default", version, self.now)
        self.settle()

    @precondition(lambda self: self.online)
    @rule(name=names)
    def disconnect(self, name: str) -> None:
        if name in self.online:
            self.online.pop(name).close()
            self.model.disconnect(name)
            self.fleet.wait_for_status(self.devices[name], "OFFLINE")
            self.settle()

    @precondition(lambda self: self.online)
    @rule(name=names, version=st.sampled_from(["0.9.0", "1.0.0", "2.0.0", "3.0.0"]))
    def report_version(self, name: str, version: str) -> None:
        if name in self.online:
            self.online[name].say_version(version)
            self.model.report_version(name, "default", version, self.now)
            self.settle()

    @precondition(lambda self: self.online)
    @rule(name=names, step=st.sampled_from([0, 50, 100, -1, -4]))
    def report_progress(self, name: str, step: int) -> None:
        if name in self.online:
            self.online[name].say_progress(step)
            self.model.report_progress(name, None, step, self.now)
            self.settle()

    @precondition(lambda self: self.online)
    @rule(name=names)
    def pull(self, name: str) -> None:
        if name in self.online:
            offered = self.online[name].pull()["data"]
            expected = self.model.pull(name, None, self.now)
            assert offered.get("version") == (expected.version if expected else None)
            self.settle()

    # --- inside

    def settle(self) -> None:
        """Lets the server and the model send what is due, and compares all that the API tells."""
        pushed = [(task.device, task.job.package.version) for task in self.model.dispatch(self.now)]
        wait_until(self.is_as_modelled, interval=0.02, what=f"{[job.states for job in self.model.jobs]}")
        assert sorted(self.pushes(at_least=len(pushed))) == sorted(pushed)
        assert all(len(found) == 1 for found in self.model.open_tasks().values())
        self.now += 1

    def pushes(self, *, at_least: int) -> list[tuple[str, str]]:
        """What the devices were told: a notice that is sent again changes no state for which one could wait."""
        got: list[tuple[str, str]] = []

        def are_here() -> bool:
            got.extend(
                (name, push["data"]["version"]) for name, device in self.online.items() for push in device.pushes()
            )
            return len(got) >= at_least

        wait_until(are_here, interval=0.02, what=f"{at_least} notices")
        return got

    def is_as_modelled(self) -> bool:
        return all(
            self.fleet.api.call("QueryOTAJob", JobId=job)["Data"]["JobStatus"] == expected.status
            and {task["DeviceName"]: task["TaskStatus"] for task in self.fleet.api.tasks(job)} == expected.states
            for job, expected in zip(self.jobs, self.model.jobs, strict=True)
        )

    def same_refusal(self, real: Callable[[], object], modelled: Callable[[], object]) -> None:
        """Both do it, or both refuse it for the same reason."""
        expected = code = None
        try:
            modelled()
        except RefusedError as error:
            expected = error.code
        try:
            real()
        except BusinessError as error:
            code = error.code
        assert code == expected


def test_the_server_and_the_model_agree(server: Server, api: Application, file_url: str) -> None:
    """Control-plane reference §7 and §6.10, device-plane reference §3."""
    run_state_machine_as_test(
        # A function that makes the machine does as well as its class.
        cast("type[Outside]", lambda: Outside(lambda stack: Fleet(server, api, file_url, stack))),
        settings=settings(
            max_examples=8,
            stateful_step_count=25,
            deadline=None,
            database=None,
            # A shrunk example would cost more runs than reading the long one.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

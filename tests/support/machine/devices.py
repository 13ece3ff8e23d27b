"""Rules of the machine in which devices speak, time passes, and the worker sends."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import rule

from skyferry.bus.messages import (
    Connected,
    DisconnectDevice,
    Disconnected,
    Notice,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    PullForm,
    Report,
    VersionReported,
)
from skyferry.ota import reports
from skyferry.scheduler.recovery import recover, tell_departures
from tests.support.machine.base import LIMITS, MODULES, VERSIONS, Base, Offer, modules, names
from tests.support.model import Device

said = st.one_of(
    st.tuples(st.sampled_from(["connect", "disconnect", "stale", "lost"]), names),
    st.tuples(st.just("version"), names, modules, st.sampled_from([*VERSIONS, "2.1.0", "2.5.0", "0.9.0"])),
    st.tuples(st.just("progress"), names, st.sampled_from([None, *MODULES]), st.sampled_from([-2, 0, 50, 100])),
    st.tuples(st.just("pull"), names, st.sampled_from([None, *MODULES])),
)

Said = tuple[str | int | None, ...]
"""What happens, to which device, and more."""


class Speaking(Base):
    """Devices, several of them in one batch."""

    @rule(batch=st.lists(said, min_size=1, max_size=5))
    def devices_say(self, batch: Sequence[Said]) -> None:
        self.tick(1)
        began = self.now
        found: list[Report] = []
        expected: list[Offer] = []
        for kind, name, *rest in batch:
            self.tick(1, chores=False)
            if name in self.devices:
                assert isinstance(kind, str)
                self._say(kind, name, rest, found, expected)
        if not found:
            return
        self.model.settle(self.now)
        self.model.store_ends(began, self.now)
        answers, due = reports.apply(self.world.tx, found, limits=LIMITS, maker=self.world.maker, now=self.now)
        notices = [answer for answer in answers if isinstance(answer, Notice)]
        others = [answer for answer in answers if answer not in notices]
        assert all(isinstance(each, DisconnectDevice) and each.connection_id for each in others), others
        assert sorted(self.offers(notices)) == sorted(expected)
        # The worker is woken for what is due; it may be for less.
        concerned = {report.device_id for report in found}
        waiting = [task for task in self.model.due(self.now) if self.devices[task.device].id in concerned]
        assert due or not waiting, f"nobody is woken for {waiting}"

    @rule(name=names)
    def connects_and_reports(self, name: str) -> None:
        """What nearly every device does first."""
        self._speak(name, [("connect", name)])

    @rule(name=names, module=modules, step=st.sampled_from([0, 30, 100]))
    def progresses(self, name: str, module: str, step: int) -> None:
        self._speak(name, [("progress", name, self._named_by(name, module), step)])

    @rule(name=names, module=modules)
    def fails(self, name: str, module: str) -> None:
        self._speak(name, [("progress", name, self._named_by(name, module), -1)])

    @rule(name=names, module=modules)
    def succeeds(self, name: str, module: str) -> None:
        for task in self.model.open_tasks().get((name, module), []):
            self._speak(name, [("version", name, module, task.job.package.version)])

    @rule(name=names, module=modules, again=st.booleans())
    def goes_back(self, name: str, module: str, *, again: bool) -> None:
        """To a version from before, or to one of which nobody knows."""
        self._speak(name, [("version", name, module, "1.0.0" if again else "0.9.0")])

    @rule(name=names, module=modules)
    def asks(self, name: str, module: str) -> None:
        self._speak(name, [("pull", name, self._named_by(name, module))])

    @rule(names=st.lists(names, unique=True, max_size=2))
    def restart(self, names: Sequence[str]) -> None:
        """The server ends, and begins again on what it has stored; some devices come back at once."""
        after: int | None = 0
        while after is not None:
            after = tell_departures(self.world.tx, self.now, after=after, most=2)
        recover(self.world.tx, self.now)
        self.model.restart()
        for name in names:
            self.connects_and_reports(name)

    # --- time

    @rule(ms=st.sampled_from([1, 5_000, 60_000, 600_000, 3_600_000]))
    def time_passes(self, ms: int) -> None:
        self.tick(ms)

    @rule(short=st.sampled_from([0, 0, 1]))
    def until_something_is_due(self, short: int) -> None:
        """To the next moment that the rules know of, or just before it."""
        moments = [moment - short for moment in self.model.moments() if moment - short > self.now]
        if moments:
            self.tick(min(moments) - self.now)
            self.dispatch()

    @rule()
    def dispatch(self) -> None:
        self.tick(1)
        expected = [(task.device, task.module, task.job.package.version) for task in self.model.dispatch(self.now)]
        assert sorted(self.offers(self.world.dispatch())) == sorted(expected)

    # --- inside

    def _speak(self, name: str, batch: Sequence[Said]) -> None:
        """The device says this; before that it connects and tells its versions, if it is offline."""
        if name not in self.devices:
            return
        device = self.model.devices[name]
        versions = [("version", name, module, version) for module, version in sorted(device.versions.items())]
        if batch[0][0] == "connect":
            batch = [*batch, *versions]
        elif not device.online:
            batch = [("connect", name), *versions, *batch]
        self.devices_say(batch)

    def _named_by(self, name: str, module: str) -> str | None:
        """How a device names a module: the default one, and the only one in question, it need not."""
        return None if module == "default" or len(self.model.devices.get(name, Device()).versions) == 1 else module

    def _say(self, kind: str, name: str, rest: Sequence[object], found: list[Report], expected: list[Offer]) -> None:
        device, state, now = self.devices[name].id, self.model.devices[name], self.now
        match kind, rest:
            case "connect", _:
                self.model.connect(name, now)
                found.append(Connected(device, f"c{state.connection}", "127.0.0.1", now))
            case "stale", _ if state.connection > 1:
                found.append(Disconnected(device, f"c{state.connection - 1}", now))
            case _ if not state.online:
                pass
            case "disconnect", _:
                self.model.disconnect(name)
                found.append(Disconnected(device, f"c{state.connection}", now))
            case "lost", _:
                found += self._lose_pushes(name)
            case "version", [str(module), str(version)]:
                self.model.report_version(name, module, version, now)
                found.append(VersionReported(device, module, version, now))
            case "progress", [str() | None as module, int(step)]:
                self.model.report_progress(name, module, step, now)
                found.append(ProgressReported(device, module, step, "", now))
            case "pull", [str() | None as module]:
                package = self.model.pull(name, module, now)
                found.append(PackageRequested(device, PullForm.GET, "1", module, None, now))
                expected += [(name, package.module, package.version)] if package else []

    def _lose_pushes(self, name: str) -> list[Report]:
        lost: list[Report] = []
        for (device, _), [task] in self.model.open_tasks().items():
            if device == name:
                self.model.lose_push(task)
                lost.append(NoticeUndelivered(self.devices[name].id, self.row_of(task).key, self.now))
        return lost

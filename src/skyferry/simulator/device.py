"""One simulated device: it connects, reports its version, installs what it is offered and comes back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from skyferry.devices import topics
from skyferry.simulator import payloads
from skyferry.simulator.behaviour import Behaviour, Fate, Plan, Pull
from skyferry.simulator.download import Link, download
from skyferry.simulator.identity import DeviceIdentity
from skyferry.simulator.mqtt import Connection, ConnectionFailedError, ConnectionRefusedByServerError
from skyferry.simulator.payloads import Notice, NoticeError
from skyferry.simulator.stream import SCHEME, StreamSource
from skyferry.simulator.tally import DeviceState, Tally
from skyferry.simulator.transfer import (
    ConnectionBrokenError,
    DigestMismatchError,
    FileSpec,
    ResponseRefusedError,
    SizeMismatchError,
    Source,
)

WRONG_VERSION = "0.0.0-unexpected"
"""What a device reports that came back with neither its old version nor the target."""

_REPORTED = {Fate.FAIL_UPGRADE: -1, Fate.FAIL_DOWNLOAD: -2, Fate.FAIL_VERIFY: -3, Fate.FAIL_FLASH: -4}
_DESCRIPTIONS = {-1: "upgrade failed", -2: "download failed", -3: "verification failed", -4: "flashing failed"}
_MIN_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the devices of a fleet share.

    Attributes:
        host: of the MQTT server.
        port: of the MQTT server.
        source: how files are fetched.
        connecting: how many devices connect at the same time.
        downloading: how many devices download at the same time.
        tally: what is counted.
    """

    host: str
    port: int
    source: Source
    connecting: asyncio.Semaphore
    downloading: asyncio.Semaphore
    tally: Tally


class _HalfWayError(Exception):
    """The download has come to the point at which the dice stop it."""


class SimulatedDevice:
    """A device.

    Attributes:
        identity: who it is.
        behaviour: how it behaves.
        version: what it runs, and reports at every connection.
        installed: the versions that it has come to by updates, in this order.
        state: where it is.
    """

    def __init__(self, identity: DeviceIdentity, behaviour: Behaviour, surroundings: Surroundings) -> None:
        self.identity = identity
        self.behaviour = behaviour
        self.version = behaviour.initial_version
        self.installed: list[str] = []
        self.state = DeviceState.OFFLINE
        self._surroundings = surroundings
        self._tally = surroundings.tally
        self._tally.states[self.state] += 1
        self._tally.versions[self.version] += 1
        self._connection: Connection | None = None
        self._session = 0
        self._installing: str | None = None
        self._update_session = 0
        self._attempts: Counter[str] = Counter()
        self._unreported: Fate | None = None
        self._gone = False
        self._hangs_up = False
        self._message_id = 0
        self._stream = StreamSource(lambda request: self._say(topics.FILE_DOWNLOAD, request))

    async def run(self) -> None:
        """Lives until it is cancelled, or until the dice take it offline for good."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._live()
        finally:
            if self._connection is not None:
                await self._connection.close()
            self._enter()

    async def restart(self) -> None:
        """Closes the connection; the device comes back after `reconnect_seconds` with the version that it has then."""
        if self._connection is not None:
            self._hangs_up = True
            await self._connection.close()

    async def _live(self) -> None:
        await asyncio.sleep(self.behaviour.start_delay(self.identity))
        failures = 0
        while not self._gone:
            pause = self.behaviour.reconnect_seconds
            if await self._connect():
                failures = 0
                self._enter()
                await self._converse()
                self._enter()
            else:
                pause = min(max(pause, _MIN_RETRY_SECONDS) * 2**failures, self.behaviour.retry_most_seconds)
                failures = min(failures + 1, 10)
            if not self._gone:
                await asyncio.sleep(pause)

    async def _connect(self) -> bool:
        style = self.behaviour.connect
        async with self._surroundings.connecting:
            self._session += 1
            self._hangs_up = False
            self._connection = Connection(
                style.credentials(self.identity), clean_session=style.clean_session, on_message=self._hear
            )
            try:
                await self._connection.open(self._surroundings.host, self._surroundings.port, style.keepalive_seconds)
            except ConnectionRefusedByServerError as error:
                self._tally.refusals[error.code] += 1
            except ConnectionFailedError:
                self._tally.unreachable += 1
            else:
                self._tally.connects += 1
                return True
            self._connection = None
            return False

    async def _converse(self) -> None:
        """Says what a device says after its start, then waits for the end of the connection."""
        assert self._connection is not None
        if self.behaviour.subscribe:
            names = (topics.UPGRADE, topics.FIRMWARE_GET_REPLY, topics.REQUEST)
            granted = await self._connection.subscribe([self.identity.topic(name) for name in names])
            self._tally.refused_subscriptions += not granted
        self._report_version()
        self._pull()
        await self._connection.lost.wait()
        self._tally.losses += not self._hangs_up
        self._connection = None

    def _report_version(self) -> None:
        report = payloads.inform(self._next_id(), self.version, self.behaviour.module)
        self._say(topics.INFORM, report, self.behaviour.report_qos)
        self._tally.reports += 1
        self._tally.updates += self._unreported is Fate.SUCCEED
        self._tally.wrong_versions += self._unreported is Fate.WRONG_VERSION
        self._unreported = None

    def _pull(self) -> None:
        match self.behaviour.pull:
            case Pull.GET:
                self._say(topics.FIRMWARE_GET, payloads.firmware_get(self._next_id(), self.behaviour.module))
            case Pull.REQUEST:
                self._say(topics.REQUEST, payloads.older_request(self._next_id(), self.version), qos=1)

    def _hear(self, topic: str, payload: bytes) -> None:
        if topic == self.identity.topic(topics.FILE_DOWNLOAD_REPLY):
            self._stream.hear(payload)
            return
        is_push = topic == self.identity.topic(topics.UPGRADE)
        try:
            if is_push:
                self._tally.pushes += 1
                notice: Notice | None = payloads.parse_push(payload)
            elif topic == self.identity.topic(topics.FIRMWARE_GET_REPLY):
                self._tally.pull_replies += 1
                notice = payloads.parse_pull_reply(payload)
            elif topic == self.identity.topic(topics.REQUEST) and not payloads.is_own_request(payload):
                self._tally.pull_replies += 1
                notice = payloads.parse_request_answer(payload)
            else:
                return
            if notice is not None:
                self._consider(notice, is_push=is_push)
        except NoticeError as error:
            self._tally.bad_messages += 1
            self._complain(str(error))

    def _consider(self, notice: Notice, *, is_push: bool) -> None:
        if notice.module != self.behaviour.module:
            raise NoticeError(f"A package for module {notice.module} came to a device of {self.behaviour.module}.")
        if self._installing is None:
            if notice.version == self.version:
                raise NoticeError(f"Offered {notice.version}, which the device runs already.")
            self._installing, self._update_session = notice.version, self._session
            self._tasks.create_task(self._update(notice))
        elif is_push and notice.version == self._installing and self._update_session == self._session:
            self._tally.duplicate_pushes += 1
            self._complain(f"Pushed {notice.version} again during its installation.")
        elif is_push:
            self._tally.overlapping_pushes += 1

    async def _update(self, notice: Notice) -> None:
        self._attempts[notice.version] += 1
        plan = self.behaviour.plan(self.identity, notice.version, self._attempts[notice.version])
        self._enter()
        try:
            failure = await self._install(notice, plan)
        finally:
            self._installing = None
            self._enter()
        if failure is not None:
            self._tally.failures[failure] += 1
            self._report_progress(failure, _DESCRIPTIONS[failure])
        elif plan.fate in (Fate.SUCCEED, Fate.WRONG_VERSION):
            self._run_version(WRONG_VERSION if plan.fate is Fate.WRONG_VERSION else notice.version)
            self._unreported = plan.fate
            await self.restart()
        elif plan.fate in (Fate.VANISH, Fate.POWER_CUT):
            self._gone = plan.fate is Fate.VANISH
            await self.restart()
            self._enter()

    async def _install(self, notice: Notice, plan: Plan) -> int | None:
        """Plays an update up to the restart; returns the failure that the device then reports, if any."""
        if plan.fate in (Fate.IGNORE, Fate.FAIL_UPGRADE):
            return _REPORTED.get(plan.fate)
        try:
            async with self._surroundings.downloading:
                for number, file in enumerate(notice.files):
                    await self._download(file, plan, f"{notice.version}-{number}")
        except _HalfWayError:
            return _REPORTED.get(plan.fate)
        except (ConnectionBrokenError, ResponseRefusedError) as error:
            self._tally.http_errors += 1
            self._complain(str(error))
            return _REPORTED[Fate.FAIL_DOWNLOAD]
        except (DigestMismatchError, SizeMismatchError) as error:
            self._tally.digest_failures += 1
            self._complain(str(error))
            return _REPORTED[Fate.FAIL_VERIFY]
        if plan.fate is not Fate.FAIL_VERIFY:
            await asyncio.sleep(self.behaviour.install_seconds)
        return _REPORTED.get(plan.fate)

    async def _download(self, file: FileSpec, plan: Plan, name: str) -> None:
        if self.behaviour.report_progress:
            self._report_progress(0, "")
        stops = plan.fate in (Fate.FAIL_DOWNLOAD, Fate.VANISH, Fate.POWER_CUT)
        with ExitStack() as stack:
            resumes = await download(
                self._stream if file.url.startswith(SCHEME) else self._surroundings.source,
                file,
                link=Link(self.behaviour.bytes_per_second),
                break_at=file.size // 2 if plan.breaks_download else None,
                sink=self._open_sink(stack, name),
                on_progress=self._watch(file.size, stops_half_way=stops),
            )
        self._tally.resumes += resumes
        self._tally.downloads += 1

    def _open_sink(self, stack: ExitStack, name: str) -> Callable[[bytes], object] | None:
        if self.behaviour.download_dir is None:
            return None
        path = self.behaviour.download_dir / f"{self.identity.device_name}-{name}.bin"
        return stack.enter_context(path.open("wb")).write

    def _watch(self, size: int, *, stops_half_way: bool) -> Callable[[int], None]:
        """Follows one file's download: counts, reports percentages, and stops where the dice say so."""
        steps = self.behaviour.progress_steps
        seen = step = 0

        def on_progress(received: int) -> None:
            nonlocal seen, step
            self._tally.downloaded_bytes += received - seen
            seen = received
            if stops_half_way and received * 2 >= size:
                raise _HalfWayError
            while self.behaviour.report_progress and step < steps and received * steps >= size * (step + 1):
                step += 1
                self._report_progress(100 * step // steps, "")

        return on_progress

    def _run_version(self, version: str) -> None:
        self._tally.versions[self.version] -= 1
        self.version = version
        self.installed.append(version)
        self._tally.versions[version] += 1

    def _report_progress(self, step: int, description: str) -> None:
        report = payloads.progress(self._next_id(), step, description, self.behaviour.module)
        self._say(topics.PROGRESS, report)

    def _say(self, topic: str, payload: bytes, qos: int = 0) -> None:
        if self._connection is not None:
            self._connection.publish(self.identity.topic(topic), payload, qos)

    def _complain(self, sentence: str) -> None:
        self._tally.complain(f"{self.identity.device_name}: {sentence}")

    def _next_id(self) -> int:
        self._message_id += 1
        return self._message_id

    def _enter(self) -> None:
        """Notes the state that follows from the connection and the update."""
        if self._gone:
            state = DeviceState.GONE
        elif self._connection is None or self._connection.lost.is_set():
            state = DeviceState.OFFLINE
        else:
            state = DeviceState.IDLE if self._installing is None else DeviceState.UPDATING
        self._tally.states[self.state] -= 1
        self.state = state
        self._tally.states[state] += 1

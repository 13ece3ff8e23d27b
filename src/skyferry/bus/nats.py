"""The bus between processes: reports through JetStream, commands as requests to the process that holds the device.

See docs/adr/0005-several-processes.md.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from nats.aio.msg import Msg
from nats.errors import Error

from skyferry import outages, tracing
from skyferry.batching import Batcher
from skyferry.bus import connection, metrics, wire
from skyferry.bus.interface import CommandHandler, DownloadHandler, WakeHandler
from skyferry.bus.messages import (
    Command,
    DisconnectDevice,
    Downloaded,
    Notice,
    NoticeUndelivered,
    Report,
    SubDevicesDetached,
    TellGateway,
)
from skyferry.bus.names import PARTS, Names, part_of
from skyferry.bus.progress import Progress
from skyferry.bus.stream import ReportStream, StreamLimits
from skyferry.clock import Clock
from skyferry.tracing import Kind

_log = structlog.get_logger()

_PARCEL_BYTES: Final = 524_288
"""Half of what a server of NATS takes by default; the largest report and the largest notice have half of that."""
_HINT_SECONDS: Final = 0.02
_PARCEL: Final = "Skyferry-Parcel"
"""The header with the number of a parcel of commands."""
_COMMAND_TRIES: Final = 6
_PARCELS_REMEMBERED: Final = 4_096
WAKE: Final = "wake"

Whereabouts = Callable[[Collection[int]], Awaitable[Mapping[int, str]]]
"""Which process holds the connection of each of these devices; devices that are offline are absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSettings:
    """Where NATS is, and who speaks.

    Attributes:
        url: `nats://HOST:PORT`, several with commas.
        names: the subjects of the installation.
        process: the name of this process.
        limits: of the stream of reports.
        command_s: seconds in which a process should say that it has taken commands; then it is asked again.
    """

    url: str
    names: Names
    process: str
    limits: StreamLimits = field(default_factory=StreamLimits)
    command_s: float = 5.0


class NatsBus:
    """See `skyferry.bus.interface.Bus`. A report is stored for good once it is in the stream."""

    def __init__(self, settings: NatsSettings, whereabouts: Whereabouts, clock: Clock) -> None:
        """Connects nothing yet.

        Args:
            settings: see there.
            whereabouts: finds the devices that are to be told something.
            clock: tells the time.
        """
        self._settings = settings
        self._names = settings.names
        self._whereabouts = whereabouts
        self._clock = clock
        self._on_command: CommandHandler | None = None
        self._on_download: DownloadHandler | None = None
        self._hint_handlers: dict[str, list[WakeHandler]] = {}
        self._hinted: set[str] = set()
        self._batchers: list[Batcher[Report, int]] = [Batcher(partial(self._store, part)) for part in range(PARTS)]
        self._progress = Progress()
        self._published = 0
        self._sent = 0
        self._taken: dict[str, None] = {}
        self._background: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Connects, makes the stream where it is missing, and listens.

        Raises:
            nats.errors.Error: NATS refuses, or has no JetStream.
            OSError: it is not reached.
        """
        limits = self._settings.limits
        self._client = await connection.connect(
            self._settings.url, name=f"skyferry {self._settings.process}", timeout_s=limits.answer_s
        )
        self.stream = ReportStream(self._client, self._names, limits)
        try:
            await self.stream.ensure()
            await self._listen()
        except BaseException:
            await self._client.close()
            raise

    async def _listen(self) -> None:
        await self._client.subscribe(self._names.hints, cb=self._take_hint)
        await self._client.subscribe(self._names.progress, cb=self._take_progress)
        if self._on_command is not None:
            for subject in (self._names.commands(self._settings.process), self._names.all_commands):
                await self._client.subscribe(subject, cb=self._take_commands)
        # What is published before NATS has heard of a subscription does not come: whoever has started, hears.
        await self._client.flush()

    async def stop(self) -> None:
        """Waits for what is under way, and ends the connection."""
        for batcher in self._batchers:
            await batcher.drain()
        if self._background:
            _, unanswered = await asyncio.wait(self._background, timeout=self._settings.command_s)
            for work in unanswered:
                work.cancel()
        await self._client.close()

    def attach_gateway(self, on_command: CommandHandler) -> None:
        """Names the function of the gateway role; before the start."""
        self._on_command = on_command

    def attach_downloads(self, on_download: DownloadHandler) -> None:
        """Names who counts what this process has sent."""
        self._on_download = on_download

    def on_hint(self, name: str, handler: WakeHandler) -> None:
        """Calls the handler when another process, or `wake` in this one, gives the hint."""
        self._hint_handlers.setdefault(name, []).append(handler)

    def report(self, report: Report) -> Awaitable[None]:
        """See `Bus.report`. Waits a moment for the workers too, so that what was reported shows."""
        part = part_of(report.device_id)
        return asyncio.ensure_future(self._settled(part, self._batchers[part].submit(report)))

    async def command(self, commands: Sequence[Command]) -> None:
        """See `Bus.command`."""
        if not commands:
            return
        placed = await self._place(commands)
        await asyncio.gather(*(self._send(process, share) for process, share in placed.items()))

    def downloaded(self, count: Downloaded) -> None:
        """See `Bus.downloaded`."""
        if self._on_download is not None:
            self._on_download(count)

    def wake(self) -> None:
        """See `Bus.wake`."""
        for handler in self._hint_handlers.get(WAKE, ()):
            handler()
        self.hint(WAKE)

    def hint(self, name: str) -> None:
        """Gives all other processes a hint, once in a moment however often it is given."""
        if not self._hinted:
            asyncio.get_running_loop().call_later(_HINT_SECONDS, self._give_hints)
        self._hinted.add(name)

    async def check(self) -> None:
        """See `Bus.check`."""
        await self.stream.check()

    async def applied(self, part: int, sequence: int) -> None:
        """Tells all processes how far a part was applied."""
        self._progress.applied(part, sequence)
        try:
            await self._client.publish(self._names.progress, f"{part} {sequence}".encode())
        except (Error, OSError) as error:
            _log.debug("bus.progress_not_told", error=repr(error))

    async def _settled(self, part: int, stored: asyncio.Future[int]) -> None:
        await self._progress.wait_for(part, await stored)

    async def _take_progress(self, message: Msg) -> None:
        part, sequence = map(int, message.data.split())
        self._progress.applied(part, sequence)

    async def _store(self, part: int, batch: Sequence[Report]) -> Sequence[int | Exception]:
        results: list[int | Exception] = []
        for parcel, number in wire.pack(batch, most_bytes=_PARCEL_BYTES):
            self._published += 1
            try:
                sequence = await self.stream.publish(part, parcel, f"{self._settings.process}-{self._published:x}")
            except ConnectionError as error:
                # The rest is not tried: what a device said later must not be there without what it said before.
                missing = len(batch) - len(results)
                metrics.NOT_STORED.inc(missing)
                return [*results, *[error] * missing]
            results += [sequence] * number
        return results

    async def _place(self, commands: Sequence[Command]) -> Mapping[str | None, Sequence[Command]]:
        """The commands by the process that they are for; None stands for all processes with devices."""
        addressed = [command for command in commands if not isinstance(command, DisconnectDevice)]
        where = await self._whereabouts({_addressee(command) for command in addressed}) if addressed else {}
        placed: defaultdict[str | None, list[Command]] = defaultdict(list)
        lost: list[Command] = []
        for command in commands:
            if isinstance(command, DisconnectDevice):
                placed[None].append(command)
            elif (process := where.get(_addressee(command))) is not None:
                placed[process].append(command)
            else:
                lost.append(command)
        self._give_back(lost)
        return placed

    async def _send(self, process: str | None, commands: Sequence[Command]) -> None:
        if process == self._settings.process and self._on_command is not None:
            await self._on_command(commands)
            return
        done = 0
        for parcel, number in wire.pack(commands, most_bytes=_PARCEL_BYTES):
            share = commands[done : done + number]
            done += number
            if process is None:
                await self._tell_all(parcel, number)
            else:
                # Nobody waits for long on a process that is silent: there are others to be told something.
                delivered = self._run(self._deliver(process, parcel, share))
                await asyncio.wait([delivered], timeout=self._settings.command_s)

    async def _tell_all(self, parcel: bytes, number: int) -> None:
        try:
            await self._client.publish(self._names.all_commands, parcel, headers=dict(tracing.carried()) or None)
        except (Error, OSError) as error:
            _log.warning("bus.command_not_taken", process=None, commands=number, error=repr(error))

    async def _deliver(self, process: str, parcel: bytes, commands: Sequence[Command]) -> None:
        """Asks a process to carry commands out, until it has answered or is taken for dead.

        One that is busy, or that is just connecting to NATS anew, has often taken what it has not answered. All tries
        have the same number, by which the process knows them again: no device is told twice.
        """
        self._sent += 1
        headers = {**tracing.carried(), _PARCEL: f"{self._settings.process}-{self._sent:x}"}
        for left in reversed(range(_COMMAND_TRIES)):
            try:
                await self._client.request(
                    self._names.commands(process), parcel, timeout=self._settings.command_s, headers=headers
                )
            except (Error, OSError) as error:
                if left and isinstance(error, TimeoutError):
                    continue
                _log.warning("bus.command_not_taken", process=process, commands=len(commands), error=repr(error))
                self._give_back(commands)
            return

    def _give_back(self, commands: Sequence[Command]) -> None:
        """Pushes that no process has taken are reported as undelivered, as a gateway does."""
        now = self._clock.now_ms()
        for command in commands:
            if isinstance(command, Notice) and command.task_id is not None:
                metrics.UNDELIVERED.inc()
                self._run(self._report_quietly(NoticeUndelivered(command.device_id, command.task_id, now)))

    async def _report_quietly(self, report: Report) -> None:
        try:
            await self.report(report)
        except Exception as error:  # noqa: BLE001 - the device's next log-in brings the push all the same
            _log.warning("bus.report_failed", **outages.cause(error))

    def _run(self, work: Awaitable[None]) -> asyncio.Future[None]:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _give_hints(self) -> None:
        names, self._hinted = self._hinted, set()
        self._run(self._publish_hints(" ".join(sorted(names))))

    async def _publish_hints(self, names: str) -> None:
        try:
            await self._client.publish(self._names.hints, f"{self._settings.process} {names}".encode())
        except (Error, OSError) as error:
            _log.debug("bus.hint_lost", error=repr(error))

    async def _take_hint(self, message: Msg) -> None:
        process, *names = message.data.decode(errors="replace").split(" ")
        if process == self._settings.process:
            return
        for name in names:
            for handler in self._hint_handlers.get(name, ()):
                handler()

    async def _take_commands(self, message: Msg) -> None:
        headers = message.headers or {}
        try:
            with tracing.span("take commands", Kind.CONSUMER, parent=headers):
                await self._carry_out(headers.get(_PARCEL), message.data)
        except Exception:  # noqa: BLE001 - not answered: the sender asks again, then takes it for not delivered
            _log.exception("bus.commands_failed")
            return
        if message.reply:
            await message.respond(b"")

    async def _carry_out(self, number: str | None, parcel: bytes) -> None:
        """Carries commands out once; parcels come one after the other, so a try never overtakes the one before it."""
        assert self._on_command is not None
        if number in self._taken:
            return
        await self._on_command(wire.unpack_commands(parcel))
        if number is not None:
            self._taken[number] = None
            if len(self._taken) > _PARCELS_REMEMBERED:
                del self._taken[next(iter(self._taken))]


def _addressee(command: Command) -> int:
    """The device on whose connection a command is carried out."""
    return command.gateway_id if isinstance(command, SubDevicesDetached | TellGateway) else command.device_id

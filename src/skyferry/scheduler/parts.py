"""Takes reports from the stream: each part of it in order, by the worker that holds it.

The position of a part moves in the transaction that applies its reports: whoever dies when, each report is applied once
(docs/adr/0005-several-processes.md).
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from nats.errors import Error
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from skyferry import outages
from skyferry.bus import wire
from skyferry.bus.messages import Report
from skyferry.bus.names import PARTS
from skyferry.bus.nats import NatsBus
from skyferry.bus.stream import Parcel, PartReader, ReaderBrokenError
from skyferry.cluster.claims import Claims
from skyferry.errors import UnavailableError
from skyferry.scheduler import metrics
from skyferry.scheduler.reports import Before, ReportWriter
from skyferry.store import positions
from skyferry.store.engine import Store

_log = structlog.get_logger()

_NAMES: Final[Mapping[str, int]] = {f"reports:{part}": part for part in range(PARTS)}
_CLAIM_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 1.0
_PURGE_SECONDS: Final = 10.0
_LOOKS: Final = 3
"""How often, with pauses, a stream is looked at that seems to be younger than what was read of it."""
_TRIES: Final = 3
"""How often a batch is tried as a whole: tasks that changed under it are seen as they are at the next try."""


class OvertakenError(Exception):
    """Another worker has moved the position of the part."""


class PartsWorker:
    """Reads the parts that this process holds."""

    def __init__(self, store: Store, bus: NatsBus, claims: Claims, writer: ReportWriter) -> None:
        self._store = store
        self._bus = bus
        self._claims = claims
        self._writer = writer
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins."""
        await self._store.write(positions.make, range(PARTS))
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends after the batches that are being stored; what is not stored is left to others."""
        if self._task is not None:
            await _ended(self._task)
        await self._let_go(set(self._reading))

    async def check(self) -> None:
        """Returns while parts are read.

        Raises:
            ConnectionError: they are not.
        """
        if self._task is None or self._task.done():
            raise ConnectionError("The worker takes no reports any more.")

    async def _run(self) -> None:
        while True:
            try:
                held = {_NAMES[name] for name in await self._claims.hold(_NAMES)}
            except Exception as error:  # noqa: BLE001 - what is held goes on: the position tells who may store
                _log.warning("reports.claim_failed", **outages.cause(error))
            else:
                await self._let_go(self._reading.keys() - held)
                for part in held - self._reading.keys():
                    self._reading[part] = asyncio.create_task(self._read(part))
            await asyncio.sleep(_CLAIM_SECONDS)

    async def _let_go(self, parts: set[int]) -> None:
        tasks = [self._reading.pop(part) for part in parts]
        await asyncio.gather(*map(_ended, tasks))

    async def _read(self, part: int) -> None:
        while True:
            try:
                await _Part(part, self._store, self._bus, self._writer).read()
            except UnavailableError as error:
                _log.warning("reports.not_applied", **outages.cause(error))
            except (ReaderBrokenError, OvertakenError, Error, OSError, DBAPIError) as error:
                _log.info("reports.reader_ended", part=part, reason=repr(error))
            except Exception:  # noqa: BLE001 - whatever it was, the part is read on
                metrics.CHORE_FAILURES.labels("reports").inc()
                _log.exception("reports.part_failed", part=part)
            await asyncio.sleep(_PAUSE_SECONDS)


class _Part:
    """One reading of a part, from where it is stored up to the first thing that goes wrong."""

    def __init__(self, part: int, store: Store, bus: NatsBus, writer: ReportWriter) -> None:
        self._part = part
        self._store = store
        self._bus = bus
        self._writer = writer
        self._position = 0
        self._purged = 0
        self._purge_at = 0.0

    async def read(self) -> None:
        self._position = self._purged = await self._find_position()
        reader = await self._bus.stream.reader(self._part, self._position)
        try:
            while True:
                await self._take(reader)
        finally:
            with suppress(KeyError):
                metrics.PENDING.remove(self._part)
            await reader.close()

    async def _find_position(self) -> int:
        """From where on to read: from the beginning of a stream that is younger than the position.

        NATS may have lost its data. The new stream counts from 1, and what is in it has never been applied. A server
        that has just taken a stream over may not know its end at once: what is there is looked at more than once, for
        to read an old stream from its beginning would apply its reports again.
        """
        position = await self._store.read(positions.of_part, self._part)
        last = await self._bus.stream.last_sequence()
        for _ in range(_LOOKS):
            if position <= last:
                return position
            await asyncio.sleep(_PAUSE_SECONDS)
            last = await self._bus.stream.last_sequence()
        _log.warning("reports.stream_lost", part=self._part, position=position, last=last)
        if not await self._store.write(positions.advance, self._part, before=position, after=0):
            raise OvertakenError(f"Position {position} of part {self._part} was moved.")
        return 0

    async def _take(self, reader: PartReader) -> None:
        parcels = await reader.next()
        metrics.PENDING.labels(self._part).set(len(parcels) + reader.pending)
        if parcels:
            await _finished(self._store_parcels(parcels))
        await self._purge()

    async def _store_parcels(self, parcels: Sequence[Parcel]) -> None:
        batch = [report for parcel in parcels for report in _unpacked(parcel)]
        before, after = self._position, parcels[-1].sequence

        def advance(tx: Connection) -> None:
            if not positions.advance(tx, self._part, before=before, after=after):
                raise OvertakenError(f"Position {before} of part {self._part} was moved.")

        await self._write(batch, advance)
        self._position = after
        metrics.PENDING.labels(self._part).dec(len(parcels))
        await self._bus.applied(self._part, after)

    async def _write(self, batch: Sequence[Report], advance: Before) -> None:
        for _ in range(_TRIES):
            try:
                await self._writer.write(batch, advance)
            except OvertakenError:
                raise
            except Exception as error:
                if _is_away(error):
                    raise
                _log.warning("reports.batch_failed", reports=len(batch), error=repr(error))
            else:
                return
        await self._writer.write_what_can_be(batch, advance)

    async def _purge(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._position == self._purged or now < self._purge_at:
            return
        self._purge_at = now + _PURGE_SECONDS
        with suppress(Error, OSError):
            await self._bus.stream.purge(self._part, self._position)
            self._purged = self._position


def _unpacked(parcel: Parcel) -> Sequence[Report]:
    try:
        return wire.unpack_reports(parcel.body)
    except wire.WireError:
        metrics.LOST.inc()
        _log.exception("reports.unreadable", sequence=parcel.sequence)
        return []


def _is_away(error: Exception) -> bool:
    """The database is not there, or fails: the fault is in no report."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, OSError)


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Does the work to its end, even when this task is cancelled meanwhile: the answers to reports must go out."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        task.exception()  # whoever reads the part next meets it too
        raise asyncio.CancelledError
    task.result()


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancels a task until it is over: before Python 3.12 a message that arrives just then swallows the request."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_PAUSE_SECONDS)

"""The stream of reports in JetStream: stored before anyone is told so, read in order from a position on.

See docs/adr/0005-several-processes.md. Nothing is acknowledged to JetStream: how far a part was read stands in the
database, and what is behind that is purged.
"""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from skyferry.bus.names import Names
from skyferry.errors import UnavailableError

_log = structlog.get_logger()

_NANOSECONDS: Final = 1_000_000_000
_REPLICAS_WANTED: Final = 3
_DUPLICATES_SECONDS: Final = 120
"""How long JetStream knows a message that is published again."""
_IDLE_SECONDS: Final = 20.0
"""How long a request for messages stands; its end says that the reader is still known."""
_GRACE_SECONDS: Final = 3.0
_STATUS: Final = "Status"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How long NATS may take, and how much at a time.

    Attributes:
        answer_s: seconds until an answer is given up.
        store_s: seconds in which a report must have been stored, tries included.
        pause_s: seconds between two tries.
        messages: the most messages that a reader takes at a time.
    """

    answer_s: float = 3.0
    store_s: float = 10.0
    pause_s: float = 0.2
    messages: int = 200


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message of the stream."""

    sequence: int
    body: bytes


class StreamUnavailableError(ConnectionError, UnavailableError):
    """NATS does not store what it is given."""

    advice = "See whether NATS runs and is reached; devices say again what they were not acknowledged."


class ReaderBrokenError(Exception):
    """The reader has missed something, or JetStream does not know it any more: read on with a new one."""


class ReportStream:
    """The stream, from the side of those who write to it and of those who read."""

    def __init__(self, client: Client, names: Names, limits: StreamLimits) -> None:
        self._client = client
        self._names = names
        self._limits = limits
        self._jetstream = client.jetstream(timeout=limits.answer_s)

    async def ensure(self) -> None:
        """Makes the stream, on three servers where there are as many; leaves one that exists as it is.

        Raises:
            nats.errors.Error: JetStream refuses, or is not there.
        """
        with suppress(NotFoundError):
            await self._jetstream.stream_info(self._names.stream)
            return
        try:
            await self._jetstream.add_stream(self._config(_REPLICAS_WANTED))
        except APIError as error:
            _log.warning("nats.not_replicated", reason=error.description, advice="one server of NATS may lose reports")
            await self._jetstream.add_stream(self._config(1))

    def _config(self, replicas: int) -> StreamConfig:
        return StreamConfig(
            name=self._names.stream,
            subjects=[self._names.all_reports],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            duplicate_window=_DUPLICATES_SECONDS,
            num_replicas=replicas,
        )

    async def last_sequence(self) -> int:
        """The sequence of the last message that the stream has ever had; a stream that is gone is made anew.

        Raises:
            nats.errors.Error: JetStream refuses, or is not there.
        """
        await self.ensure()
        return int((await self._jetstream.stream_info(self._names.stream)).state.last_seq)

    async def publish(self, part: int, body: bytes, message_id: str) -> int:
        """Returns when the stream has stored the message: its sequence there.

        It is tried again under the same name as long as there is time: while a server of NATS is being replaced by
        another, answers fail to come.

        Raises:
            StreamUnavailableError: it is not known to be stored.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.store_s
        while True:
            try:
                stored = await self._jetstream.publish(
                    self._names.reports(part), body, headers={"Nats-Msg-Id": message_id}
                )
            except (Error, OSError) as error:
                if loop.time() + self._limits.pause_s >= until:
                    raise StreamUnavailableError(f"Reports could not be stored: {error!r}.") from error
                await asyncio.sleep(self._limits.pause_s)
            else:
                return stored.seq

    async def reader(self, part: int, after: int) -> "PartReader":
        """Reads a part from the message that follows a position.

        Raises:
            nats.errors.Error: JetStream refuses, or is not there.
        """
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=after + 1,
            filter_subject=self._names.reports(part),
            inactive_threshold=_IDLE_SECONDS + 2 * _GRACE_SECONDS,
            num_replicas=1,
            mem_storage=True,
        )
        made = await self._jetstream.add_consumer(self._names.stream, config)
        subscription = await self._client.subscribe(self._client.new_inbox())
        next_messages = f"$JS.API.CONSUMER.MSG.NEXT.{self._names.stream}.{made.name}"
        return PartReader(self._client, subscription, next_messages, self._limits.messages)

    async def purge(self, part: int, up_to: int) -> None:
        """Removes the messages of a part that are stored in the database.

        Raises:
            nats.errors.Error: JetStream refuses, or is not there.
        """
        await self._jetstream.purge_stream(self._names.stream, seq=up_to + 1, subject=self._names.reports(part))

    async def check(self) -> None:
        """Returns when the stream answers.

        Raises:
            ConnectionError: it does not.
        """
        try:
            await self._jetstream.stream_info(self._names.stream)
        except (Error, OSError) as error:
            raise ConnectionError(f"NATS does not answer: {error!r}") from error


class PartReader:
    """Messages of one part in their order: all of them, or `ReaderBrokenError`."""

    def __init__(self, client: Client, subscription: Subscription, next_messages: str, most: int) -> None:
        self._client = client
        self._subscription = subscription
        self._next_messages = next_messages
        self._most = most
        self._asked = 0
        self._seen = 0
        self.pending = 0
        """Messages that JetStream has beyond those that `next` gave."""

    async def next(self) -> Sequence[Parcel]:
        """Waits for messages, and takes those that are there; none when there were none for a while.

        Raises:
            ReaderBrokenError: see there.
        """
        if self._asked <= 0:
            await self._ask()
        found: list[Parcel] = []
        while len(found) < self._most:
            message = await self._receive()
            if message.headers and _STATUS in message.headers:
                self._asked = 0
                self._end_of_request(message.headers)
                break
            pending = self._take(message, found)
            if not pending or self._asked <= 0:
                break
        return found

    async def close(self) -> None:
        """Receives nothing more; JetStream forgets the reader by itself."""
        with suppress(Error, OSError):
            await self._subscription.unsubscribe()

    async def _ask(self) -> None:
        request: dict[str, Any] = {"batch": self._most, "expires": round(_IDLE_SECONDS * _NANOSECONDS)}
        try:
            await self._client.publish(
                self._next_messages, json.dumps(request).encode(), reply=self._subscription.subject
            )
        except (Error, OSError) as error:
            raise ReaderBrokenError(repr(error)) from error
        self._asked = self._most

    async def _receive(self) -> Msg:
        try:
            return await self._subscription.next_msg(_IDLE_SECONDS + _GRACE_SECONDS)
        except (Error, OSError) as error:
            raise ReaderBrokenError(repr(error)) from error

    def _take(self, message: Msg, found: list[Parcel]) -> int:
        """Takes a message and gives how many more JetStream has."""
        metadata = message.metadata
        self._asked -= 1
        self._seen += 1
        if metadata.sequence.consumer != self._seen:
            raise ReaderBrokenError(f"Message {metadata.sequence.consumer} came in place of {self._seen}.")
        found.append(Parcel(metadata.sequence.stream, message.data))
        self.pending = int(metadata.num_pending)
        return self.pending

    @staticmethod
    def _end_of_request(headers: dict[str, str]) -> None:
        status = headers[_STATUS]
        if status not in {"404", "408"}:
            raise ReaderBrokenError(f"{status} {headers.get('Description', '')}")

"""The devices that are logged in here: one session for each, whatever it tries."""

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from skyferry.bus.messages import Connected, Disconnected, Notice, NoticeUndelivered, VersionReported, WithdrawPush
from skyferry.clock import Clock
from skyferry.devices import metrics
from skyferry.devices.authentication import Identity
from skyferry.devices.custom_topics import CustomTopics
from skyferry.devices.inbound import read_report
from skyferry.devices.inflight import InFlight
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.interface import Channel
from skyferry.devices.outbound import Outbox
from skyferry.devices.payloads import PayloadError
from skyferry.devices.reports import Reports
from skyferry.devices.requests import Request, Requests
from skyferry.devices.told_versions import ToldVersions
from skyferry.devices.topics import IDENTITY, DeviceTopics, Uplink
from skyferry.devices.withdrawn import Withdrawn

if TYPE_CHECKING:
    from skyferry.devices.subdevices.children import SubDevices

log = structlog.get_logger(__name__)

_PUBLISHED: Final = {uplink: metrics.PUBLISHES.labels(uplink.value) for uplink in Uplink}
_FOREIGN_TOPIC: Final = metrics.DROPPED.labels("foreign_topic")
_UNREADABLE: Final = metrics.DROPPED.labels("unreadable")
_BEFORE_LOG_IN: Final = metrics.DROPPED.labels("before_log_in")
_WITHDRAWN: Final = metrics.DROPPED.labels("withdrawn")
_ALREADY_INSTALLED: Final = metrics.DROPPED.labels("already_installed")
_NOT_ACKNOWLEDGED: Final = metrics.DROPPED.labels("not_acknowledged")
REPLACED: Final = "replaced"
"""Why a session ends whose device has logged in anew."""


class Sessions:
    """Knows the session of each device that is logged in here, on its own connection or through a gateway."""

    def __init__(self) -> None:
        self._by_device: dict[int, LoggedInDevice] = {}

    def __len__(self) -> int:
        return len(self._by_device)

    def get(self, device_id: int) -> "LoggedInDevice | None":
        """The session of a device, if it has one here."""
        return self._by_device.get(device_id)

    def all(self) -> "Sequence[LoggedInDevice]":
        """The sessions there are."""
        return list(self._by_device.values())

    def on_own_connections(self) -> "Sequence[DeviceSession]":
        """Those with a connection of their own, in the order of their log-ins."""
        return [session for session in self._by_device.values() if isinstance(session, DeviceSession)]

    def enter(self, session: "LoggedInDevice") -> None:
        """Adds a session; an older one of the same device ends before (device-plane reference §1.2)."""
        older = self._by_device.get(session.device_id)
        if older is not None:
            older.close(REPLACED)
        self._by_device[session.device_id] = session
        metrics.CONNECTIONS.inc()

    def leave(self, session: "LoggedInDevice") -> None:
        """Removes a session that ended."""
        del self._by_device[session.device_id]
        metrics.CONNECTIONS.dec()


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What all sessions of a gateway share."""

    sessions: Sessions
    reports: Reports
    requests: Requests
    custom: CustomTopics
    clock: Clock
    settings: GatewaySettings


class LoggedInDevice(ABC):
    """A device that is logged in: what it says becomes reports and requests, what it must know is sent to it."""

    __slots__ = (
        *("_channel", "_identity", "_online_at", "_outbox", "_told", "_topics", "_withdrawn"),
        *("address", "connection_id", "context"),
    )

    _channel: Channel
    _outbox: Outbox
    _online_at: int

    def __init__(self, context: SessionContext, identity: Identity, connection_id: str, address: str) -> None:
        self.context = context
        self._identity = identity
        self.connection_id = connection_id
        self._topics = DeviceTopics(identity.address.product_key, identity.address.device_name)
        self._withdrawn = Withdrawn(context.settings.withdrawals_remembered)
        self._told = ToldVersions()
        self.address = address

    @property
    def device_id(self) -> int:
        """The key of the device's row."""
        return self._identity.device_id

    @property
    def expects_system_topics(self) -> bool:
        """Whether the device expects the server's topics without having subscribed to them."""
        return self._identity.expects_system_topics

    @property
    def channel(self) -> Channel:
        """The connection that the device is on."""
        return self._channel

    @property
    def topics(self) -> DeviceTopics:
        """The device's topics."""
        return self._topics

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        """The device published a message: see `Session.publish`. What is not understood is dropped without a word."""
        uplink = self._topics.uplink(topic)
        if uplink is None:
            _FOREIGN_TOPIC.inc()
            log.debug("publish_dropped", device=str(self._topics), topic=topic[:256])
            return None
        _PUBLISHED[uplink].inc()
        if uplink is Uplink.OTHER:
            return self.context.requests.handle(Request(self, topic, self._topics.service(topic), payload))
        if uplink is Uplink.CUSTOM:
            return self.context.custom.take(topic, payload)
        try:
            report = read_report(uplink, payload, self.device_id, self.context.clock.now_ms())
        except PayloadError as error:
            _UNREADABLE.inc()
            log.debug("payload_dropped", device=str(self._topics), uplink=uplink.value, reason=str(error))
            return None
        stored = self.context.reports.send(report)
        if isinstance(report, VersionReported):
            self._told.remember(report.module, report.version, most=self.context.settings.versions_remembered)
            self._outbox.version_reported(report.module, report.version, stored)
        return stored

    @property
    def unread(self) -> int:
        """Bytes that were sent on the device's connection and not read yet."""
        return self._channel.unread

    def deliver(self, notice: Notice) -> bool:
        """Sends a notice or keeps it until the device listens; False when the device cannot have it.

        A push that was claimed before the log-in was meant for the connection before. The worker makes it up on this
        one, as every push before a log-in: delivered here as well, it would be a second one in the device's download.
        A push of what the device has said that it runs would make it install that once more. What it has said is said
        again instead: the push shows that a worker did not know it.
        """
        if notice.claimed_at is not None and notice.claimed_at < self._online_at:
            _BEFORE_LOG_IN.inc()
            return True
        if notice in self._withdrawn:
            _WITHDRAWN.inc()
            return False
        if runs := self._told.offered_by(notice):
            _ALREADY_INSTALLED.inc()
            self.context.reports.send(VersionReported(self.device_id, *runs, self.context.clock.now_ms()))
            return True
        delivered = self._outbox.deliver(notice)
        if not delivered:
            _NOT_ACKNOWLEDGED.inc()
        return delivered

    def withdraw(self, withdrawal: WithdrawPush) -> None:
        """Drops the push of a task if it was not sent yet, or arrives only now."""
        self._withdrawn.remember(withdrawal)
        self._outbox.withdraw(withdrawal.task_id)

    def send(self, topic: str, payload: bytes) -> None:
        """Publishes to the device at once, at QoS 0."""
        self._channel.publish(topic, payload)

    @abstractmethod
    def close(self, reason: str) -> None:
        """Ends the session; the reason is for the log."""

    def _begin(self, channel: Channel, in_flight: InFlight) -> None:
        """The device counts as online from here; that is reported before anything it says."""
        context, identity = self.context, self._identity
        self._channel = channel
        self._outbox = Outbox(
            channel, in_flight, self._topics, context.settings, expects_system_topics=identity.expects_system_topics
        )
        context.sessions.enter(self)
        self._online_at = context.clock.now_ms()
        context.reports.send(Connected(self.device_id, self.connection_id, self.address, self._online_at))

    def _end(self, reason: str) -> None:
        """The device is reported offline first: what it did not get waits for its next log-in."""
        context = self.context
        context.sessions.leave(self)
        now = context.clock.now_ms()
        context.reports.send(Disconnected(self.device_id, self.connection_id, now))
        for task_id in self._outbox.close():
            context.reports.send(NoticeUndelivered(self.device_id, task_id, now))
        log.debug("device_offline", device=str(self._topics), reason=reason)


class DeviceSession(LoggedInDevice):
    """One device on a connection of its own: `skyferry.devices.mqtt.interface.Session` for it.

    Attributes:
        encrypted: the connection is TLS.
        in_flight: the pushes on the connection.
        subdevices: the sub-devices that are logged in through it; None while it is no gateway.
    """

    __slots__ = ("encrypted", "in_flight", "subdevices")

    def __init__(
        self, context: SessionContext, identity: Identity, connection_id: str, address: str, *, encrypted: bool
    ) -> None:
        super().__init__(context, identity, connection_id, address)
        self.encrypted = encrypted
        self.in_flight = InFlight(context.settings.pushes_in_flight)
        self.subdevices: SubDevices | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a message at QoS 1 is without its PUBACK on the connection, in either direction."""
        return self._channel.is_storing or not self.in_flight.is_empty

    def opened(self, channel: Channel) -> None:
        """See `Session.opened`. A device with a certificate may know nothing else of itself: it is told its name."""
        if self._identity.is_told:
            address = self._identity.address
            named = {"productKey": address.product_key, "deviceName": address.device_name}
            channel.publish(IDENTITY, json.dumps(named, separators=(",", ":")).encode())
        self._begin(channel, self.in_flight)

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        """See `Session.publish`. A gateway speaks for the sub-devices that are logged in through it."""
        if self.subdevices is not None and (subdevice := self.subdevices.of_topic(topic)) is not None:
            return subdevice.publish(topic, payload)
        return super().publish(topic, payload)

    def acknowledged(self, packet_id: int) -> None:
        """See `Session.acknowledged`."""
        self.in_flight.acknowledged(packet_id)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> Sequence[int]:
        """See `Session.subscribe`."""
        codes = self._outbox.subscribe(filters)
        return codes if self.subdevices is None else self.subdevices.subscribe(filters, codes)

    def subscribed(self) -> None:
        """See `Session.subscribed`."""
        self._outbox.subscribed()
        if self.subdevices is not None:
            self.subdevices.subscribed()

    def keep_subscription(self, topic_filter: str) -> bool:
        """Remembers a subscription for sub-devices alone; False when the gateway has too many."""
        return self._outbox.keep(topic_filter)

    def hears_pushes_of(self, subdevice: DeviceTopics) -> bool:
        """Whether a subscription of the gateway matches the pushes of a sub-device."""
        return self._outbox.has_asked(subdevice)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """See `Session.unsubscribe`."""
        self._outbox.unsubscribe(filters)

    def closed(self, reason: str) -> None:
        """See `Session.closed`. Sub-devices are offline with their gateway."""
        if self.subdevices is not None:
            self.subdevices.connection_ended(reason)
        self._end(reason)

    def close(self, reason: str) -> None:
        """Ends the device's connection."""
        self._channel.close(reason)

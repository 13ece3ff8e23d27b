"""The devices that are logged in here: one session for each, whatever it tries."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from skyferry.bus.messages import Connected, Disconnected, Notice, NoticeUndelivered, VersionReported
from skyferry.clock import Clock
from skyferry.devices import metrics
from skyferry.devices.authentication import Identity
from skyferry.devices.inbound import read_report
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.interface import Channel
from skyferry.devices.outbound import Outbox
from skyferry.devices.payloads import PayloadError
from skyferry.devices.reports import Reports
from skyferry.devices.requests import Request, Requests
from skyferry.devices.topics import DeviceTopics, Uplink

log = structlog.get_logger(__name__)

_PUBLISHED: Final = {uplink: metrics.PUBLISHES.labels(uplink.value) for uplink in Uplink}
_FOREIGN_TOPIC: Final = metrics.DROPPED.labels("foreign_topic")
_UNREADABLE: Final = metrics.DROPPED.labels("unreadable")
_NOT_ACKNOWLEDGED: Final = metrics.DROPPED.labels("not_acknowledged")


class Sessions:
    """Knows the session of each device that is logged in here."""

    def __init__(self) -> None:
        self._by_device: dict[int, DeviceSession] = {}

    def __len__(self) -> int:
        return len(self._by_device)

    def get(self, device_id: int) -> "DeviceSession | None":
        """The session of a device, if it has one here."""
        return self._by_device.get(device_id)

    def enter(self, session: "DeviceSession") -> None:
        """Adds a session; an older one of the same device ends before (device-plane reference §1.2)."""
        older = self._by_device.get(session.device_id)
        if older is not None:
            older.close("replaced")
        self._by_device[session.device_id] = session
        metrics.CONNECTIONS.inc()

    def leave(self, session: "DeviceSession") -> None:
        """Removes a session that ended."""
        del self._by_device[session.device_id]
        metrics.CONNECTIONS.dec()


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What all sessions of a gateway share."""

    sessions: Sessions
    reports: Reports
    requests: Requests
    clock: Clock
    settings: GatewaySettings


class DeviceSession:
    """One device on one connection: `skyferry.devices.mqtt.interface.Session` for it."""

    __slots__ = ("_channel", "_connection_id", "_context", "_identity", "_outbox", "_topics", "address")

    _channel: Channel
    _outbox: Outbox

    def __init__(self, context: SessionContext, identity: Identity, connection_id: str, address: str) -> None:
        self._context = context
        self._identity = identity
        self._connection_id = connection_id
        self._topics = DeviceTopics(identity.address.product_key, identity.address.device_name)
        self.address = address

    @property
    def device_id(self) -> int:
        """The key of the device's row."""
        return self._identity.device_id

    # --- what the connection calls

    def opened(self, channel: Channel) -> None:
        """See `Session.opened`. The device counts as online from here; that is reported before anything it says."""
        context, identity = self._context, self._identity
        self._channel = channel
        self._outbox = Outbox(
            channel, self._topics, context.settings, expects_system_topics=identity.expects_system_topics
        )
        context.sessions.enter(self)
        context.reports.send(Connected(self.device_id, self._connection_id, self.address, context.clock.now_ms()))

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        """See `Session.publish`. What is not understood is dropped, and the device is none the wiser."""
        uplink = self._topics.uplink(topic)
        if uplink is None:
            _FOREIGN_TOPIC.inc()
            log.debug("publish_dropped", device=str(self._topics), topic=topic[:256])
            return None
        _PUBLISHED[uplink].inc()
        if uplink is Uplink.OTHER:
            return self._context.requests.handle(Request(self, topic, self._topics.service(topic), payload))
        try:
            report = read_report(uplink, payload, self.device_id, self._context.clock.now_ms())
        except PayloadError as error:
            _UNREADABLE.inc()
            log.debug("payload_dropped", device=str(self._topics), uplink=uplink.value, reason=str(error))
            return None
        stored = self._context.reports.send(report)
        if isinstance(report, VersionReported):
            self._outbox.version_reported(report.module, report.version, stored)
        return stored

    def acknowledged(self, packet_id: int) -> None:
        """See `Session.acknowledged`."""
        self._outbox.acknowledged(packet_id)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> Sequence[int]:
        """See `Session.subscribe`."""
        return self._outbox.subscribe(filters)

    def subscribed(self) -> None:
        """See `Session.subscribed`."""
        self._outbox.subscribed()

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """See `Session.unsubscribe`."""
        self._outbox.unsubscribe(filters)

    def closed(self, reason: str) -> None:
        """See `Session.closed`. The device is reported offline first: what it did not get waits for its next log-in."""
        context = self._context
        context.sessions.leave(self)
        now = context.clock.now_ms()
        context.reports.send(Disconnected(self.device_id, self._connection_id, now))
        for task_id in self._outbox.close():
            context.reports.send(NoticeUndelivered(self.device_id, task_id, now))
        log.debug("device_offline", device=str(self._topics), reason=reason)

    # --- what the gateway calls

    def deliver(self, notice: Notice) -> bool:
        """Sends a notice or keeps it until the device listens; False when it was dropped."""
        delivered = self._outbox.deliver(notice)
        if not delivered:
            _NOT_ACKNOWLEDGED.inc()
        return delivered

    def withdraw(self, task_id: int) -> None:
        """Drops the push of a task if it was not sent yet."""
        self._outbox.withdraw(task_id)

    def send(self, topic: str, payload: bytes) -> None:
        """Publishes to the device at once, at QoS 0."""
        self._channel.publish(topic, payload)

    def close(self, reason: str) -> None:
        """Ends the device's connection."""
        self._channel.close(reason)

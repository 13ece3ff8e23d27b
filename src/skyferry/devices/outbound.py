"""What goes to one device: pushes, held back until it can hear them, and answers (device-plane reference §1.4, §3)."""

import asyncio
from collections.abc import Sequence
from typing import Final

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices import metrics
from skyferry.devices.inflight import InFlight
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.interface import Channel
from skyferry.devices.mqtt.packets import SUBSCRIPTION_REFUSED
from skyferry.devices.payloads import read_offer
from skyferry.devices.topics import FIRMWARE_GET_REPLY, REQUEST, UPGRADE, DeviceTopics

_TOPICS: Final = {
    NoticeKind.PUSH: UPGRADE,
    NoticeKind.GET_REPLY: FIRMWARE_GET_REPLY,
    NoticeKind.REQUEST_REPLY: REQUEST,
}
_SENT: Final = {kind: metrics.NOTICES.labels(kind.value) for kind in NoticeKind}
_ALREADY_INSTALLED: Final = metrics.DROPPED.labels("already_installed")
_REPLACED: Final = metrics.DROPPED.labels("replaced")
_WITHDRAWN: Final = metrics.DROPPED.labels("withdrawn")


class Outbox:
    """Sends what the workers want one device to know: on its own connection, or on that of the gateway it is behind.

    What the device is sent does not depend on its subscriptions, so nothing is sent twice however they overlap. They
    only tell that it listens. A device that expects system topics (`_ss=1`) subscribes to nothing: it listens once it
    has reported a version. One that gave no sign is pushed to a while after its log-in all the same.
    """

    __slots__ = (
        "_asked_for_pushes",
        "_channel",
        "_expects_system_topics",
        "_fallback",
        "_filters",
        "_held",
        "_in_flight",
        "_listening",
        "_opened_at",
        "_settings",
        "_topics",
        "_unacknowledged",
    )

    def __init__(
        self,
        channel: Channel,
        in_flight: InFlight,
        topics: DeviceTopics,
        settings: GatewaySettings,
        *,
        expects_system_topics: bool,
    ) -> None:
        """Is made when CONNACK goes out, or a sub-device is logged in: the delay of pushes counts from here."""
        self._channel = channel
        self._in_flight = in_flight
        self._topics = topics
        self._settings = settings
        self._expects_system_topics = expects_system_topics
        self._opened_at = asyncio.get_running_loop().time()
        self._asked_for_pushes = False
        self._listening = False
        self._fallback: asyncio.TimerHandle | None = None
        self._filters: dict[str, None] = {}
        self._held: dict[int | None, Notice] = {}
        self._unacknowledged = 0

    def deliver(self, notice: Notice) -> bool:
        """Sends a notice, or holds a push until the device listens and the connection has room for it.

        Returns:
            False when nothing was done because the device leaves too many pushes without PUBACK.
        """
        if notice.kind is not NoticeKind.PUSH:
            self._publish(notice, 0)
            return True
        if self._held.pop(notice.task_id, None):
            _REPLACED.inc()
        if self._unacknowledged + len(self._held) >= self._settings.pushes_unacknowledged:
            return False
        loop = asyncio.get_running_loop()
        due = self._opened_at + self._settings.push_delay_ms / 1_000
        self._held[notice.task_id] = notice
        if self._listening or loop.time() >= due:
            self._in_flight.serve(self)
        elif self._fallback is None:
            self._fallback = loop.call_at(due, self._listens)
        return True

    def withdraw(self, task_id: int) -> None:
        """Drops the push of a task if it is still held."""
        if self._held.pop(task_id, None):
            _WITHDRAWN.inc()

    def version_reported(self, module: str, version: str, stored: asyncio.Future[None]) -> None:
        """The device said what it runs: a push of just that is forgotten, the others go out once the report is stored.

        After a restart into the new firmware the worker may have pushed it again before it knew; sent to the device, it
        would make it install the firmware once more.
        """
        for task_id, notice in list(self._held.items()):
            if read_offer(notice.payload) == (module, version):
                del self._held[task_id]
                _ALREADY_INSTALLED.inc()
        stored.add_done_callback(self._on_version_stored)

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> list[int]:
        """Takes subscriptions and gives for each the QoS granted, or the code of refusal.

        More in one packet than a device may have at all are refused unread: a packet can hold tens of thousands.
        """
        most = self._settings.subscriptions
        codes = [self._subscribe(topic_filter, qos) for topic_filter, qos in filters[:most]]
        return codes + [SUBSCRIPTION_REFUSED] * (len(filters) - len(codes))

    def subscribed(self) -> None:
        """The answer to `subscribe` is written: a push follows it when the device asked for pushes."""
        if self._asked_for_pushes and not self._listening and not self._expects_system_topics:
            self._listens()

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """Forgets subscriptions."""
        for topic_filter in filters:
            self._filters.pop(topic_filter, None)

    def heard(self, topic_filter: str) -> None:
        """The device subscribed to something."""
        self._asked_for_pushes = self._asked_for_pushes or self._topics.hears_pushes(topic_filter)

    def keep(self, topic_filter: str) -> bool:
        """Remembers a subscription; False when it is too long or there are too many."""
        if topic_filter in self._filters:
            return True
        full = len(self._filters) >= self._settings.subscriptions
        if full or len(topic_filter.encode()) > self._settings.topic_bytes:
            return False
        self._filters[topic_filter] = None
        return True

    def has_asked(self, others: DeviceTopics) -> bool:
        """Whether the subscriptions here match the pushes of another device, one behind this gateway."""
        return any(others.hears_pushes(topic_filter) for topic_filter in self._filters)

    def acknowledged(self) -> None:
        """The device has one push more."""
        self._unacknowledged -= 1

    def push_next(self) -> bool:
        """Sends the oldest push that is held; False when none is. `InFlight` calls it when there is room."""
        if not self._held:
            return False
        notice = self._held.pop(next(iter(self._held)))
        self._unacknowledged += 1
        self._publish(notice, self._in_flight.take(self, notice.task_id))
        return True

    def close(self) -> list[int]:
        """Ends the outbox and gives the tasks whose pushes the device may not have."""
        if self._fallback is not None:
            self._fallback.cancel()
            self._fallback = None
        undelivered = dict.fromkeys([*self._in_flight.leave(self), *self._held])
        self._unacknowledged = 0
        self._held.clear()
        return [task_id for task_id in undelivered if task_id is not None]

    def _subscribe(self, topic_filter: str, qos: int) -> int:
        if topic_filter not in self._filters and not self._topics.may_subscribe(topic_filter):
            return SUBSCRIPTION_REFUSED
        if not self.keep(topic_filter):
            return SUBSCRIPTION_REFUSED
        self.heard(topic_filter)
        return min(qos, 1)

    def _on_version_stored(self, stored: asyncio.Future[None]) -> None:
        if not self._listening and not stored.cancelled() and stored.exception() is None:
            self._listens()

    def _listens(self) -> None:
        self._listening = True
        if self._fallback is not None:
            self._fallback.cancel()
            self._fallback = None
        self._in_flight.serve(self)

    def _publish(self, notice: Notice, packet_id: int) -> None:
        _SENT[notice.kind].inc()
        self._channel.publish(self._topics.of(_TOPICS[notice.kind]), notice.payload, packet_id)

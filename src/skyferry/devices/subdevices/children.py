"""The sub-devices that are logged in through one gateway: each a session of its own on the gateway's connection."""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Final

from skyferry.bus.messages import Cause
from skyferry.devices.authentication import Identity
from skyferry.devices.mqtt.packets import SUBSCRIPTION_REFUSED
from skyferry.devices.sessions import REPLACED, DeviceSession, LoggedInDevice
from skyferry.devices.subdevices import notices
from skyferry.devices.subdevices.replies import ReplyCode
from skyferry.devices.topics import UPGRADE, owner_of, owners_of, push_owners_of

if TYPE_CHECKING:
    from skyferry.fleet.logins import DeviceAddress

LOGGED_OUT: Final = "logged_out"
"""Why a session ends that the gateway has ended itself."""
DETACHED: Final = "detached"
"""Why a session ends of a sub-device that is not behind the gateway any more."""
_TOLD: Final = {
    REPLACED: ReplyCode.REPLACED,
    DETACHED: ReplyCode.NO_TOPOLOGY,
    Cause.DELETED: ReplyCode.DELETED,
    Cause.DISABLED: ReplyCode.DISABLED_ONLINE,
    Cause.OTHER: ReplyCode.NO_SESSION,
}
"""What a gateway is told when a session ends that it has not ended itself."""


class SubDeviceSession(LoggedInDevice):
    """One sub-device on the connection of its gateway."""

    __slots__ = ("_subdevices",)

    def __init__(self, subdevices: "SubDevices", identity: Identity, connection_id: str) -> None:
        gateway = subdevices.gateway
        super().__init__(gateway.context, identity, connection_id, gateway.address)
        self._subdevices = subdevices

    @property
    def gateway_id(self) -> int:
        """The key of the gateway's row."""
        return self._subdevices.gateway.device_id

    def opened(self) -> None:
        """The log-in was accepted. What the gateway has subscribed to by then counts for the sub-device as well."""
        gateway = self._subdevices.gateway
        self._begin(gateway.channel, gateway.in_flight)
        if gateway.hears_pushes_of(self._topics):
            self.asked()
            self.subscribed()

    def subscribe(self, topic_filter: str, qos: int) -> int:
        """The gateway wants to hear messages to the sub-device; gives the QoS granted, or the code of refusal.

        Nothing of it is kept but whether pushes are wanted: so there is no limit to the number of filters.
        """
        if not self._topics.may_subscribe(topic_filter):
            return SUBSCRIPTION_REFUSED
        self._outbox.heard(topic_filter)
        return min(qos, 1)

    def asked(self) -> None:
        """The gateway wants to hear pushes to the sub-device."""
        self._outbox.heard(self._topics.of(UPGRADE))

    def belongs_to(self, owners: Container[tuple[str, str]]) -> bool:
        """Whether the sub-device is one of these, in the form of `owners_of`."""
        key, name = self._identity.address.product_key, self._identity.address.device_name
        return (key, name) in owners or (key, "+") in owners or ("+", name) in owners or ("+", "+") in owners

    def subscribed(self) -> None:
        """See `Session.subscribed`."""
        self._outbox.subscribed()

    def close(self, reason: str) -> None:
        """Ends the session, and says so to the gateway unless it has asked for it."""
        self._subdevices.forget(self)
        self._end(reason)
        if (code := _TOLD.get(reason)) is not None:
            gateway = self._subdevices.gateway
            gateway.send(gateway.topics.of(notices.ERROR), notices.session_ended(code, self._identity.address))

    def connection_ended(self, reason: str) -> None:
        """The gateway's connection ended."""
        self._end(reason)


class SubDevices:
    """What a gateway's session has besides that of a device.

    Attributes:
        gateway: the gateway's session.
        open: whether the gateway's connection stands.
        changes: how often sub-devices were taken from the gateway while it is connected: a log-in that was checked
            before such a change is checked again.
    """

    __slots__ = ("_asking", "_by_owner", "_made", "changes", "gateway", "open")

    def __init__(self, gateway: DeviceSession) -> None:
        self.gateway = gateway
        self.open = True
        self.changes = 0
        self._by_owner: dict[str, SubDeviceSession] = {}
        self._asking: dict[SubDeviceSession, None] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._by_owner)

    def of_topic(self, topic: str) -> SubDeviceSession | None:
        """The logged-in sub-device that a topic or filter belongs to."""
        return self._by_owner.get(owner_of(topic))

    def of_address(self, address: "DeviceAddress") -> SubDeviceSession | None:
        """The session of a sub-device that is logged in here."""
        return self._by_owner.get(_owner(address))

    def log_in(self, identity: Identity) -> None:
        """Opens the session of a sub-device; one that it has here already goes on, so that a download may go on too."""
        owner = _owner(identity.address)
        known = self._by_owner.get(owner)
        if known is not None and known.device_id == identity.device_id:
            return
        if known is not None:  # it was deleted, and another device has its name now
            known.close(LOGGED_OUT)
        self._made += 1
        session = SubDeviceSession(self, identity, f"{self.gateway.connection_id}.{self._made:x}")
        session.opened()
        self._by_owner[owner] = session

    def forget(self, session: SubDeviceSession) -> None:
        """Removes a session that ends."""
        self._by_owner.pop(str(session.topics), None)

    def subscribe(self, filters: Sequence[tuple[str, int]], codes: Sequence[int]) -> Sequence[int]:
        """Grants what the gateway was refused for itself and its sub-devices may subscribe to.

        A filter with wildcards counts for every sub-device that it matches.
        """
        settings = self.gateway.context.settings
        granted = list(codes)
        for position, (topic_filter, qos) in enumerate(filters[: settings.subscriptions]):
            if len(topic_filter.encode()) > settings.topic_bytes:
                continue
            if "+" in topic_filter or "#" in topic_filter:
                granted[position] = self._subscribe_all(topic_filter, qos, granted[position])
            elif granted[position] == SUBSCRIPTION_REFUSED and (session := self.of_topic(topic_filter)) is not None:
                granted[position] = session.subscribe(topic_filter, qos)
                self._asking[session] = None
        return granted

    def _subscribe_all(self, topic_filter: str, qos: int, code: int) -> int:
        """Takes a filter with wildcards, for which the gateway itself was given this code."""
        if code == SUBSCRIPTION_REFUSED:
            owners = owners_of(topic_filter)
            matches = any(session.belongs_to(owners) for session in self._by_owner.values())
            if not matches or not self.gateway.keep_subscription(topic_filter):
                return code
            code = min(qos, 1)
        if owners := push_owners_of(topic_filter):
            asking = [session for session in self._by_owner.values() if session.belongs_to(owners)]
            for session in asking:
                session.asked()
            self._asking.update(dict.fromkeys(asking))
        return code

    def subscribed(self) -> None:
        """The answer to `subscribe` is written."""
        asking, self._asking = self._asking, {}
        for session in asking:
            session.subscribed()

    def connection_ended(self, reason: str) -> None:
        """The gateway's connection ended, and with it all sessions on it."""
        self.open = False
        sessions = list(self._by_owner.values())
        self._by_owner.clear()
        for session in sessions:
            session.connection_ended(reason)


def _owner(address: "DeviceAddress") -> str:
    return f"/{address.product_key}/{address.device_name}"

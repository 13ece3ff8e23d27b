"""The control packets of MQTT 3.1.1 as plain data (OASIS standard "MQTT Version 3.1.1", chapter 3).

They are not frozen: building a frozen dataclass costs twice the time, and one is built for every packet that arrives.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

LEVEL_3_1: Final = 3
"""Protocol level of MQTT 3.1, whose protocol name is `MQIsdp`."""

LEVEL_3_1_1: Final = 4
"""Protocol level of MQTT 3.1.1, whose protocol name is `MQTT`."""

SUBSCRIPTION_REFUSED: Final = 0x80
"""The code in a SUBACK for a filter that is not granted."""


class ConnectCode(IntEnum):
    """The return codes of CONNACK, with what the vendor's platform means by them (device-plane reference §1.5)."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL = 1
    IDENTIFIER_REJECTED = 2
    """The clientId is malformed."""
    SERVER_UNAVAILABLE = 3
    BAD_CREDENTIALS = 4
    """User name or password malformed, device unknown, or signature wrong."""
    NOT_AUTHORIZED = 5
    """The device is disabled, or this way to log in is not offered."""


@dataclass(slots=True)
class Will:
    """What a client asks to be published when its connection breaks."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(slots=True)
class Connect:
    """The first packet of a client. `keepalive` is in seconds, 0 for none."""

    client_id: str
    username: str | None = None
    password: bytes | None = None
    keepalive: int = 0
    clean_session: bool = True
    will: Will | None = None
    level: int = LEVEL_3_1_1


@dataclass(slots=True)
class ConnAck:
    """The server's answer to CONNECT."""

    code: ConnectCode
    session_present: bool = False


@dataclass(slots=True)
class Publish:
    """A message. `packet_id` is 0 exactly when `qos` is 0."""

    topic: str
    payload: bytes
    qos: int = 0
    packet_id: int = 0
    retain: bool = False
    dup: bool = False


@dataclass(slots=True)
class PubAck:
    """Answers a PUBLISH of QoS 1."""

    packet_id: int


@dataclass(slots=True)
class PubRec:
    """Answers a PUBLISH of QoS 2."""

    packet_id: int


@dataclass(slots=True)
class PubRel:
    """Answers PUBREC."""

    packet_id: int


@dataclass(slots=True)
class PubComp:
    """Answers PUBREL."""

    packet_id: int


@dataclass(slots=True)
class Subscribe:
    """Asks for messages: pairs of topic filter and the highest QoS wanted."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class SubAck:
    """Answers SUBSCRIBE: for each filter the QoS granted, or `SUBSCRIPTION_REFUSED`."""

    packet_id: int
    codes: tuple[int, ...]


@dataclass(slots=True)
class Unsubscribe:
    """Ends subscriptions."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(slots=True)
class UnsubAck:
    """Answers UNSUBSCRIBE."""

    packet_id: int


@dataclass(slots=True)
class PingReq:
    """A client's sign of life."""


@dataclass(slots=True)
class PingResp:
    """Answers PINGREQ."""


@dataclass(slots=True)
class Disconnect:
    """A client's goodbye."""


Packet = (
    Connect
    | ConnAck
    | Publish
    | PubAck
    | PubRec
    | PubRel
    | PubComp
    | Subscribe
    | SubAck
    | Unsubscribe
    | UnsubAck
    | PingReq
    | PingResp
    | Disconnect
)

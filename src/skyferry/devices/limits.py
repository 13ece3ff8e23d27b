"""Every limit and delay of the device plane, with its default and its unit."""

from dataclasses import dataclass, field

from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.devices.throttling import ThrottleSettings
from skyferry.fleet.dynamic_registration import RegistrationLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttLimits:
    """What one MQTT connection may do. The platform's own figures: device-plane reference §1.2.

    Attributes:
        connect_timeout_s: seconds from the TCP connection to a complete CONNECT.
        keepalive_least_s: seconds; the shortest keepalive of a device where it is checked.
        keepalive_most_s: seconds; a client that asks for a longer keepalive, or for none, is watched as if it had
            asked for this.
        keepalive_grace: how many keepalive times a client may be silent.
        sweep_s: seconds between two looks at which connections have been silent for too long.
        linger_s: seconds that a closing connection has to take its last bytes.
        payload_bytes: bytes of the largest payload in either direction.
        overhead_bytes: bytes that a packet may have besides its payload.
        frame_bytes: bytes of the largest WebSocket message, which may hold several packets.
        unread_bytes: bytes that may wait for a client that does not read; it is cut off above.
        unanswered: messages of one client that are being stored at a time; above, nothing more is read from it.
    """

    connect_timeout_s: float = 10
    keepalive_least_s: float = 30
    keepalive_most_s: float = 1_200
    keepalive_grace: float = 1.5
    sweep_s: float = 1
    linger_s: float = 5
    payload_bytes: int = 262_144
    overhead_bytes: int = 1_024
    frame_bytes: int = 524_288
    unread_bytes: int = 1_048_576
    unanswered: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationSettings:
    """What devices that register themselves are held to (device-plane reference §1.8).

    Attributes:
        plain: whether they may do so without TLS, where anyone on the way reads their secret.
        leave_s: seconds that a device has to leave by itself once it is told its secret.
        batch: the most registrations in one transaction.
        limits: see there.
    """

    plain: bool = False
    leave_s: float = 10
    batch: int = 500
    limits: RegistrationLimits = field(default_factory=RegistrationLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadLimits:
    """What downloads of files over MQTT may take (device-plane reference §2.9).

    Attributes:
        default_block_bytes: the size of a block when the device names none.
        most_block_bytes: the largest block; a device that asks for more is sent this much.
        token_characters: the longest `fileToken`; the C SDK has room for no more.
        requests_waiting: blocks that one device may have asked for and not been sent.
        unread_bytes: a device with more than this before it is sent no block until it has read on.
        blocks_at_once: blocks of all devices that are read or on their way at a time.
        pace_s: seconds until the first look at how far a device has read; each further one takes twice as long,
        slowest_pace_s: up to this.
        stalled_s: seconds after which a block that is not read counts as on its way no more.
        recheck_s: seconds after which it is looked up again whether the device may read the stream.
        idle_s: seconds without a request after which a download is forgotten.
        report_s: seconds between two reports of what a running download has taken.
        sweep_s: seconds between two looks for downloads that are idle or to be reported.
        chunk_bytes: how much of a file is read at a time.
        cache_bytes: how much of what was read is kept.
        reads: reads of the object store at a time; each has one file open.
    """

    default_block_bytes: int = 5_120
    most_block_bytes: int = 131_072
    token_characters: int = 128
    requests_waiting: int = 4
    unread_bytes: int = 65_536
    blocks_at_once: int = 256
    pace_s: float = 0.02
    slowest_pace_s: float = 1
    stalled_s: float = 10
    recheck_s: float = 15
    idle_s: float = 60
    report_s: float = 60
    sweep_s: float = 1
    chunk_bytes: int = 262_144
    cache_bytes: int = 33_554_432
    reads: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardLimits:
    """How much may be on its way to whoever takes the messages on custom topics.

    Attributes:
        messages_waiting: messages of all devices that are being taken over.
        bytes_waiting: their bytes.
        pause_s: seconds after a failure in which messages are refused at once.
    """

    messages_waiting: int = 10_000
    bytes_waiting: int = 33_554_432
    pause_s: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What the device gateway may be told.

    Attributes:
        mqtt: limits of a connection.
        subdevices: limits of gateways.
        registration: what devices that register themselves are held to.
        throttle: how wrong log-ins are slowed down.
        keepalive_checked: whether a log-in with a keepalive outside the bounds is refused, as on the platform (§1.2).
        downloads: limits of file downloads over MQTT.
        forward: limits of messages on custom topics.
        subscriptions: topic filters of one device at a time (device-plane reference §1.2).
        topic_bytes: bytes of the longest topic filter that is granted.
        push_delay_ms: milliseconds after the log-in when a push goes out at the latest, though the device gave no sign
            that it listens.
        pushes_unacknowledged: pushes that one device may leave without PUBACK; above, a push counts as undelivered.
        pushes_in_flight: pushes that one connection may leave without PUBACK, its sub-devices' included; above, they
            wait for it.
        withdrawals_remembered: the latest withdrawn pushes of one session that are not sent when they arrive late.
        versions_remembered: modules of which a session knows the version that its device has said.
        logins_per_lookup: the most log-ins that are looked up in one transaction.
        retold_s: seconds after which the end of a connection that could not be stored is told again.
    """

    mqtt: MqttLimits = field(default_factory=MqttLimits)
    subdevices: SubDeviceLimits = field(default_factory=SubDeviceLimits)
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    keepalive_checked: bool = False
    downloads: DownloadLimits = field(default_factory=DownloadLimits)
    forward: ForwardLimits = field(default_factory=ForwardLimits)
    subscriptions: int = 100
    topic_bytes: int = 256
    push_delay_ms: int = 5_000
    pushes_unacknowledged: int = 32
    pushes_in_flight: int = 128
    withdrawals_remembered: int = 8
    versions_remembered: int = 8
    logins_per_lookup: int = 1_000
    retold_s: float = 5

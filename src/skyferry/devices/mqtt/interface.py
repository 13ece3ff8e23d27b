"""What the MQTT end asks of the layer above it."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from skyferry.devices.mqtt.packets import Connect, ConnectCode


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, as far as the transport knows.

    Attributes:
        address: the client's IP address.
        encrypted: the connection is TLS.
        certificate: the client's certificate in DER, which the transport has verified; None when it gave none.
    """

    address: str
    encrypted: bool = False
    certificate: bytes | None = field(default=None, repr=False)


class Channel(Protocol):
    """A client's connection as the layer above sees it."""

    @property
    def unread(self) -> int:
        """Bytes that were sent and still wait for the client to read; 0 when the connection has ended."""
        ...

    @property
    def is_storing(self) -> bool:
        """Whether a message of the client is being stored and has no PUBACK yet."""
        ...

    def publish(self, topic: str, payload: bytes, packet_id: int = 0) -> None:
        """Sends a message at once: at QoS 1 under `packet_id`, or at QoS 0 when that is 0."""
        ...

    def close(self, reason: str) -> None:
        """Ends the connection; `Session.closed` has been called when this returns. The reason is for the log."""
        ...


class Session(Protocol):
    """One logged-in client. No method may raise."""

    def opened(self, channel: Channel) -> None:
        """The log-in was accepted: CONNACK goes out before anything that is published from here on."""
        ...

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        """The client published a message.

        Returns:
            None when the message is done with, otherwise what ends when it is stored: PUBACK waits for it, and a
            failure of a QoS 1 message ends the connection so that the client sends it again. With an
            `UnacknowledgedError` there is no PUBACK, and the connection stays.
        """
        ...

    def acknowledged(self, packet_id: int) -> None:
        """The client sent PUBACK for something that was published to it."""
        ...

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> Sequence[int]:
        """The client wants messages; gives the codes of SUBACK in the order of the filters."""
        ...

    def subscribed(self) -> None:
        """The SUBACK is written: what is published from here on follows it."""
        ...

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """The client wants these no more."""
        ...

    def closed(self, reason: str) -> None:
        """The connection ended; nothing can be sent any more. Called once after `opened`."""
        ...


class Handler(Protocol):
    """Decides who may log in."""

    async def log_in(self, connect: Connect, peer: Peer) -> Session | ConnectCode:
        """Checks the CONNECT of a client: gives the session to be opened, or the code of the refusal.

        The session is thrown away unopened when the client has gone meanwhile.
        """
        ...

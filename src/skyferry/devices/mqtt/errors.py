"""What can be wrong with the bytes of a client."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skyferry.devices.mqtt.packets import Packet


class MalformedPacketError(Exception):
    """The bytes are not MQTT as the standard has it.

    Attributes:
        packets: the packets that were complete and right before the wrong one, when the decoder raised it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.packets: list[Packet] = []


class UnsupportedProtocolError(MalformedPacketError):
    """A CONNECT of another protocol or version: the one violation that the standard answers (CONNACK 1)."""


class UnacknowledgedError(Exception):
    """A message was not taken over: it gets no PUBACK, so that the client sends it again, and the connection stays."""

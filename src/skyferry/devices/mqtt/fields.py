"""The field types that packets are made of (MQTT 3.1.1 §1.5, §4.7)."""

from skyferry.devices.mqtt.errors import MalformedPacketError


class Fields:
    """Reads the fields of a packet's body one after the other; true while something is left.

    Every method raises `MalformedPacketError` when the body does not hold what it should give.
    """

    __slots__ = ("_body", "_position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._body)

    def _take(self, size: int) -> bytes:
        start = self._position
        self._position += size
        if self._position > len(self._body):
            raise MalformedPacketError("packet is shorter than its fields")
        return self._body[start : self._position]

    def byte(self) -> int:
        """The next byte."""
        return self._take(1)[0]

    def number(self) -> int:
        """The next two bytes as a number."""
        return int.from_bytes(self._take(2), "big")

    def packet_id(self) -> int:
        """The next two bytes as a packet identifier."""
        packet_id = self.number()
        if not packet_id:
            raise MalformedPacketError("packet identifier is 0")
        return packet_id

    def data(self) -> bytes:
        """The next bytes behind their length."""
        return self._take(self.number())

    def text(self) -> str:
        """The next text behind its length."""
        text = self.data().decode()
        if "\0" in text:
            raise MalformedPacketError("text holds a NUL")
        return text

    def topic_name(self) -> str:
        """The next text as a topic to publish to."""
        topic = self.text()
        if not topic or "+" in topic or "#" in topic:
            raise MalformedPacketError("topic is empty or has wildcards")
        return topic

    def topic_filter(self) -> str:
        """The next text as a topic filter."""
        topic = self.text()
        levels = topic.split("/")
        if not topic or "#" in topic[:-1] or any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
            raise MalformedPacketError("topic filter is malformed")
        return topic

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self._take(len(self._body) - self._position)

    def end(self) -> None:
        """Says that no field is left."""
        if self:
            raise MalformedPacketError("packet is longer than its fields")

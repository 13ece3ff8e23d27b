"""Bytes to packets and back, without I/O. Strict: whatever the standard calls a protocol violation is refused.

Source: OASIS standard "MQTT Version 3.1.1", chapters 1.5 (text), 2 (fixed header), 3 (packets) and 4.7 (topics).
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from skyferry.devices.mqtt.errors import MalformedPacketError, UnsupportedProtocolError
from skyferry.devices.mqtt.fields import Fields
from skyferry.devices.mqtt.packets import (
    LEVEL_3_1,
    LEVEL_3_1_1,
    SUBSCRIPTION_REFUSED,
    ConnAck,
    Connect,
    ConnectCode,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
    Will,
)

_UNLIMITED: Final = 1 << 30
_CONTINUES: Final = 0x80
_LENGTH_BYTES: Final = 4
_ID_BYTES: Final = 2
_DUP: Final = 0x08
_QOS_2: Final = 2
_QOS_3: Final = 3

_USERNAME: Final = 0x80
_PASSWORD: Final = 0x40
_WILL_RETAIN: Final = 0x20
_WILL_QOS_SHIFT: Final = 3
_WILL: Final = 0x04
_CLEAN_SESSION: Final = 0x02
_CONNECT_RESERVED: Final = 0x01

_PROTOCOL_NAMES: Final = {LEVEL_3_1: "MQIsdp", LEVEL_3_1_1: "MQTT"}
_SimpleAck: TypeAlias = PubAck | PubRec | PubRel | PubComp | UnsubAck
_Empty: TypeAlias = PingReq | PingResp | Disconnect

_SIMPLE_ACKS: Final[dict[int, type[_SimpleAck]]] = {
    0x40: PubAck,
    0x50: PubRec,
    0x62: PubRel,
    0x70: PubComp,
    0xB0: UnsubAck,
}
_EMPTY: Final[dict[int, type[_Empty]]] = {0xC0: PingReq, 0xD0: PingResp, 0xE0: Disconnect}
_ACK_FIRST_BYTES: Final = {kind: first for first, kind in _SIMPLE_ACKS.items()}
_EMPTY_FIRST_BYTES: Final = {kind: first for first, kind in _EMPTY.items()}


class Decoder:
    """Cuts a stream of bytes into packets. Holds no memory but the bytes of an incomplete packet."""

    __slots__ = ("_max_packet", "_rest", "_wanted", "level")

    def __init__(self, max_packet: int) -> None:
        """Args: max_packet: bytes of the largest packet that is accepted, its header included."""
        self._max_packet = max_packet
        self.level = LEVEL_3_1_1
        """The protocol level that decides between the versions where they differ."""
        self._rest: bytearray | None = None
        self._wanted = 0

    def feed(self, data: bytes, most: int = _UNLIMITED) -> list[Packet]:
        """Takes the next bytes of the stream and gives the packets that are complete now.

        Args:
            data: what arrived; may be empty to go on with what an earlier call left.
            most: after that many packets the rest is kept undecoded for the next call.

        Raises:
            MalformedPacketError: the stream is broken; the decoder is of no use any more.
        """
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
            self._rest = None
        packets: list[Packet] = []
        try:
            used = self._decode(data, most, packets)
        except MalformedPacketError as error:
            error.packets = packets
            raise
        except UnicodeDecodeError:
            malformed = MalformedPacketError("text is not UTF-8")
            malformed.packets = packets
            raise malformed from None
        if used < len(data):
            self._rest = bytearray(data[used:])
        return packets

    def _decode(self, data: bytes, most: int, packets: list[Packet]) -> int:
        """Appends up to `most` packets and says how many bytes they were."""
        position, end = 0, len(data)
        parsers = _PARSERS_3_1 if self.level == LEVEL_3_1 else _PARSERS
        self._wanted = 0
        while position < end and len(packets) < most:
            first = data[position]
            parse = parsers[first]
            if parse is None:
                raise MalformedPacketError(f"no packet begins with 0x{first:02x}")
            if end - position > 1 and data[position + 1] < _CONTINUES:
                body, stop = position + 2, position + 2 + data[position + 1]
            else:
                found = _remaining_length(data, position + 1)
                if found is None:
                    break
                body, stop = found
            if stop - position > self._max_packet:
                raise MalformedPacketError("packet is too large")
            if stop > end:
                self._wanted = stop - position
                break
            packets.append(parse(first, data[body:stop]))
            position = stop
        return position


def encode(packet: Packet) -> bytes:
    """The bytes of a packet.

    Raises:
        OverflowError: a text or the packet is longer than MQTT can say.
    """
    return _ENCODERS[type(packet)](packet)


def _encode_publish(packet: Publish) -> bytes:
    first = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    packet_id = packet.packet_id.to_bytes(2, "big") if packet.qos else b""
    return _framed(first, _text(packet.topic) + packet_id + packet.payload)


def _encode_connect(packet: Connect) -> bytes:
    flags = _CLEAN_SESSION if packet.clean_session else 0
    payload = [_text(packet.client_id)]
    if packet.will is not None:
        flags |= _WILL | packet.will.qos << _WILL_QOS_SHIFT | (_WILL_RETAIN if packet.will.retain else 0)
        payload += [_text(packet.will.topic), _prefixed(packet.will.payload)]
    if packet.username is not None:
        flags |= _USERNAME
        payload.append(_text(packet.username))
    if packet.password is not None:
        flags |= _PASSWORD
        payload.append(_prefixed(packet.password))
    head = _text(_PROTOCOL_NAMES[packet.level]) + bytes((packet.level, flags)) + packet.keepalive.to_bytes(2, "big")
    return _framed(0x10, head + b"".join(payload))


def _encode_connack(packet: ConnAck) -> bytes:
    return bytes((0x20, 2, packet.session_present, packet.code))


def _encode_simple_ack(packet: _SimpleAck) -> bytes:
    return bytes((_ACK_FIRST_BYTES[type(packet)], 2)) + packet.packet_id.to_bytes(2, "big")


def _encode_empty(packet: _Empty) -> bytes:
    return bytes((_EMPTY_FIRST_BYTES[type(packet)], 0))


def _encode_subscribe(packet: Subscribe) -> bytes:
    wanted = b"".join(_text(topic) + bytes((qos,)) for topic, qos in packet.filters)
    return _framed(0x82, packet.packet_id.to_bytes(2, "big") + wanted)


def _encode_suback(packet: SubAck) -> bytes:
    return _framed(0x90, packet.packet_id.to_bytes(2, "big") + bytes(packet.codes))


def _encode_unsubscribe(packet: Unsubscribe) -> bytes:
    return _framed(0xA2, packet.packet_id.to_bytes(2, "big") + b"".join(map(_text, packet.filters)))


_ENCODERS: Final[dict[type[Packet], Callable[[Any], bytes]]] = {
    Connect: _encode_connect,
    ConnAck: _encode_connack,
    Publish: _encode_publish,
    Subscribe: _encode_subscribe,
    SubAck: _encode_suback,
    Unsubscribe: _encode_unsubscribe,
    **dict.fromkeys(_ACK_FIRST_BYTES, _encode_simple_ack),
    **dict.fromkeys(_EMPTY_FIRST_BYTES, _encode_empty),
}


def _framed(first: int, body: bytes) -> bytes:
    length = len(body)
    if length < _CONTINUES:
        return bytes((first, length)) + body
    header = bytearray((first,))
    while length:
        length, digit = divmod(length, 128)
        header.append(digit | (_CONTINUES if length else 0))
    if len(header) > 1 + _LENGTH_BYTES:
        raise OverflowError("The packet is longer than MQTT can say.")
    return bytes(header) + body


def _text(text: str) -> bytes:
    return _prefixed(text.encode())


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _remaining_length(data: bytes, position: int) -> tuple[int, int] | None:
    """Where the body of a packet begins and ends; None while the length itself is incomplete."""
    length = 0
    for index, digit in enumerate(data[position : position + _LENGTH_BYTES]):
        length |= (digit & 0x7F) << 7 * index
        if digit < _CONTINUES:
            body = position + index + 1
            return body, body + length
    if len(data) - position >= _LENGTH_BYTES:
        raise MalformedPacketError("remaining length has more than four bytes")
    return None


def _parse_publish(first: int, body: bytes) -> Packet:
    qos = first >> 1 & 3
    topic_end = 2 + int.from_bytes(body[:2], "big")
    payload = topic_end + 2 if qos else topic_end
    if payload > len(body):
        raise MalformedPacketError("PUBLISH is shorter than its topic")
    topic = body[2:topic_end].decode()
    if not topic or "\0" in topic or "+" in topic or "#" in topic:
        raise MalformedPacketError("PUBLISH has no possible topic")
    packet_id = int.from_bytes(body[topic_end:payload], "big")
    if qos and not packet_id:
        raise MalformedPacketError("packet identifier is 0")
    return Publish(topic, body[payload:], qos, packet_id, bool(first & 1), bool(first & 8))


def _parse_connect(_first: int, body: bytes) -> Packet:
    fields = Fields(body)
    name, level = fields.text(), fields.byte()
    if _PROTOCOL_NAMES.get(level) != name:
        raise UnsupportedProtocolError(f"protocol {name[:16]!r} level {level}")
    flags, keepalive = fields.byte(), fields.number()
    has_will, will_qos = flags & _WILL, flags >> _WILL_QOS_SHIFT & 3
    if flags & _CONNECT_RESERVED or will_qos == _QOS_3 or (not has_will and (will_qos or flags & _WILL_RETAIN)):
        raise MalformedPacketError("CONNECT flags are wrong")
    if flags & _PASSWORD and not flags & _USERNAME:
        raise MalformedPacketError("CONNECT has a password without a user name")
    client_id = fields.text()
    will = Will(fields.topic_name(), fields.data(), will_qos, bool(flags & _WILL_RETAIN)) if has_will else None
    username = fields.text() if flags & _USERNAME else None
    password = fields.data() if flags & _PASSWORD else None
    fields.end()
    return Connect(client_id, username, password, keepalive, bool(flags & _CLEAN_SESSION), will, level)


def _parse_connack(_first: int, body: bytes) -> Packet:
    fields = Fields(body)
    present, code = fields.byte(), fields.byte()
    fields.end()
    if present > 1 or code > ConnectCode.NOT_AUTHORIZED or (present and code):
        raise MalformedPacketError("CONNACK is wrong")
    return ConnAck(ConnectCode(code), bool(present))


def _parse_simple_ack(first: int, body: bytes) -> Packet:
    if len(body) != _ID_BYTES:
        raise MalformedPacketError("acknowledgement has a wrong length")
    packet_id = body[0] << 8 | body[1]
    if not packet_id:
        raise MalformedPacketError("packet identifier is 0")
    return _SIMPLE_ACKS[first](packet_id)


def _parse_empty(first: int, body: bytes) -> Packet:
    if body:
        raise MalformedPacketError("packet has a body and must have none")
    return _EMPTY[first]()


def _parse_subscribe(_first: int, body: bytes) -> Packet:
    fields = Fields(body)
    packet_id = fields.packet_id()
    filters: list[tuple[str, int]] = []
    while fields or not filters:
        topic, qos = fields.topic_filter(), fields.byte()
        if qos > _QOS_2:
            raise MalformedPacketError("SUBSCRIBE asks for an unknown QoS")
        filters.append((topic, qos))
    return Subscribe(packet_id, tuple(filters))


def _parse_suback(_first: int, body: bytes) -> Packet:
    fields = Fields(body)
    packet_id, codes = fields.packet_id(), tuple(fields.rest())
    if not codes or any(code > _QOS_2 and code != SUBSCRIPTION_REFUSED for code in codes):
        raise MalformedPacketError("SUBACK has unknown codes")
    return SubAck(packet_id, codes)


def _parse_unsubscribe(_first: int, body: bytes) -> Packet:
    fields = Fields(body)
    packet_id = fields.packet_id()
    filters = [fields.topic_filter()]
    while fields:
        filters.append(fields.topic_filter())
    return Unsubscribe(packet_id, tuple(filters))


def _parsers(level: int) -> tuple[Callable[[int, bytes], Packet] | None, ...]:
    """For each possible first byte (type and flags) the function that reads the body; None where it is reserved.

    In MQTT 3.1 a SUBSCRIBE or UNSUBSCRIBE that is sent again says so by the flag DUP (§2.1 there).
    """
    table: list[Callable[[int, bytes], Packet] | None] = [None] * 256
    table[0x10], table[0x20], table[0x82], table[0x90], table[0xA2] = (
        _parse_connect,
        _parse_connack,
        _parse_subscribe,
        _parse_suback,
        _parse_unsubscribe,
    )
    if level == LEVEL_3_1:
        table[0x82 | _DUP], table[0xA2 | _DUP] = _parse_subscribe, _parse_unsubscribe
    for first in _SIMPLE_ACKS:
        table[first] = _parse_simple_ack
    for first in _EMPTY:
        table[first] = _parse_empty
    for flags in range(16):
        qos, dup = flags >> 1 & 3, flags & _DUP
        if qos != _QOS_3 and (qos or not dup):
            table[0x30 | flags] = _parse_publish
    return tuple(table)


_PARSERS: Final = _parsers(LEVEL_3_1_1)
_PARSERS_3_1: Final = _parsers(LEVEL_3_1)

"""The codec: known bytes, every violation of the standard that it must see, and arbitrary input."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skyferry.devices.mqtt.codec import Decoder, encode
from skyferry.devices.mqtt.errors import MalformedPacketError, UnsupportedProtocolError
from skyferry.devices.mqtt.packets import (
    LEVEL_3_1,
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

MAX = 300_000

KNOWN: list[tuple[str, Packet]] = [
    ("100d 0004 4d515454 04 02 003c 0001 61", Connect("a", keepalive=60)),
    ("1014 0006 4d5149736470 03 c2 0078 0001 61 0001 75 0000", Connect("a", "u", b"", 120, level=3)),
    (
        "101c 0004 4d515454 04 ee 0000 0001 61 0002 772f 0003 000102 0001 75 0001 ff",
        Connect("a", "u", b"\xff", will=Will("w/", b"\0\1\2", 1, retain=True)),
    ),
    ("20020004", ConnAck(ConnectCode.BAD_CREDENTIALS)),
    ("20020100", ConnAck(ConnectCode.ACCEPTED, session_present=True)),
    ("3005 0003 612f62", Publish("a/b", b"")),
    ("3b09 0003 612f62 000a 6869", Publish("a/b", b"hi", 1, 10, retain=True, dup=True)),
    ("3407 0003 612f62 ffff", Publish("a/b", b"", 2, 65_535)),
    ("40020001", PubAck(1)),
    ("50020001", PubRec(1)),
    ("62020001", PubRel(1)),
    ("70020001", PubComp(1)),
    ("820a 000a 0001 23 01 0001 2b 02", Subscribe(10, (("#", 1), ("+", 2)))),
    ("9005 000a 01 00 80", SubAck(10, (1, 0, 0x80))),
    ("a209 000a 0005 612f2b2f23", Unsubscribe(10, ("a/+/#",))),
    ("b002000a", UnsubAck(10)),
    ("c000", PingReq()),
    ("d000", PingResp()),
    ("e000", Disconnect()),
]


@pytest.mark.parametrize(("text", "packet"), KNOWN, ids=lambda value: value if isinstance(value, str) else "")
def test_known_bytes(text: str, packet: Packet) -> None:
    data = bytes.fromhex(text)
    assert encode(packet) == data
    assert Decoder(MAX).feed(data) == [packet]


@pytest.mark.parametrize(
    "size", [0, 127 - 3, 128 - 3, 16_383 - 3, 16_384 - 3, 262_144], ids=lambda size: f"payload of {size}"
)
def test_remaining_length_of_every_size(size: int) -> None:
    packet = Publish("t", bytes(size))
    assert Decoder(MAX).feed(encode(packet)) == [packet]


def test_a_packet_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    data = encode(Publish("t", bytes(1_000)))
    assert len(Decoder(len(data)).feed(data)) == 1
    with pytest.raises(MalformedPacketError, match="too large"):
        Decoder(len(data) - 1).feed(data[:3])  # seen in the header, before anything is kept


MALFORMED = {
    "type 0": "0000",
    "type 15": "f000",
    "type 15 alone": "f0",
    "PUBACK with flags": "41020001",
    "PUBREL without its flags": "60020001",
    "SUBSCRIBE without its flags": "8006 0001 0001 61 00",
    "UNSUBSCRIBE without its flags": "a005 0001 0001 61",
    "CONNECT with flags": "110d 0004 4d515454 04 02 003c 0001 61",
    "PINGREQ with flags": "c100",
    "PINGREQ with a body": "c00100",
    "DISCONNECT with a body": "e00100",
    "length of five bytes": "3080808080",
    "QoS 3": "3607 0003 612f62 0001",
    "DUP at QoS 0": "3805 0003 612f62",
    "PUBLISH without a topic": "3001 00",
    "PUBLISH shorter than its topic": "3003 0005 61",
    "PUBLISH with an empty topic": "3002 0000",
    "PUBLISH to +": "3003 0001 2b",
    "PUBLISH to #": "3003 0001 23",
    "PUBLISH with NUL": "3003 0001 00",
    "PUBLISH with half a character": "3003 0001 c3",
    "PUBLISH with a surrogate": "3005 0003 eda080",
    "PUBLISH without packet identifier": "3203 0001 61",
    "PUBLISH with packet identifier 0": "3205 0001 61 0000",
    "PUBACK with packet identifier 0": "40020000",
    "PUBACK too long": "4003000100",
    "SUBSCRIBE to nothing": "8202 0001",
    "SUBSCRIBE with packet identifier 0": "8206 0000 0001 61 00",
    "SUBSCRIBE at QoS 3": "8206 0001 0001 61 03",
    "SUBSCRIBE with reserved bits": "8206 0001 0001 61 81",
    "SUBSCRIBE without QoS": "8205 0001 0001 61",
    "SUBSCRIBE to an empty filter": "8205 0001 0000 00",
    "SUBSCRIBE to a#": "8207 0001 0002 6123 00",
    "SUBSCRIBE to #/a": "8208 0001 0003 232f61 00",
    "SUBSCRIBE to a+": "8207 0001 0002 612b 00",
    "SUBSCRIBE with NUL": "8206 0001 0001 00 00",
    "UNSUBSCRIBE from nothing": "a202 0001",
    "CONNECT with the reserved flag": "100d 0004 4d515454 04 03 003c 0001 61",
    "CONNECT with a password only": "1010 0004 4d515454 04 42 003c 0001 61 0001 70",
    "CONNECT with a will's QoS only": "100d 0004 4d515454 04 0a 003c 0001 61",
    "CONNECT with a will's retain only": "100d 0004 4d515454 04 22 003c 0001 61",
    "CONNECT with will QoS 3": "1013 0004 4d515454 04 1e 003c 0001 61 0001 74 0001 70",
    "CONNECT with a wildcard will": "1013 0004 4d515454 04 06 003c 0001 61 0001 23 0001 70",
    "CONNECT too short": "100c 0004 4d515454 04 02 003c 0001",
    "CONNECT too long": "100e 0004 4d515454 04 02 003c 0001 61 00",
    "CONNECT with NUL": "100d 0004 4d515454 04 02 003c 0001 00",
    "CONNACK with unknown flags": "20020200",
    "CONNACK with an unknown code": "20020006",
    "CONNACK refusing a session": "20020105",
    "SUBACK of nothing": "9002 000a",
    "SUBACK with an unknown code": "9003 000a 03",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed(text: str) -> None:
    with pytest.raises(MalformedPacketError) as caught:
        Decoder(MAX).feed(bytes.fromhex("c000" + text))
    assert caught.value.packets == [PingReq()], "what came before is not lost"
    assert not isinstance(caught.value, UnsupportedProtocolError)


@pytest.mark.parametrize(
    "text",
    [
        "100e 0004 4d515454 05 02 003c 00 0001 61",  # MQTT 5 has properties here
        "100d 0004 4d515454 03 02 003c 0001 61",
        "100f 0006 4d5149736470 04 02 003c 0001 61",
        "100d 0004 4d515454 84 02 003c 0001 61",
        "100d 0004 6d717474 04 02 003c 0001 61",
    ],
)
def test_other_protocols(text: str) -> None:
    with pytest.raises(UnsupportedProtocolError):
        Decoder(MAX).feed(bytes.fromhex(text))


def test_only_version_3_1_marks_subscriptions_that_are_sent_again() -> None:
    subscribe, unsubscribe = Subscribe(1, (("/a", 1),)), Unsubscribe(2, ("/a",))
    again = [bytes([encode(packet)[0] | 0x08]) + encode(packet)[1:] for packet in (subscribe, unsubscribe)]
    older = Decoder(MAX)
    older.level = LEVEL_3_1
    assert older.feed(b"".join(again)) == [subscribe, unsubscribe]
    for data in again:
        with pytest.raises(MalformedPacketError):
            Decoder(MAX).feed(data)


def test_what_is_not_asked_for_stays_undecoded() -> None:
    decoder = Decoder(MAX)
    data = encode(Connect("a")) + encode(PingReq()) + encode(PubAck(7))
    assert decoder.feed(data + b"\xf0", 1) == [Connect("a")]
    assert decoder.feed(b"", 0) == []
    assert decoder.feed(b"\0", 2) == [PingReq(), PubAck(7)]
    with pytest.raises(MalformedPacketError):
        decoder.feed(b"")


def test_too_long_a_text_is_not_encoded() -> None:
    with pytest.raises(OverflowError):
        encode(Publish("t" * 65_536, b""))


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_topic = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0+#"), min_size=1, max_size=40)
_level = st.one_of(st.just("+"), st.text("abc/ü", max_size=4))
_filter = st.builds(
    lambda levels, end: "/".join([*levels, *end]), st.lists(_level, max_size=4), st.sampled_from([["#"], ["a"], ["+"]])
)
_id = st.integers(1, 65_535)
_qos = st.integers(0, 2)
_blob = st.binary(max_size=300)
_will = st.builds(Will, _topic, _blob, _qos, st.booleans())
_keepalive = st.integers(0, 65_535)
_level_number = st.sampled_from([3, 4])

_packets: st.SearchStrategy[Packet] = st.one_of(
    st.builds(Connect, _text, st.none(), st.none(), _keepalive, st.booleans(), st.none() | _will, _level_number),
    st.builds(Connect, _text, _text, st.none() | _blob, _keepalive, st.booleans(), st.none() | _will, _level_number),
    st.builds(ConnAck, st.sampled_from(ConnectCode)),
    st.builds(Publish, _topic, _blob, retain=st.booleans()),
    st.builds(Publish, _topic, _blob, st.integers(1, 2), _id, st.booleans(), st.booleans()),
    *(st.builds(kind, _id) for kind in (PubAck, PubRec, PubRel, PubComp, UnsubAck)),
    st.builds(Subscribe, _id, st.lists(st.tuples(_filter, _qos), min_size=1, max_size=5).map(tuple)),
    st.builds(SubAck, _id, st.lists(st.sampled_from([0, 1, 2, 0x80]), min_size=1).map(tuple)),
    st.builds(Unsubscribe, _id, st.lists(_filter, min_size=1, max_size=5).map(tuple)),
    st.sampled_from([PingReq(), PingResp(), Disconnect()]),
)


def _fed(data: bytes, cuts: list[int]) -> tuple[list[Packet], str | None]:
    """What a decoder gives for a stream that arrives in pieces, and how it ends."""
    decoder = Decoder(MAX)
    packets: list[Packet] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, stop in pairwise(edges):
        try:
            packets += decoder.feed(data[start:stop])
        except MalformedPacketError as error:
            return packets + error.packets, str(error)
    return packets, None


@settings(deadline=None)
@given(st.lists(_packets, max_size=6), st.lists(st.integers(0, 10_000), max_size=12))
def test_round_trip_in_any_pieces(packets: list[Packet], cuts: list[int]) -> None:
    data = b"".join(map(encode, packets))
    assert _fed(data, cuts) == (packets, None)


@settings(deadline=None)
@given(st.lists(_packets, max_size=3), st.binary(max_size=80), st.lists(st.integers(0, 10_000), max_size=12))
def test_arbitrary_bytes_are_read_or_refused_the_same_in_any_pieces(
    packets: list[Packet], garbage: bytes, cuts: list[int]
) -> None:
    data = b"".join(map(encode, packets)) + garbage
    assert _fed(data, cuts) == _fed(data, [])


@settings(deadline=None)
@given(_packets, st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_raises_anything_else(packet: Packet, position: int, flip: int) -> None:
    data = bytearray(encode(packet))
    data[position % len(data)] ^= flip
    for decoded in _fed(bytes(data), [])[0]:
        assert Decoder(MAX).feed(encode(decoded)) == [decoded], "what is accepted can be written"

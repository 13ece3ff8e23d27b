"""The codec takes any bytes: packets or a refusal, and never more memory than one packet may have."""

from typing import Final

from skyferry.devices.mqtt.codec import Decoder, encode
from skyferry.devices.mqtt.errors import MalformedPacketError
from skyferry.devices.mqtt.packets import Packet
from tests.fuzz.corpus import CONNECTS, PACKETS
from tests.fuzz.mutating import mutated, pieces, rounds

MOST_BYTES: Final = 20_000


def test_any_bytes_are_packets_or_refused() -> None:
    for seed, dice in rounds():
        data = b"".join(mutated(dice, (*CONNECTS, *PACKETS)) for _ in range(dice.randint(1, 5)))
        whole, in_pieces = (decoded(list(each)) for each in ([data], pieces(dice, data)))
        assert whole == in_pieces, f"seed {seed}"
        for packet in whole[0]:
            assert Decoder(1 << 20).feed(encode(packet)) == [packet], f"seed {seed}"


def decoded(arriving: list[bytes]) -> tuple[list[Packet], bool]:
    """The packets, and whether the rest was refused."""
    decoder = Decoder(MOST_BYTES)
    packets: list[Packet] = []
    for data in arriving:
        try:
            packets += decoder.feed(data)
        except MalformedPacketError as error:
            return packets + error.packets, True
    return packets, False

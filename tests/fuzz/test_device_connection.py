"""A whole connection of anybody: it is answered as the device that it is, or ended, and nothing else suffers."""

from contextlib import suppress
from random import Random

from skyferry.devices.mqtt.packets import ConnAck, ConnectCode, Packet, PingReq, PingResp, Publish
from tests.fuzz.corpus import CONNECTS, PACKETS, PAYLOADS, TOPICS
from tests.fuzz.mutating import mutated, pieces, rounds
from tests.unit.devices.subdevices.gateway_world import FOREIGN, GATEWAYS, SUBDEVICES, GatewayClient, GatewayWorld

_OWN = tuple(f"/{owner}" for owner in (f"{GATEWAYS}/gateway-1", f"{SUBDEVICES}/sub-"))


async def test_a_connection_before_its_log_in(world: GatewayWorld) -> None:
    for seed, dice in rounds():
        async with world.client() as client:
            await send_anything(client, dice, (*CONNECTS, *PACKETS[:20]))
            packets = await client.closed()
        assert packets in ([], *([ConnAck(code)] for code in ConnectCode if code is not ConnectCode.ACCEPTED)), seed
    await check_alive(world)


async def test_a_logged_in_gateway_that_sends_any_packets(world: GatewayWorld) -> None:
    async with world.client("gateway-2") as bystander:
        await bystander.log_in()
        for seed, dice in rounds():
            async with world.client() as client:
                await client.log_in()
                await send_anything(client, dice, PACKETS)
                check_own(await client.closed(), seed)
            world.bus.reports.clear()
        await bystander.send(PingReq())
        assert await bystander.receive() == PingResp(), "another connection was told something, or ended"


async def test_a_logged_in_gateway_that_asks_anything(world: GatewayWorld) -> None:
    """Right packets with any payload: the connection is never ended for one."""
    async with world.client() as client:
        await client.log_in()
        await client.open("sub-1", "sub-2")
        for seed, dice in rounds():
            topic = dice.choice(TOPICS)
            await client.send(Publish(topic, mutated(dice, PAYLOADS), 0), PingReq())
            answers: list[Packet] = []
            while (packet := await client.receive()) != PingResp():
                answers.append(packet)
            check_own(answers, seed)
            world.bus.reports.clear()


async def send_anything(client: GatewayClient, dice: Random, corpus: tuple[bytes, ...]) -> None:
    """Sends some packets, right and wrong, and ends."""
    data = b"".join(mutated(dice, corpus) for _ in range(dice.randint(1, 6)))
    with suppress(ConnectionError):
        for piece in pieces(dice, data):
            await client.send(piece)
        client.end()


def check_own(packets: list[Packet], seed: int) -> None:
    """Everything must be about the gateway or its sub-devices, and nothing about another account's."""
    for packet in packets:
        if isinstance(packet, Publish):
            assert any(own in packet.topic for own in _OWN), f"seed {seed}: {packet}"
            assert FOREIGN.encode() not in packet.payload, f"seed {seed}: {packet}"


async def check_alive(world: GatewayWorld) -> None:
    async with world.client() as client:
        await client.log_in()

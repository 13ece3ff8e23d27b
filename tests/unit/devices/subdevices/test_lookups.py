"""A storm of gateways: what arrives while one transaction runs shares the next one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from skyferry.bus.messages import SubDevicesDetached
from skyferry.devices.subdevices.lookups import Lookups
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.topology import Attachable, Attached, Attachment, Found
from tests.unit.devices.subdevices.gateway_world import BOX, FixedClock
from tests.unit.devices.support import RecordingBus


class SlowStore:
    """A store whose transactions wait for the test, and which finds nobody."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.goes_on = asyncio.Event()

    async def read(self, _function: Callable[..., Any], queries: Sequence[object], *_: object) -> list[Found]:
        self.sizes.append(len(queries))
        await self.goes_on.wait()
        return [Found(by_gateway=True, subdevice=None) for _ in queries]

    async def write(self, _function: Callable[..., Any], wanted: Sequence[Attachment], **_: object) -> list[Attached]:
        self.sizes.append(len(wanted))
        await self.goes_on.wait()
        return [Attached(Attachable.YES, {7: frozenset({number})}) for number, _ in enumerate(wanted)]


def make(store: SlowStore, bus: RecordingBus) -> Lookups:
    return Lookups(store, BOX, bus, FixedClock(), most=2_000, at_once=1_000)  # type: ignore[arg-type]


async def test_all_log_ins_that_wait_are_looked_up_together() -> None:
    store = SlowStore()
    lookups = make(store, RecordingBus())
    addresses = [DeviceAddress("a1", f"sub-{number}") for number in range(50)]
    storm = [asyncio.create_task(lookups.find(gateway, addresses)) for gateway in range(41)]
    await asyncio.sleep(0)
    store.goes_on.set()

    found = await asyncio.gather(*storm)

    assert {len(each) for each in found} == {50}
    assert sum(store.sizes) == 41 * 50
    assert len(store.sizes) <= 4


async def test_all_topologies_that_wait_are_stored_together_and_each_former_gateway_is_told() -> None:
    store, bus = SlowStore(), RecordingBus()
    commands: list[object] = []

    async def carry_out(given: Sequence[object]) -> None:
        commands.extend(given)

    bus.on_commands = carry_out
    lookups = make(store, bus)
    storm = [asyncio.create_task(lookups.attach(Attachment(gateway, frozenset({1})))) for gateway in range(30)]
    await asyncio.sleep(0)
    store.goes_on.set()

    assert set(await asyncio.gather(*storm)) == {Attachable.YES}
    await lookups.drain()
    assert store.sizes == [30] or len(store.sizes) == 2
    assert len(commands) == 30
    assert all(isinstance(command, SubDevicesDetached) and command.gateway_id == 7 for command in commands)

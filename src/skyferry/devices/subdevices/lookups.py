"""The store as the handlers of gateways' requests use it: what arrives while one transaction runs shares the next."""

from collections.abc import Sequence

from skyferry.batching import Batcher
from skyferry.bus.interface import Bus
from skyferry.bus.messages import SubDevicesDetached
from skyferry.clock import Clock
from skyferry.fleet import topology
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.topology import Attachable, Attached, Attachment, Found, SubDeviceQuery
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

_ATTACHMENTS_AT_ONCE = 100


class Lookups:
    """Finds and moves sub-devices."""

    def __init__(self, store: Store, box: SecretBox, bus: Bus, clock: Clock, *, most: int, at_once: int) -> None:
        """Args: most: sub-devices of one gateway; at_once: look-ups in one transaction."""
        self.store = store
        self._box = box
        self._bus = bus
        self._clock = clock
        self._most = most
        self._queries: Batcher[SubDeviceQuery, Found] = Batcher(self._find, most=at_once)
        self._attachments: Batcher[Attachment, Attached] = Batcher(self._attach, most=_ATTACHMENTS_AT_ONCE)

    async def find(self, gateway_id: int, addresses: Sequence[DeviceAddress]) -> Sequence[Found]:
        """Looks up what a gateway says of devices, in the order of the addresses.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        pending = [self._queries.submit(SubDeviceQuery(gateway_id, address)) for address in addresses]
        return [await future for future in pending]

    async def attach(self, attachment: Attachment) -> Attachable:
        """Puts sub-devices behind a gateway; the sessions that they have through another one end.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        attached = await self._attachments.submit(attachment)
        if attached.left:
            left = [SubDevicesDetached(gateway_id, tuple(keys)) for gateway_id, keys in attached.left.items()]
            await self._bus.command(left)
        return attached.attachable

    async def unregister(self, gateway_id: int, device_ids: Sequence[int]) -> None:
        """Takes sub-devices away from a gateway and lets each register once more.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        await self.store.write(topology.unregister, gateway_id, device_ids, now=self._clock.now_ms())

    async def drain(self) -> None:
        """Waits until no transaction runs."""
        await self._queries.drain()
        await self._attachments.drain()

    async def _find(self, queries: Sequence[SubDeviceQuery]) -> Sequence[Found]:
        return await self.store.read(topology.find_subdevices, queries, self._box)

    async def _attach(self, attachments: Sequence[Attachment]) -> Sequence[Attached]:
        return await self.store.write(topology.attach, attachments, now=self._clock.now_ms(), most=self._most)

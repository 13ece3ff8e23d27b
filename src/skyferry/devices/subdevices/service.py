"""Gateways as the device gateway sees them: handlers of their requests, and the commands that are about them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from skyferry.bus.interface import Bus
from skyferry.bus.messages import SubDevicesDetached, TellGateway
from skyferry.clock import Clock
from skyferry.devices.requests import Handler
from skyferry.devices.sessions import DeviceSession, LoggedInDevice
from skyferry.devices.subdevices import notices
from skyferry.devices.subdevices.children import DETACHED
from skyferry.devices.subdevices.lookups import Lookups
from skyferry.devices.subdevices.registration import SubDeviceRegistration
from skyferry.devices.subdevices.requests import SubDeviceRequests, detached
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

if TYPE_CHECKING:
    from skyferry.devices.limits import GatewaySettings


class SubDeviceService:
    """All that is done for gateways."""

    def __init__(self, store: Store, box: SecretBox, bus: Bus, clock: Clock, settings: "GatewaySettings") -> None:
        limits = settings.subdevices
        self._lookups = Lookups(store, box, bus, clock, most=limits.subdevices, at_once=settings.logins_per_lookup)
        self._requests = SubDeviceRequests(self._lookups, limits)
        self._registration = SubDeviceRegistration(store, box, bus, clock, limits, plain=settings.registration.plain)

    def handlers(self) -> Mapping[str, Handler]:
        """For each service of gateways its handler."""
        return {**self._requests.handlers(), **self._registration.handlers()}

    def carry_out(self, command: SubDevicesDetached | TellGateway, gateway: LoggedInDevice | None) -> None:
        """Carries out a command about a gateway; a gateway that is not connected here has nothing to do or to hear."""
        if not isinstance(gateway, DeviceSession):
            return
        if isinstance(command, SubDevicesDetached):
            detached(gateway, command.device_ids, DETACHED)
        else:
            pattern, payload = notices.topology(command)
            gateway.send(gateway.topics.of(pattern), payload)

    async def drain(self) -> None:
        """Waits until nothing is being looked up or stored."""
        await self._lookups.drain()

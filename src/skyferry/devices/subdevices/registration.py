"""Requests of gateways for the secrets of sub-devices (device-plane reference §2.10)."""

from collections.abc import Mapping, Sequence
from typing import Final

from skyferry.bus.interface import Bus
from skyferry.bus.messages import DisconnectDevice
from skyferry.clock import Clock
from skyferry.devices.requests import Handler
from skyferry.devices.sessions import DeviceSession
from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.devices.subdevices.replies import Envelope, RefusalError, ReplyCode, named
from skyferry.devices.subdevices.requests import NO_GATEWAY, handler_of, proof_of, subdevice_of
from skyferry.fleet import subdevice_registration
from skyferry.fleet.dynamic_registration import Refusal
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.proofs import Proof
from skyferry.fleet.subdevice_registration import NoGatewayError, RegistrationRefusedError, WrongProofError
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

_REFUSALS: Final[Mapping[Refusal | None, tuple[ReplyCode, str]]] = {
    None: (ReplyCode.ANOTHER_GATEWAY, "The device is behind another gateway."),
    Refusal.UNKNOWN_DEVICE: (ReplyCode.DEVICE_NOT_FOUND, "The gateway's instance has no such device: register it."),
    Refusal.DISABLED: (ReplyCode.DISABLED, "The sub-device is disabled."),
    Refusal.SWITCHED_OFF: (ReplyCode.REGISTRATION_CLOSED, "The product allows no dynamic registration."),
    Refusal.ACTIVATED: (ReplyCode.ALREADY_ACTIVATED, "The device was online before: reset it first."),
}
_BUSY: Final = (ReplyCode.SERVER_ERROR, "The device is being registered by someone else. Try again later.")


class SubDeviceRegistration:
    """Registers the sub-devices of gateways, a request in a transaction."""

    def __init__(
        self, store: Store, box: SecretBox, bus: Bus, clock: Clock, limits: SubDeviceLimits, *, plain: bool
    ) -> None:
        """Args: plain: whether secrets may go over connections without TLS."""
        self._store = store
        self._box = box
        self._bus = bus
        self._clock = clock
        self._limits = limits
        self._plain = plain

    def handlers(self) -> Mapping[str, Handler]:
        """For each service its handler."""
        return {
            "thing/sub/register": handler_of(self._register, listed=True),
            "thing/proxy/provisioning/product_register": handler_of(self._register_by_product, listed=True),
        }

    async def _register(self, gateway: DeviceSession, envelope: Envelope) -> object:
        items = envelope.items("deviceList", most=self._limits.registration_batch)
        return await self._answer(gateway, [subdevice_of(item) for item in items])

    async def _register_by_product(self, gateway: DeviceSession, envelope: Envelope) -> object:
        items = envelope.items("proxieds", most=self._limits.registration_batch)
        proofs = [proof_of(item) for item in items]
        return await self._answer(gateway, [proof.address for proof in proofs], proofs)

    async def _answer(
        self, gateway: DeviceSession, addresses: Sequence[DeviceAddress], proofs: Sequence[Proof] = ()
    ) -> object:
        if not gateway.encrypted and not self._plain:
            raise RefusalError(ReplyCode.REGISTRATION_CLOSED, "Secrets are given over TLS only: connect with TLS.")
        try:
            registered = await self._store.write(
                subdevice_registration.register,
                gateway.device_id,
                addresses,
                proofs=proofs,
                box=self._box,
                now=self._clock.now_ms(),
            )
        except NoGatewayError:
            raise RefusalError(ReplyCode.REQUEST_ERROR, NO_GATEWAY) from None
        except WrongProofError as error:
            text = "The signature is not made with the ProductSecret of the sub-device's product."
            raise RefusalError(ReplyCode.WRONG_PRODUCT_SIGNATURE, text, error.address) from None
        except RegistrationRefusedError as error:
            code, text = _REFUSALS.get(error.refusal, _BUSY)
            raise RefusalError(code, text, error.address) from None
        ended = [DisconnectDevice(device.ended) for device in registered if device.ended is not None]
        if ended:
            await self._bus.command(ended)
        return [
            named(device.address) | {"deviceSecret": device.secret, "iotId": device.iot_id} for device in registered
        ]

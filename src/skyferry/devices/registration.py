"""Devices that register themselves: who may, what they get, and the connection on which they are told (§1.8).

The section is of the device-plane reference. Over MQTT a device is let in, gets one message and leaves.
"""

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from typing import Final

import structlog

from skyferry.batching import Batcher
from skyferry.bus.interface import Bus
from skyferry.bus.messages import DisconnectDevice
from skyferry.clock import Clock
from skyferry.devices import metrics
from skyferry.devices.authentication import WRONG_CREDENTIALS, is_signed
from skyferry.devices.credentials import AuthType, Credentials, LoginRefusedError
from skyferry.devices.limits import RegistrationSettings
from skyferry.devices.mqtt.interface import Channel, Peer
from skyferry.devices.mqtt.packets import SUBSCRIPTION_REFUSED, ConnectCode
from skyferry.devices.topics import REGISTER, REGISTER_UNKNOWN
from skyferry.fleet.dynamic_registration import Outcome, Refusal, Registered, Request, find_secrets, register_all
from skyferry.fleet.logins import DeviceAddress, DeviceToken
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

NOT_ENCRYPTED: Final = "registration_not_encrypted"
"""The reason of a refusal: the answer would have gone over the network in clear."""

_TOPICS: Final = {AuthType.REGISTER: REGISTER, AuthType.REGISTER_UNKNOWN: REGISTER_UNKNOWN}
_CODES: Final[Mapping[str, ConnectCode]] = {
    WRONG_CREDENTIALS: ConnectCode.BAD_CREDENTIALS,
    Refusal.UNKNOWN_DEVICE: ConnectCode.BAD_CREDENTIALS,
    Refusal.OVERTAKEN: ConnectCode.SERVER_UNAVAILABLE,
}
_NO_SECRET: Final = "the secret of no product"  # noqa: S105 - it opens nothing
_DROPPED: Final = metrics.DROPPED.labels("registering")

log = structlog.get_logger(__name__)


class RegistrationRefusedError(Exception):
    """A device may not register.

    Attributes:
        reason: `WRONG_CREDENTIALS`, `NOT_ENCRYPTED` or a `Refusal`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Registrar:
    """Registers devices. All that arrive while one transaction runs share the next one."""

    def __init__(self, store: Store, box: SecretBox, bus: Bus, clock: Clock, settings: RegistrationSettings) -> None:
        self._store = store
        self._box = box
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._secrets: Batcher[str, str | None] = Batcher(self._find_secrets, most=settings.batch)
        self._requests: Batcher[Request, Outcome] = Batcher(self._register, most=settings.batch)

    async def register(
        self, request: Request, *, signed: bytes, digest: str, signature: bytes, peer: Peer
    ) -> Registered:
        """Registers the device of a request.

        A product that does not exist and a wrong signature are one and the same to whoever asks.

        Args:
            request: who wants what.
            signed: the text that the ProductSecret must have signed.
            digest: the hash of the signature, by its name in `hashlib`.
            signature: the signature in hexadecimal of either case.
            peer: where the request comes from.

        Raises:
            RegistrationRefusedError: the device may not register.
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        if not peer.encrypted and not self._settings.plain:
            raise RegistrationRefusedError(NOT_ENCRYPTED)
        secret = await self._secrets.submit(request.address.product_key)
        if not is_signed(secret or _NO_SECRET, signed, digest, signature) or secret is None:
            raise RegistrationRefusedError(WRONG_CREDENTIALS)
        outcome = await self._requests.submit(request)
        if isinstance(outcome, Refusal):
            raise RegistrationRefusedError(outcome)
        if not outcome.is_new:
            await self._bus.command([DisconnectDevice(outcome.device_id)])
        metrics.REGISTRATIONS.labels("token" if request.unregistered else "secret").inc()
        log.info("device_registered", device=named(request.address), address=peer.address)
        return outcome

    async def drain(self) -> None:
        """Waits until nothing is being registered."""
        await self._secrets.drain()
        await self._requests.drain()

    async def _find_secrets(self, product_keys: Sequence[str]) -> Sequence[str | None]:
        return await self._store.read(find_secrets, product_keys, self._box)

    async def _register(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        return await self._store.write(
            register_all, requests, box=self._box, limits=self._settings.limits, now=self._clock.now_ms()
        )


async def register_over_mqtt(
    registrar: Registrar, credentials: Credentials, peer: Peer, settings: RegistrationSettings
) -> "RegistrationSession":
    """Registers the device of a CONNECT and gives the session on which it is told.

    Raises:
        LoginRefusedError: the device may not register.
        sqlalchemy.exc.SQLAlchemyError: the store does not answer.
    """
    if credentials.address is None or not credentials.password:
        raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "malformed_credentials")
    request = Request(credentials.address, unregistered=credentials.auth_type is AuthType.REGISTER_UNKNOWN)
    try:
        registered = await registrar.register(
            request, signed=credentials.signed, digest=credentials.digest, signature=credentials.password, peer=peer
        )
    except RegistrationRefusedError as error:
        raise LoginRefusedError(_CODES.get(error.reason, ConnectCode.NOT_AUTHORIZED), error.reason) from None
    answer = answer_of(credentials.address, registered)
    return RegistrationSession(_TOPICS[credentials.auth_type], answer, settings.leave_s)


def named(address: DeviceAddress) -> str:
    """A device as it names itself at its log-in, for logs and throttling."""
    return f"{address.device_name}&{address.product_key}"


def answer_of(address: DeviceAddress, registered: Registered) -> dict[str, str]:
    """What a device is told when it has registered."""
    device = {"productKey": address.product_key, "deviceName": address.device_name}
    credential = registered.credential
    if isinstance(credential, DeviceToken):
        return device | {"clientId": credential.client_id, "deviceToken": credential.token}
    return device | {"deviceSecret": credential}


class RegistrationSession:
    """The connection of a device that has registered: `skyferry.devices.mqtt.interface.Session` for it.

    The device has no presence and is heard in nothing; it is given a while to take its message and leave.
    """

    __slots__ = ("_answer", "_channel", "_leave_s", "_leaving", "_topic")

    _channel: Channel
    _leaving: asyncio.TimerHandle

    def __init__(self, topic: str, answer: dict[str, str], leave_s: float) -> None:
        self._topic = topic
        self._answer = answer
        self._leave_s = leave_s

    def opened(self, channel: Channel) -> None:
        """See `Session.opened`. The message goes out at QoS 0, right behind CONNACK."""
        self._channel = channel
        channel.publish(self._topic, json.dumps(self._answer, separators=(",", ":")).encode())
        self._leaving = asyncio.get_running_loop().call_later(self._leave_s, channel.close, "registered")

    def publish(self, topic: str, payload: bytes) -> Awaitable[None] | None:  # noqa: ARG002 - not heard
        """See `Session.publish`. Whatever it is, it is dropped."""
        _DROPPED.inc()
        return None

    def acknowledged(self, packet_id: int) -> None:
        """See `Session.acknowledged`. Nothing waits for it."""

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> Sequence[int]:
        """See `Session.subscribe`. Nothing is granted."""
        return [SUBSCRIPTION_REFUSED] * len(filters)

    def subscribed(self) -> None:
        """See `Session.subscribed`."""

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """See `Session.unsubscribe`."""

    def closed(self, reason: str) -> None:  # noqa: ARG002 - whatever it is
        """See `Session.closed`."""
        self._leaving.cancel()

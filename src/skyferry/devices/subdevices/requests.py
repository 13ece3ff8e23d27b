"""The requests of gateways about their sub-devices (device-plane reference §2.10).

A request for several sub-devices is carried out as a whole or not at all; the answer to one that is not names the
first sub-device that stands in the way.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from skyferry import outages
from skyferry.devices import metrics
from skyferry.devices.authentication import Identity
from skyferry.devices.payloads import PayloadError
from skyferry.devices.requests import Handler, Request
from skyferry.devices.sessions import DeviceSession
from skyferry.devices.subdevices.children import LOGGED_OUT, SubDevices, SubDeviceSession
from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.devices.subdevices.lookups import Lookups
from skyferry.devices.subdevices.replies import (
    Envelope,
    RefusalError,
    ReplyCode,
    named,
    read_envelope,
    refusal,
    success,
)
from skyferry.fleet import topology
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.proofs import Proof, ProofError, UnknownMethodError, read_address, read_proof
from skyferry.fleet.topology import Attachable, Attachment, Found, SubDevice

log = structlog.get_logger(__name__)

_UNREADABLE = metrics.DROPPED.labels("unreadable")
NO_GATEWAY = "Only a device of a product with NodeType 1 is a gateway."
_Answer = Callable[[DeviceSession, Envelope], Awaitable[object]]


class SubDeviceRequests:
    """Answers gateways."""

    def __init__(self, lookups: Lookups, limits: SubDeviceLimits) -> None:
        self._lookups = lookups
        self._limits = limits

    def handlers(self) -> Mapping[str, Handler]:
        """For each service its handler."""
        return {
            "thing/topo/add": handler_of(self._add_topology, listed=True),
            "thing/topo/delete": handler_of(self._delete_topology, listed=True),
            "thing/sub/unregister": handler_of(self._unregister, listed=False),
            "thing/topo/get": handler_of(self._get_topology, listed=True),
            "session/combine/login": handler_of(self._log_in, listed=False),
            "session/combine/batch_login": handler_of(self._log_in_all, listed=True),
            "session/combine/logout": handler_of(self._log_out, listed=False),
            "session/combine/batch_logout": handler_of(self._log_out_all, listed=True),
        }

    # --- topology

    async def _add_topology(self, gateway: DeviceSession, envelope: Envelope) -> object:
        proofs = [proof_of(item) for item in envelope.items("deviceList", most=self._limits.topology_batch)]
        found = await self.find(gateway, [proof.address for proof in proofs])
        for proof, device in zip(proofs, found, strict=True):
            _check(proof, device, ReplyCode.WRONG_TOPOLOGY_SIGNATURE)
            if device.device_id == gateway.device_id:
                raise RefusalError(ReplyCode.GATEWAY_ITSELF, "A gateway is no sub-device of itself.", proof.address)
            if device.disabled:
                raise RefusalError(ReplyCode.DISABLED, "The sub-device is disabled.", proof.address)
        new = frozenset(device.device_id for device in found if device.gateway_id != gateway.device_id)
        if new:
            await self._attach(Attachment(gateway.device_id, new))
        return [named(proof.address) for proof in proofs]

    async def _attach(self, attachment: Attachment) -> None:
        attachable = await self._lookups.attach(attachment)
        if attachable is Attachable.FULL:
            text = f"A gateway has {self._limits.subdevices} sub-devices at most. Delete some that are not needed."
            raise RefusalError(ReplyCode.TOO_MANY_SUBDEVICES, text)
        if attachable is Attachable.GONE:
            raise RefusalError(ReplyCode.DEVICE_NOT_FOUND, "A sub-device was deleted meanwhile.")

    async def _delete_topology(self, gateway: DeviceSession, envelope: Envelope) -> object:
        behind = await self._behind(gateway, envelope.items("deviceList", most=self._limits.subdevices))
        keys = list(behind.values())
        await self._lookups.store.write(topology.detach, gateway.device_id, keys)
        detached(gateway, keys, LOGGED_OUT)
        return [named(address) for address in behind]

    async def _unregister(self, gateway: DeviceSession, envelope: Envelope) -> object:
        behind = await self._behind(gateway, envelope.items("deviceList", most=self._limits.registration_batch))
        keys = list(behind.values())
        await self._lookups.unregister(gateway.device_id, keys)
        detached(gateway, keys, LOGGED_OUT)
        return {}

    async def _behind(
        self, gateway: DeviceSession, items: Sequence[Mapping[str, object]]
    ) -> Mapping[DeviceAddress, int]:
        """The sub-devices that are named, each with its key.

        Raises:
            RefusalError: one of them is not behind the gateway.
        """
        addresses = [subdevice_of(item) for item in items]
        found = await self.find(gateway, addresses)
        for address, device in zip(addresses, found, strict=True):
            if device.gateway_id != gateway.device_id:
                raise RefusalError(ReplyCode.NO_TOPOLOGY, "The device is not behind this gateway.", address)
        return {address: device.device_id for address, device in zip(addresses, found, strict=True)}

    async def _get_topology(self, gateway: DeviceSession, _envelope: Envelope) -> object:
        listed = await self._lookups.store.read(topology.subdevices_of, gateway.device_id)
        return [named(DeviceAddress(device.product_key, device.name)) for device in listed]

    # --- sessions

    async def _log_in(self, gateway: DeviceSession, envelope: Envelope) -> object:
        [data] = await self._open(gateway, [proof_of(item) for item in envelope.items("deviceList", most=1)])
        return data

    async def _log_in_all(self, gateway: DeviceSession, envelope: Envelope) -> object:
        items = envelope.items("deviceList", most=self._limits.session_batch)
        method = envelope.params.get("signMethod") if isinstance(envelope.params, dict) else None
        return await self._open(gateway, [proof_of(item, method) for item in items])

    async def _open(self, gateway: DeviceSession, proofs: Sequence[Proof]) -> Sequence[object]:
        subdevices = gateway.subdevices
        if subdevices is None:
            subdevices = gateway.subdevices = SubDevices(gateway)
        addresses = [proof.address for proof in proofs]
        while True:
            changes = subdevices.changes
            found = await self.find(gateway, addresses)
            if changes == subdevices.changes:
                break
        for proof, device in zip(proofs, found, strict=True):
            _check(proof, device, ReplyCode.WRONG_SIGNATURE)
            if device.gateway_id != gateway.device_id:
                text = "The device is not behind this gateway. Add it to the topology first."
                raise RefusalError(ReplyCode.NO_TOPOLOGY, text, proof.address)
            if device.disabled:
                raise RefusalError(ReplyCode.DISABLED, "The sub-device is disabled.", proof.address)
        if not subdevices.open:
            raise RefusalError(ReplyCode.NO_SESSION, "The gateway's connection has ended.")
        new = {address for address in addresses if subdevices.of_address(address) is None}
        if len(subdevices) + len(new) > self._limits.subdevices:
            text = f"{self._limits.subdevices} sub-devices at most are logged in at a time. Log some out."
            raise RefusalError(ReplyCode.TOO_MANY_ONLINE, text)
        for proof, device in zip(proofs, found, strict=True):
            subdevices.log_in(Identity(device.device_id, proof.address, gateway.expects_system_topics))
        return [named(address) for address in addresses]

    async def _log_out(self, gateway: DeviceSession, envelope: Envelope) -> object:
        [data] = _close(gateway, [subdevice_of(item) for item in envelope.items("deviceList", most=1)])
        return data

    async def _log_out_all(self, gateway: DeviceSession, envelope: Envelope) -> object:
        items = envelope.items("deviceList", most=self._limits.session_batch)
        return _close(gateway, [subdevice_of(item) for item in items])

    async def find(self, gateway: DeviceSession, addresses: Sequence[DeviceAddress]) -> Sequence[SubDevice]:
        """The devices of these addresses in the gateway's instance.

        Raises:
            RefusalError: one of them does not exist, or who asks is no gateway.
        """
        found = await self._lookups.find(gateway.device_id, addresses)
        return [_existing(each, address) for each, address in zip(found, addresses, strict=True)]


def handler_of(answer: _Answer, *, listed: bool) -> Handler:
    """Makes a handler of a function that gives the data of the answer, or raises `RefusalError`.

    Args:
        answer: the function.
        listed: whether the answer tells of sub-devices in a list.
    """

    def handle(request: Request) -> Awaitable[None] | None:
        if not isinstance(request.session, DeviceSession):
            return None  # a sub-device is no gateway
        try:
            envelope = read_envelope(request.payload)
        except PayloadError as error:
            _UNREADABLE.inc()
            log.debug("payload_dropped", device=str(request.session.topics), reason=str(error))
            return None
        return _answer(request, request.session, envelope, answer, listed=listed)

    return handle


async def _answer(
    request: Request, gateway: DeviceSession, envelope: Envelope, answer: _Answer, *, listed: bool
) -> None:
    code = ReplyCode.SUCCESS
    try:
        reply = success(envelope, await answer(gateway, envelope))
    except RefusalError as error:
        code, reply = error.code, refusal(envelope, error, listed=listed)
        log.info("gateway_refused", gateway=str(gateway.topics), service=request.service, code=int(code))
    except (SQLAlchemyError, ConnectionError) as error:
        log.warning("gateway_not_answered", gateway=str(gateway.topics), **outages.cause(error))
        failed = RefusalError(ReplyCode.SERVER_ERROR, "The server cannot look this up now. Try again later.")
        code, reply = failed.code, refusal(envelope, failed, listed=listed)
    metrics.GATEWAY_REQUESTS.labels(request.service, int(code)).inc()
    request.reply(reply)


def detached(gateway: DeviceSession, device_ids: Sequence[int], reason: str) -> None:
    """Sub-devices are not behind a gateway any more: their sessions through it end."""
    subdevices = gateway.subdevices
    if subdevices is None:
        return
    subdevices.changes += 1
    for device_id in device_ids:
        session = gateway.context.sessions.get(device_id)
        if isinstance(session, SubDeviceSession) and session.gateway_id == gateway.device_id:
            session.close(reason)


def _existing(found: Found, address: DeviceAddress) -> SubDevice:
    if not found.by_gateway:
        raise RefusalError(ReplyCode.REQUEST_ERROR, NO_GATEWAY)
    if found.subdevice is None:
        raise RefusalError(ReplyCode.DEVICE_NOT_FOUND, "The gateway's instance has no such device.", address)
    return found.subdevice


def _check(proof: Proof, device: SubDevice, code: ReplyCode) -> None:
    if not proof.is_right(device.secret):
        raise RefusalError(code, "The signature is not made with the secret of the sub-device.", proof.address)


def _close(gateway: DeviceSession, addresses: Sequence[DeviceAddress]) -> Sequence[object]:
    sessions: list[SubDeviceSession] = []
    for address in dict.fromkeys(addresses):
        session = gateway.subdevices.of_address(address) if gateway.subdevices is not None else None
        if session is None:
            raise RefusalError(ReplyCode.NO_SESSION, "The sub-device is not logged in through this gateway.", address)
        sessions.append(session)
    for session in sessions:
        session.close(LOGGED_OUT)
    return [named(address) for address in addresses]


def proof_of(item: Mapping[str, object], method: object = None) -> Proof:
    """What is said of a sub-device.

    Args:
        item: what is said.
        method: the algorithm, where it is said for several sub-devices at once.

    Raises:
        RefusalError: something is missing, or not of the form.
    """
    try:
        return read_proof(item, method)
    except UnknownMethodError as error:
        raise RefusalError(ReplyCode.UNKNOWN_METHOD, str(error)) from None
    except ProofError as error:
        raise RefusalError(ReplyCode.REQUEST_ERROR, str(error)) from None


def subdevice_of(item: Mapping[str, object]) -> DeviceAddress:
    """The sub-device that is named.

    Raises:
        RefusalError: none is.
    """
    try:
        return read_address(item)
    except ProofError as error:
        raise RefusalError(ReplyCode.REQUEST_ERROR, str(error)) from None

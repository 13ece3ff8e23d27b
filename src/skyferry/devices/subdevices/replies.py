"""What a gateway asks of its sub-devices, and what it is answered (device-plane reference §2.10)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from skyferry.devices.payloads import read_request
from skyferry.fleet.logins import DeviceAddress


class ReplyCode(IntEnum):
    """The platform's codes for gateways."""

    SUCCESS = 200
    WRONG_TOPOLOGY_SIGNATURE = 401
    REPLACED = 427
    """The sub-device has logged in elsewhere."""
    TOO_MANY_ONLINE = 428
    REQUEST_ERROR = 460
    SERVER_ERROR = 500
    NO_SESSION = 520
    DELETED = 521
    DISABLED_ONLINE = 522
    """The sub-device was disabled while it was logged in."""
    DEVICE_NOT_FOUND = 6100
    DISABLED = 6204
    PRODUCT_NOT_FOUND = 6250
    WRONG_SIGNATURE = 6287
    REGISTRATION_CLOSED = 6288
    ALREADY_ACTIVATED = 6289
    UNKNOWN_METHOD = 6292
    TOO_MANY_SUBDEVICES = 6400
    NO_TOPOLOGY = 6401
    GATEWAY_ITSELF = 6402
    WRONG_PRODUCT_SIGNATURE = 6600
    ANOTHER_GATEWAY = 6619


class RefusalError(Exception):
    """A request that is answered with an error.

    Attributes:
        code: the code of the answer.
        address: the sub-device that is to blame, if it is one.
    """

    def __init__(self, code: ReplyCode, text: str, address: DeviceAddress | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.address = address


@dataclass(frozen=True, slots=True)
class Envelope:
    """A gateway's request: the `id` as JSON text, and the `params` as they are."""

    request_id: str
    params: Any

    def items(self, key: str, *, most: int) -> Sequence[Mapping[str, object]]:
        """The sub-devices that a request is about: its params, a list of them, or the list by a key in them.

        Raises:
            RefusalError: there are none, or more than `most`, or something else.
        """
        found = self.params
        if isinstance(found, dict) and key in found:
            found = found[key]
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
            raise RefusalError(ReplyCode.REQUEST_ERROR, "params is a list of sub-devices, or one of them.")
        if len(found) > most:
            raise RefusalError(ReplyCode.REQUEST_ERROR, f"A request is about {most} sub-devices at most.")
        return found


def read_envelope(payload: bytes) -> Envelope:
    """Reads a request.

    Raises:
        skyferry.devices.payloads.PayloadError: it has no envelope, so that it cannot even be answered.
    """
    return Envelope(*read_request(payload))


def named(address: DeviceAddress) -> dict[str, Any]:
    """A sub-device in an answer."""
    return {"deviceName": address.device_name, "productKey": address.product_key}


def success(envelope: Envelope, data: object) -> bytes:
    """The answer to a request that was carried out."""
    return _reply(envelope, ReplyCode.SUCCESS, "success", data)


def refusal(envelope: Envelope, error: RefusalError, *, listed: bool) -> bytes:
    """The answer to a request that was not.

    Args:
        envelope: the request.
        error: why.
        listed: whether the sub-device to blame stands in a list, as the answers to requests for several have it.
    """
    blamed = named(error.address) if error.address is not None else {}
    data: object = [blamed] if listed and blamed else ([] if listed else blamed)
    return _reply(envelope, error.code, str(error), data)


def render(document: Mapping[str, object]) -> bytes:
    """JSON as the parsers in the field take it (device-plane reference §2.5)."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _reply(envelope: Envelope, code: ReplyCode, message: str, data: object) -> bytes:
    rest = render({"code": int(code), "data": data, "message": message})
    return b'{"id":' + envelope.request_id.encode() + b"," + rest[1:]

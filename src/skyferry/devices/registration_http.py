"""Registration over HTTPS: `POST /auth/register/device` with a form, for SDKs without it over MQTT (§1.8).

The section is of the device-plane reference. Every answer has HTTP 200 and says in `code` how it ended: the SDKs read
nothing else. The codes are those that the platform documents for devices, where it has one.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from skyferry import http_bodies, outages
from skyferry.devices import metrics
from skyferry.devices.authentication import WRONG_CREDENTIALS
from skyferry.devices.credentials import DIGESTS, registration_text
from skyferry.devices.mqtt.interface import Peer
from skyferry.devices.registration import NOT_ENCRYPTED, Registrar, RegistrationRefusedError, answer_of, named
from skyferry.devices.throttling import LoginThrottle
from skyferry.fleet.dynamic_registration import Refusal, Request
from skyferry.fleet.logins import DeviceAddress

PATH: Final = "/auth/register/device"

_MOST_BYTES: Final = 4_096
_MOST_CHARACTERS: Final = 256
_MOST_SECONDS: Final = 30
_OK: Final = 200
_UNAVAILABLE: Final = (500, "The server cannot register the device now: try again.")
_MALFORMED: Final = 460
_SLOWED_DOWN: Final = 429
_ANSWERS: Final[Mapping[str, tuple[int, str]]] = {
    NOT_ENCRYPTED: (403, "Registration needs TLS: use https, or let the operator allow it without."),
    WRONG_CREDENTIALS: (401, "request auth error: the product is unknown or the signature is wrong."),
    Refusal.SWITCHED_OFF: (6288, "Dynamic registration is not enabled for the product."),
    Refusal.ACTIVATED: (6289, "The device was online before: reset it (ResetThing) to register it again."),
    Refusal.UNKNOWN_DEVICE: (6100, "The device is not registered: register its name first."),
    Refusal.DISABLED: (6204, "The device is disabled."),
}
_FIELDS: Final = ("productKey", "deviceName", "random", "sign", "signMethod")

log = structlog.get_logger(__name__)


class _MalformedError(Exception):
    """The form cannot be used; the text is the answer's message."""


def routes(registrar: Registrar, throttle: LoginThrottle, peer_of: Callable[[web.Request], Peer]) -> list[web.RouteDef]:
    """The route for registrations.

    Args:
        registrar: registers devices.
        throttle: slows down wrong attempts; the same as for log-ins over MQTT.
        peer_of: who sent a request, and whether it was encrypted all the way that counts.
    """

    async def register(request: web.Request) -> web.Response:
        code, message, data = await _answer(request, registrar, throttle, peer_of(request))
        body: dict[str, Any] = {"code": code} | ({"data": data} if data else {}) | {"message": message}
        return web.json_response(body)

    return [web.post(PATH, register)]


async def _answer(
    request: web.Request, registrar: Registrar, throttle: LoginThrottle, peer: Peer
) -> tuple[int, str, dict[str, str] | None]:
    try:
        form = await _read_form(request)
    except _MalformedError as error:
        return _MALFORMED, f"request parameter error: {error}", None
    address = DeviceAddress(form["productKey"], form["deviceName"])
    device = named(address)
    if not throttle.allows(peer.address, device):
        return _SLOWED_DOWN, "too many requests: wrong signatures came before, wait a minute.", None
    try:
        registered = await registrar.register(
            Request(address, unregistered=False),
            signed=registration_text(address, form["random"]).encode(),
            digest=DIGESTS[form["signMethod"].lower()],
            signature=form["sign"].encode(),
            peer=peer,
        )
    except RegistrationRefusedError as error:
        if error.reason == WRONG_CREDENTIALS:
            throttle.failed(peer.address, device)
        metrics.REGISTRATIONS_REFUSED.labels(error.reason).inc()
        log.info("registration_refused", device=device, address=peer.address, reason=error.reason)
        return *_ANSWERS.get(error.reason, _UNAVAILABLE), None
    except (SQLAlchemyError, ConnectionError) as error:
        log.warning("registration_not_checked", address=peer.address, **outages.cause(error))
        return *_UNAVAILABLE, None
    throttle.succeeded(peer.address, device)
    return _OK, "success", answer_of(address, registered)


async def _read_form(request: web.Request) -> dict[str, str]:
    """The fields of the form; of one that is given twice, the first."""
    body = bytearray()
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise _MalformedError("the form is too long.")
    except (TimeoutError, *http_bodies.BROKEN):
        raise _MalformedError("the form does not come to its end.") from None
    try:
        given = dict(reversed(parse_qsl(body.decode(), keep_blank_values=True)))
    except ValueError:
        raise _MalformedError("the form is not UTF-8.") from None
    for name in _FIELDS:
        value = given.get(name, "")
        if not 0 < len(value) <= _MOST_CHARACTERS or not value.isprintable():
            raise _MalformedError(f"{name} is missing, too long or not of printable characters.")
    if given["signMethod"].lower() not in DIGESTS:
        raise _MalformedError(f"signMethod is {', '.join(sorted(DIGESTS))}.")
    return given

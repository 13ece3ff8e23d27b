"""Services of the platform that are not this server's business, answered so that devices stay connected and quiet.

SDKs post properties, ask for the time and read their shadow whether or not anyone is interested, and repeat what is not
answered. They get the answer of a platform that has stored nothing: success, and no data. A message that is itself an
answer gets none.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from skyferry.clock import Clock
from skyferry.devices import metrics
from skyferry.devices.payloads import Envelope, PayloadError, raw_text, read_envelope
from skyferry.devices.requests import Handler, Request

_ANSWERED: Final = metrics.SERVICES.labels("answered")
_UNANSWERED: Final = metrics.SERVICES.labels("unanswered")
_UNREADABLE: Final = metrics.SERVICES.labels("unreadable")

_THING: Final = "thing/"
_REPLY: Final = "_reply"
_OF_GATEWAYS: Final = ("thing/topo/", "thing/sub/", "thing/proxy/")
"""Answered where gateways are; what is unknown there must not look like a success."""
_RAW: Final = "thing/model/up_raw"
"""Bytes in a form that only the product's script knows."""
_UPLOAD: Final = "thing/file/upload/"
_POST: Final = "/post"
_NO_REPLY_WANTED: Final = 0
_METHOD: Final = re.compile(r"[A-Za-z0-9._/-]{1,128}")
_UNSUPPORTED: Final = 460
_LOG_CONFIGURATION: Final = {"getType": "content", "content": {"log": {"mode": 0}}}
"""The answer to `thing/config/log/get`: mode 0 tells the SDK to keep its log to itself."""
_SHADOW_REPLY: Final = "/shadow/get"


class Services:
    """Answers what no other part of the gateway is responsible for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def handlers(self) -> Mapping[str, Handler]:
        """For each service that has a form of its own its handler."""
        return {
            "ntp/request": self._answer(self._time),
            "shadow/update": self._answer(self._shadow),
            "thing/config/log/get": self._answer(self._log_configuration),
        }

    def handle(self, request: Request) -> None:
        """Answers a request of any other service: those of things with success and no data, the rest not at all."""
        service = request.service
        if (
            not service.startswith(_THING)
            or service.startswith(_OF_GATEWAYS)
            or service.endswith(_REPLY)
            or service == _RAW
        ):
            _UNANSWERED.inc()
            return
        self._answer(self._empty)(request)

    def _answer(self, make: Callable[[Request, Envelope], tuple[str, bytes] | None]) -> Callable[[Request], None]:
        def handler(request: Request) -> None:
            try:
                envelope = read_envelope(request.payload)
            except PayloadError:
                _UNREADABLE.inc()
                return
            answer = make(request, envelope)
            if answer is None:
                _UNANSWERED.inc()
                return
            topic, payload = answer
            request.reply(payload, topic)
            _ANSWERED.inc()

        return handler

    def _empty(self, request: Request, envelope: Envelope) -> tuple[str, bytes] | None:
        fields = envelope.fields
        if "code" in fields and "params" not in fields:
            return None  # an answer on a topic of requests
        system = fields.get("sys")
        if request.service.endswith(_POST) and isinstance(system, dict) and system.get("ack") == _NO_REPLY_WANTED:
            return None
        if request.service.startswith(_UPLOAD):
            # Success would let the device believe that its file is kept.
            return request.topic + _REPLY, _reply(
                request, envelope, {}, code=_UNSUPPORTED, message="This server takes no files from devices."
            )
        return request.topic + _REPLY, _reply(request, envelope, {})

    def _log_configuration(self, request: Request, envelope: Envelope) -> tuple[str, bytes]:
        return request.topic + _REPLY, _reply(request, envelope, _LOG_CONFIGURATION)

    def _time(self, request: Request, envelope: Envelope) -> tuple[str, bytes]:
        """The device sends its time and gets it back with ours, all as texts of milliseconds."""
        sent, now = envelope.fields.get("deviceSendTime"), str(self._clock.now_ms())
        times = {"deviceSendTime": _as_text(sent), "serverRecvTime": now, "serverSendTime": now}
        return request.topic.removesuffix("request") + "response", _compact(times).encode()

    def _shadow(self, request: Request, envelope: Envelope) -> tuple[str, bytes] | None:
        """A shadow that is empty and takes every update (device-plane reference §1.4)."""
        fields = envelope.fields
        method = fields.get("method")
        if method not in {"get", "update", "delete"}:
            return None
        version = fields.get("version")
        known = version if isinstance(version, int) and not isinstance(version, bool) else 0
        payload: dict[str, Any] = {"status": "success"}
        if method == "get":
            payload |= {"state": {}, "metadata": {}}
        else:
            payload["version"] = known
        reply = {"method": "reply", "payload": payload, "version": known, "timestamp": self._clock.now_ms() // 1_000}
        token = raw_text(fields.get("clientToken"))
        text = _compact(reply)
        if token is not None:
            text = f'{text[:-1]},"clientToken":{token}}}'
        return _SHADOW_REPLY + request.session.topics.owner, text.encode()


def _reply(
    request: Request, envelope: Envelope, data: Mapping[str, Any], *, code: int = 200, message: str = "success"
) -> bytes:
    """The envelope of answers, in the order of the platform's."""
    method = envelope.fields.get("method")
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        method = request.service.replace("/", ".")
    tail = _compact({"message": message, "method": method, "version": "1.0"})
    return f'{{"code":{code},"data":{_compact(data)},"id":{envelope.request_id},{tail[1:]}'.encode()


def _as_text(value: object) -> str:
    text = raw_text(value)
    if text is None:
        return ""
    return value if isinstance(value, str) else text


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

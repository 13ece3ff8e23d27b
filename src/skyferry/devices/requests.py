"""What devices ask besides their updates: files, sub-devices, time, properties (device-plane reference §2.9, §2.10).

Each service is a handler in one table, by the topic without the device's own part. What no handler takes is dropped,
and the device is none the wiser.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from skyferry.devices import metrics

if TYPE_CHECKING:
    from skyferry.devices.sessions import LoggedInDevice

_UNSUPPORTED: Final = metrics.DROPPED.labels("unsupported_request")
_REPLY: Final = "_reply"


@dataclass(frozen=True, slots=True)
class Request:
    """A message on a topic of the device's that is none of its reports.

    Attributes:
        session: the device that sent it, directly or through its gateway.
        topic: the whole topic.
        service: the topic without the device: `thing/topo/add` of `/sys/{pk}/{dn}/thing/topo/add`, and
            `session/combine/login` of `/ext/session/{pk}/{dn}/combine/login`.
        payload: the message.
    """

    session: "LoggedInDevice"
    topic: str
    service: str
    payload: bytes

    def reply(self, payload: bytes, topic: str | None = None) -> None:
        """Answers at QoS 0: on the request's topic with `_reply`, unless another topic is given."""
        self.session.send(topic or self.topic + _REPLY, payload)


Handler = Callable[[Request], Awaitable[None] | None]
"""Answers a request. PUBACK of the request waits for what it returns; no handler may raise."""


class Requests:
    """Finds the handler of a request."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        """Args: handlers: for each service its handler."""
        self._handlers = handlers

    def handle(self, request: Request) -> Awaitable[None] | None:
        """Hands a request to its handler."""
        handler = self._handlers.get(request.service)
        if handler is None:
            _UNSUPPORTED.inc()
            return None
        return handler(request)

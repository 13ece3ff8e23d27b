"""What devices ask besides their updates: files, sub-devices, time, properties (device-plane reference §2.9, §2.10).

Each service is a handler in one table, by the topic without the device's own part; one more takes what is left.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from skyferry.devices.sessions import LoggedInDevice

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

    def __init__(self, handlers: Mapping[str, Handler], otherwise: Handler) -> None:
        """Args: handlers: for each service its handler; otherwise: the handler of services that are not among them."""
        self._handlers = handlers
        self._otherwise = otherwise

    def handle(self, request: Request) -> Awaitable[None] | None:
        """Hands a request to its handler."""
        return self._handlers.get(request.service, self._otherwise)(request)

"""Who asks: a device by its own secret (TargetToken), or by the token that all devices of its product share."""

import hmac
import secrets
from collections.abc import Sequence
from typing import Final, Protocol

from skyferry.batching import Batcher
from skyferry.clock import Clock
from skyferry.ddi import errors
from skyferry.fleet import polling
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.polling import Visit, Visitor
from skyferry.keys import SecretBox
from skyferry.ota.states import TaskStatus
from skyferry.store.engine import Store

_NOBODY: Final = secrets.token_hex()
"""Stands for a token that does not exist, so that the work is the same; nobody knows it."""
_TARGET: Final = "targettoken"
_GATEWAY: Final = "gatewaytoken"


class Throttle(Protocol):
    """Slows down who tries wrong tokens again and again, and no one else."""

    def allows(self, address: str, device: str) -> bool:
        """False when an attempt is to be refused unheard."""
        ...

    def failed(self, address: str, device: str) -> None:
        """An attempt was wrong."""
        ...

    def succeeded(self, address: str, device: str) -> None:
        """An attempt was right."""
        ...


class Authenticator:
    """Checks tokens. All requests that arrive while one look-up runs share the next one."""

    def __init__(
        self, store: Store, box: SecretBox, clock: Clock, throttle: Throttle, *, polls_per_lookup: int
    ) -> None:
        self._store = store
        self._box = box
        self._clock = clock
        self._throttle = throttle
        self._lookups: Batcher[DeviceAddress, Visit | None] = Batcher(self._look_up, most=polls_per_lookup)

    @property
    def depth(self) -> int:
        """How many requests wait for their look-up."""
        return self._lookups.depth

    async def identify(self, address: DeviceAddress, authorization: str, origin: str) -> Visitor:
        """The device that a request comes from.

        A product or device that does not exist and a wrong token are one and the same to whoever asks: same answer,
        same work.

        Args:
            address: the device that the URL names.
            authorization: the header.
            origin: the IP address that the request comes from.

        Raises:
            DdiError: it is not let in.
        """
        name = f"{address.device_name}&{address.product_key}"
        if not self._throttle.allows(origin, name):
            raise errors.throttled()
        scheme, _, token = authorization.strip().partition(" ")
        scheme = scheme.lower()
        visit = await self._lookups.submit(address)
        if not hmac.compare_digest(_expected(scheme, visit).encode(), token.strip().encode(errors="replace")):
            self._throttle.failed(origin, name)
            raise errors.unauthorized()
        self._throttle.succeeded(origin, name)
        visitor = visit.visitor if visit else None
        if visitor is None and visit is not None:
            visitor = await self._admit(address, visit)
        if visitor is None:
            raise errors.not_found(f"The product has no device {address.device_name}: register it.")
        if visitor.disabled:
            raise errors.disabled()
        return visitor

    async def again(self, address: DeviceAddress) -> Visitor | None:
        """The device as it is now, after something was changed for it."""
        visit = await self._lookups.submit(address)
        return visit.visitor if visit else None

    async def _admit(self, address: DeviceAddress, visit: Visit) -> Visitor | None:
        """Registers the device where its product admits unknown ones; whoever was quicker is as good."""
        if not visit.admits_unknown:
            return None
        now = self._clock.now_ms()
        await self._store.write(polling.admit, visit.product_id, address.device_name, box=self._box, now=now)
        return await self.again(address)

    async def _look_up(self, addresses: Sequence[DeviceAddress]) -> Sequence[Visit | None]:
        return await self._store.read(polling.find_visits, addresses, self._box, cancelled=TaskStatus.CANCELED)


def _expected(scheme: str, visit: Visit | None) -> str:
    if visit is not None and scheme == _GATEWAY:
        return visit.gateway_token or _NOBODY
    if visit is not None and visit.visitor is not None and scheme == _TARGET:
        return visit.visitor.secret or _NOBODY
    return _NOBODY

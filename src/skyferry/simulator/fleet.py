"""Many simulated devices in one event loop."""

import asyncio
import resource
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import ClientSession

from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.device import SimulatedDevice, Surroundings
from skyferry.simulator.download import ClientSource, client_session
from skyferry.simulator.identity import DeviceIdentity
from skyferry.simulator.strict_http import StrictSource
from skyferry.simulator.tally import DeviceState, Tally
from skyferry.simulator.transfer import Source

_POLL_SECONDS = 0.02
_SOCKETS_PER_DEVICE = 2
_SPARE_SOCKETS = 200


class Fleet:
    """A fleet, from `start` to `stop`; also an asynchronous context manager.

    Attributes:
        devices: the devices, in the order of their identities; there are none before `start`.
        tally: what the fleet has counted.
    """

    def __init__(
        self,
        identities: Sequence[DeviceIdentity],
        host: str,
        port: int,
        behaviour: Behaviour | Callable[[DeviceIdentity], Behaviour] | None = None,
        *,
        max_connecting: int = 100,
        max_downloading: int = 500,
    ) -> None:
        """Prepares a fleet.

        Args:
            identities: who the devices are.
            host: of the MQTT server.
            port: of the MQTT server.
            behaviour: of all devices, or a function that tells it for each.
            max_connecting: devices that connect at the same time.
            max_downloading: devices that download at the same time.
        """
        self.devices: list[SimulatedDevice] = []
        self.tally = Tally()
        self._identities = identities
        self._host, self._port = host, port
        self._behaviour = behaviour if callable(behaviour) else _always(behaviour or Behaviour())
        self._limits = max_connecting, max_downloading
        self._tasks: list[asyncio.Task[None]] = []
        self._files = AsyncExitStack()

    @property
    def states(self) -> dict[DeviceState, int]:
        """Devices by state."""
        return {state: self.tally.states[state] for state in DeviceState}

    @property
    def versions(self) -> dict[str, int]:
        """Devices by the version that they run."""
        return {version: count for version, count in self.tally.versions.items() if count}

    async def start(self) -> None:
        """Starts all devices and returns at once; `wait_until` tells when they are where they should be."""
        _allow_sockets(_SOCKETS_PER_DEVICE * len(self._identities) + _SPARE_SOCKETS)
        session = await self._files.enter_async_context(client_session())
        connecting, downloading = (asyncio.Semaphore(limit) for limit in self._limits)
        for identity in self._identities:
            behaviour = self._behaviour(identity)
            source = _source(session, strict=behaviour.strict_http)
            surroundings = Surroundings(self._host, self._port, source, connecting, downloading, self.tally)
            device = SimulatedDevice(identity, behaviour, surroundings)
            self.devices.append(device)
            self._tasks.append(asyncio.create_task(device.run()))

    async def stop(self) -> None:
        """Takes all devices offline.

        Raises:
            ExceptionGroup: the simulator itself has failed.
        """
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._files.aclose()
        errors = [result for result in results if isinstance(result, Exception)]
        if errors:
            raise ExceptionGroup("Simulated devices have failed.", errors)

    async def wait_until(self, reached: Callable[[Tally], bool], timeout_seconds: float = 30) -> None:
        """Waits until the tally is as wanted, such as `lambda tally: tally.online == 10`.

        Raises:
            TimeoutError: it has not come to that; the message tells the tally.
            ExceptionGroup: the simulator itself has failed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while not reached(self.tally):
            self._raise_failures()
            if loop.time() > deadline:
                raise TimeoutError(f"Not reached within {timeout_seconds} s: {self.tally}")
            await asyncio.sleep(_POLL_SECONDS)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _raise_failures(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()


def _always(behaviour: Behaviour) -> Callable[[DeviceIdentity], Behaviour]:
    return lambda _identity: behaviour


def _source(session: ClientSession, *, strict: bool) -> Source:
    return StrictSource() if strict else ClientSource(session)


def _allow_sockets(wanted: int) -> None:
    """Raises the process's limit of open files as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))

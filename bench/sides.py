"""The server and gooseBit with the same devices, so that one measurement does the same to both in turn."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench import goosebit
from bench.api import Application, application
from bench.fleet import VERSION, Product, seed
from bench.goosebit import Goosebit, peering
from bench.images import image
from bench.polling import PollingDevice, polling
from bench.processes import LoadedProcess
from bench.server import serving


class Side(Protocol):
    """One of the two.

    Attributes:
        groups: its devices.
    """

    groups: Sequence[Sequence[PollingDevice]]

    @property
    def process(self) -> LoadedProcess:
        """What is measured."""
        ...

    async def package(self, group: int, version: str, megabytes: int = 0) -> None:
        """Makes a package for a group."""
        ...

    async def assign(self, group: int) -> None:
        """Gives the group's last package to all of its devices; returns when it is given."""
        ...


@dataclass(slots=True)
class OurSide:
    """Skyferry: a product for each group, a job that gives it a package."""

    server: LoadedProcess
    app: Application
    products: Sequence[Product]
    groups: Sequence[Sequence[PollingDevice]]
    packages: dict[int, str] = field(default_factory=dict)

    @property
    def process(self) -> LoadedProcess:
        """The server."""
        return self.server

    async def package(self, group: int, version: str, megabytes: int = 0) -> None:
        """Uploads a file and makes a package of it."""
        url = await self.app.upload(image(version, megabytes))
        self.packages[group] = await self.app.create_package(self.products[group].product_key, url, version)

    async def assign(self, group: int) -> None:
        """A job for all devices of the product; returns when each has its task."""
        product = self.products[group]
        job_id = await self.app.update_all(product.product_key, self.packages[group])
        await self.app.wait_for_tasks(job_id, len(product.names))


@dataclass(slots=True)
class TheirSide:
    """gooseBit: a feed for each group, a rollout that gives it a package."""

    server: Goosebit
    groups: Sequence[Sequence[PollingDevice]]
    packages: dict[int, int] = field(default_factory=dict)

    @property
    def process(self) -> LoadedProcess:
        """The server."""
        return self.server

    async def package(self, group: int, version: str, megabytes: int = 0) -> None:
        """Uploads a file, whose description says its version."""
        self.packages[group] = await self.server.upload(image(version, megabytes))

    async def assign(self, group: int) -> None:
        """A rollout on the group's feed. Nothing is noted for any device."""
        await self.server.roll_out(str(group), self.packages[group])


def present(own: OurSide, peer: TheirSide | None) -> list[Side]:
    """Those that there are, in the order in which they are measured."""
    return [own, peer] if peer else [own]


@asynccontextmanager
async def sides(directory: Path, sizes: Sequence[int]) -> AsyncIterator[tuple[OurSide, TheirSide | None]]:
    """Both, each with a group of devices of each size; only the server where gooseBit is not installed."""
    products = await seed(directory / "data", *sizes)
    token = products[0].identities()[0].device_secret
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(polling())
        server = await stack.enter_async_context(
            serving(directory / "data", settings={"SKYFERRY_HAWKBIT_PLAIN": "true"})
        )
        app = await stack.enter_async_context(application(server))
        for product in products:
            await app.call("UpdateProductSettings", ProductKey=product.product_key, DeviceProtocol="hawkbit")
        names = [product.names for product in products]
        peer = await stack.enter_async_context(peering(directory, names, token=token, version=VERSION))

        def devices(host: str, tenant: str, group: Sequence[str]) -> list[PollingDevice]:
            return [PollingDevice(http, f"{host}/{tenant}/controller/v1/{name}", token) for name in group]

        own = [devices(f"http://{server.http}", product.product_key, product.names) for product in products]
        theirs = [devices(peer.url, goosebit.TENANT, group) for group in names] if peer else []
        yield OurSide(server, app, products, own), TheirSide(peer, theirs) if peer else None

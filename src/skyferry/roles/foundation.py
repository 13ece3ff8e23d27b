"""What every process has, whatever its roles: the store, the bus, the object store, the keys."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from aiohttp import web

from skyferry import configuration
from skyferry.bus.local import LocalBus
from skyferry.bus.messages import Downloaded
from skyferry.bus.names import Names
from skyferry.bus.nats import NatsBus, NatsSettings
from skyferry.clock import SystemClock
from skyferry.cluster.claims import Alone, Claims
from skyferry.cluster.leases import Leases
from skyferry.cluster.membership import Member, Membership
from skyferry.datadir import DataDir
from skyferry.devices.mqtt.interface import Peer
from skyferry.identifiers import process_name, process_of
from skyferry.keys import SecretBox
from skyferry.objects.downloads import Downloads, Served
from skyferry.objects.recent import RecentObjects
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import metrics
from skyferry.ota.changes import MOVED
from skyferry.ota.offers import OfferMaker
from skyferry.rpc.origin import Origin, origin_of
from skyferry.scheduler.downloads import DownloadCounts
from skyferry.scheduler.withdrawals import Withdrawals
from skyferry.settings import Role, Settings
from skyferry.store import outbox, presence, subscriptions
from skyferry.store.engine import Store
from skyferry.tls.files import TlsDirectory
from skyferry.trust.signatures import DigestSigner
from skyferry.trust.tuf.grants import TargetGrants

_TOLD_TO_OTHERS: Final = (MOVED, outbox.FILLED, subscriptions.CHANGED)
"""What is announced in the store and concerns other processes too."""
_INSTALLATION_BYTES: Final = 6


class Foundation:
    """The parts that roles share in a process, and how the process stands to others."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet.

        Raises:
            skyferry.keys.KeyFileError: the key file cannot be used.
            ValueError: the database is of a kind that is not supported, or the object store needs an extra.
        """
        self.settings = settings
        self.directory = DataDir(settings.data_dir)
        self.key_file, self.ring = configuration.key(settings, self.directory)
        self.box = SecretBox(self.ring.derive("secrets"))
        self.target_grants = TargetGrants(self.ring.derive("tuf-targets"), settings.download_url_hours * 3_600)
        self.tls_directory = TlsDirectory(self.directory.tls)
        self.clock = SystemClock()
        self.process = process_name()
        roles = "serve" if settings.roles == frozenset(Role) else "-".join(sorted(settings.roles))
        self.store = Store(
            settings.database or str(self.directory.database),
            configuration.postgresql_limits(settings),
            application=f"skyferry-{roles}",
        )
        self.store.listen(MOVED, _count)
        self.engine_limits = configuration.engine_limits(settings)
        self.object_limits = configuration.object_limits(settings)
        self.objects = configuration.object_store(settings, self.directory, owner=self.ring.derive("objects").hex())
        self.bus = self._make_bus() if settings.is_one_of_several else LocalBus()
        self.leases = None if isinstance(self.bus, LocalBus) else Leases(self.store, self.clock, self.process)
        self.claims: Claims = self.leases or Alone()
        self.download_counts = DownloadCounts(self.store)
        self.bus.attach_downloads(self.download_counts.add)
        self.downloads = self._make_downloads()
        self.withdrawals = Withdrawals(self.store, self.bus, self.clock)

    def _make_bus(self) -> NatsBus:
        assert self.settings.nats is not None
        names = Names(self.ring.derive("installation")[:_INSTALLATION_BYTES].hex())
        bus = NatsBus(
            NatsSettings(url=self.settings.nats, names=names, process=self.process), self._whereabouts, self.clock
        )
        for subject in _TOLD_TO_OTHERS:
            bus.on_hint(subject, partial(self.store.hear, subject))
        self.store.relay(_TOLD_TO_OTHERS, bus.hint)
        return bus

    def membership(self, on_lapse: Callable[[], Awaitable[None]]) -> Membership | None:
        """How the other processes know that this one lives; None when it is alone.

        Args:
            on_lapse: what lets go of the devices of this process.
        """
        if isinstance(self.bus, LocalBus):
            return None
        roles = ",".join(sorted(self.settings.roles))
        return Membership(self.store, self.clock, Member(self.process, roles), on_lapse)

    def take_public_url(self, public_url: str) -> None:
        """Tells what depends on it the server's URL as its users know it."""
        self.public_url = public_url
        settings = self.settings
        key = self.ring.derive("download-urls")
        self.urls = DownloadUrls(settings.download_url or public_url, key, settings.download_url_hours * 3_600)
        self.maker = OfferMaker(self.urls, DigestSigner(self.box), configuration.direct_url(settings))

    def origin_of(self, request: web.Request) -> Origin:
        """Where a request comes from."""
        return origin_of(request, self.settings.trusted_proxies)

    def peer_of(self, request: web.Request) -> Peer:
        """Where a device's request comes from."""
        origin = self.origin_of(request)
        return Peer(origin.address, origin.secure)

    def _make_downloads(self) -> Downloads:
        serving = configuration.serving(
            self.settings,
            self.objects,
            told=self._downloaded,
            address_of=lambda request: self.origin_of(request).address,
        )
        return Downloads(RecentObjects(self.store), self.objects, serving, self.object_limits.stall_seconds)

    def _downloaded(self, served: Served) -> None:
        self.download_counts.add(
            Downloaded(served.task_id, served.sent, 1, int(not served.complete), self.clock.now_ms())
        )

    async def _whereabouts(self, device_ids: Collection[int]) -> Mapping[int, str]:
        connections = await self.store.read(presence.connections_of, device_ids)
        return {device_id: process_of(connection) for device_id, connection in connections.items()}


def _count(happened: Sequence[tuple[str, str]]) -> None:
    for event, status in happened:
        metrics.HAPPENED.labels(event, status).inc()

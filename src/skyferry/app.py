"""The composition root: settings in, the roles of this process out. Nothing else connects the parts."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from nats.errors import Error
from sqlalchemy.exc import SQLAlchemyError

from skyferry import configuration, monitoring, tracing
from skyferry.bus.nats import NatsBus
from skyferry.cluster.installation import check_key
from skyferry.datadir import write_private
from skyferry.effective_settings import effective
from skyferry.endpoints import AddressError, Endpoints
from skyferry.fleet import accounts, people
from skyferry.fleet.accounts import NewKey
from skyferry.monitoring import Check, Health, Readiness
from skyferry.objects import http as objects_http
from skyferry.objects.cleaning import remove_stray_archives, remove_strays
from skyferry.objects.interface import StoreAwayError, StoreRefusesError
from skyferry.operations.services import ServerFacts
from skyferry.roles.api import ApiRole
from skyferry.roles.foundation import Foundation
from skyferry.roles.gateway import GatewayRole
from skyferry.roles.worker import WorkerRole
from skyferry.scheduler.recovery import recover, tell_departures
from skyferry.settings import Role, Settings
from skyferry.starting import EngineAwayError, Patience, StartError
from skyferry.store import migrate
from skyferry.store.dialect import serialised
from skyferry.store.errors import StoreUnavailableError
from skyferry.tls.errors import TlsError
from skyferry.tls.keeper import TlsKeeper
from skyferry.tls.names import certificate_names
from skyferry.trust.tuf import http as tuf_http
from skyferry.web import WebServer

_DEVICES_AT_ONCE: Final = 1_000
_NOT_NEEDED: Final = frozenset({"objects", "membership"})
_STRAY_MS: Final = 86_400_000
"""An upload of another process has a file before it has a row, but not for so long."""


@dataclass(frozen=True, slots=True)
class Started:
    """Where a started server listens, and what its first start made up: the root account's AccessKey and password."""

    endpoints: Endpoints
    public_url: str
    new_root_key: NewKey | None
    new_root_password: str | None


class Server:
    """The roles of one process."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet.

        Raises:
            skyferry.keys.KeyFileError: the key file cannot be used.
            ValueError: the database is of a kind that is not supported, or the object store needs an extra.
        """
        self._settings = settings
        self._foundation = Foundation(settings)
        self._patience = Patience(settings.start_wait_seconds)
        self._gateway: GatewayRole | None = None
        self._worker: WorkerRole | None = None
        self._membership = self._foundation.membership(self._let_go)

    async def start(self) -> Started:
        """Migrates the database, recovers from the former run, and opens the doors; devices and API last.

        Raises:
            StartError: the database, NATS, the object store, an address or a certificate cannot be used.
            EngineAwayError: one of the first three does not answer for longer than a start waits.
            StartGivenUpError: `give_up` was called meanwhile.
            skyferry.keys.KeyFileError: the database is sealed with another key.
            skyferry.fleet.accounts.AccountError: the root key in the settings cannot be used.
        """
        foundation = self._foundation
        if (tracer := configuration.tracer(self._settings, foundation.process)) is not None:
            tracing.start(tracer)
        await self._patience.wait_for(self._migrate)
        await foundation.store.write(check_key, foundation.ring, foundation.key_file)
        new_key = await self._ensure_root()
        new_password = await self._ensure_root_password()
        await self._patience.wait_for(self._start_objects)
        endpoints = self._take_endpoints()
        public_url = endpoints.public_url(self._settings.public_url)
        await self._start_tls(endpoints, public_url)
        foundation.take_public_url(public_url)
        if Role.GATEWAY in self._settings.roles:
            self._gateway = GatewayRole(foundation)
        await self._patience.wait_for(self._join)
        if Role.WORKER in self._settings.roles:
            self._worker = WorkerRole(foundation, self._membership)
            await self._worker.begin()
        foundation.download_counts.start()
        if self._gateway is not None:
            self._gateway.begin()
        await self._start_web(endpoints)
        if self._gateway is not None:
            await self._gateway.open(endpoints, self._tls)
        return Started(endpoints, public_url, new_key, new_password)

    def give_up(self) -> None:
        """Ends a start that waits for an engine; at other times it does nothing."""
        self._patience.give_up()

    def reload(self) -> None:
        """Reads certificates anew that have changed, soon."""
        self._tls.wake()

    async def drain(self) -> None:
        """Lets balancers send what is new elsewhere, and devices go one after the other.

        May be cancelled at any time; `stop` does the rest.
        """
        self._readiness.drain()
        await asyncio.sleep(self._settings.stop_delay_seconds)
        if self._gateway is not None and self._settings.drain_seconds:
            await self._gateway.drain(self._settings.drain_seconds)

    async def stop(self) -> None:
        """Closes the doors, finishes what was begun, and stores what devices have said."""
        foundation = self._foundation
        if self._gateway is not None:
            self._gateway.close()
        await self._web.stop()
        if self._gateway is not None:
            await self._gateway.stop()
        await self._tls.stop()
        if self._worker is not None:
            await self._worker.stop()
        await foundation.withdrawals.drain()
        await foundation.download_counts.stop()
        if self._worker is not None:
            await self._worker.stop_delivery()
        await self._leave()
        await foundation.objects.close()
        await foundation.store.close()
        await asyncio.to_thread(tracing.stop)

    async def _migrate(self) -> None:
        store = self._foundation.store
        try:
            await migrate.upgrade(store)
        except StoreUnavailableError as error:
            raise EngineAwayError(f"The database {store.url} cannot be used: {error}") from error
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StartError(f"The database {store.url} cannot be used: {reason}") from error

    async def _start_objects(self) -> None:
        foundation = self._foundation
        objects, now = foundation.objects, foundation.clock.now_ms()
        stored_before = now - _STRAY_MS if self._settings.is_one_of_several else now
        try:
            await objects.start()
            await objects.sweep()
            for remove in (remove_strays, remove_stray_archives):
                await remove(foundation.store, objects, foundation.object_limits, stored_before=stored_before)
        except OSError as error:
            await objects.close()
            is_away = isinstance(error, StoreAwayError) and not isinstance(error, StoreRefusesError)
            raise (EngineAwayError if is_away else StartError)(f"Package files cannot be stored: {error}") from error

    async def _join(self) -> None:
        """Joins the other processes; one that is alone takes all that is left of the former run for its own."""
        bus = self._foundation.bus
        if not isinstance(bus, NatsBus):
            await self._recover()
            return
        try:
            await bus.start()
        except (Error, OSError) as error:
            reason = str(error) or "it does not answer"
            raise EngineAwayError(f"NATS cannot be used: {reason}. It must run with JetStream.") from error
        if self._membership is not None:
            await self._membership.start()

    async def _leave(self) -> None:
        foundation = self._foundation
        if isinstance(foundation.bus, NatsBus):
            await foundation.bus.stop()
        if foundation.leases is not None:
            await foundation.leases.release_all()
        if self._membership is not None:
            await self._membership.stop()

    async def _let_go(self) -> None:
        if self._gateway is not None:
            await self._gateway.let_go()

    async def _recover(self) -> None:
        store, now, after = self._foundation.store, self._foundation.clock.now_ms(), 0
        while (last := await store.write(tell_departures, now, after=after, most=_DEVICES_AT_ONCE)) is not None:
            after = last
        await store.write(recover, now)

    def _take_endpoints(self) -> Endpoints:
        try:
            return Endpoints.take(self._settings)
        except AddressError as error:
            raise StartError(str(error)) from error

    async def _start_tls(self, endpoints: Endpoints, public_url: str) -> None:
        hosts = [endpoint.address.host for endpoint in endpoints.all()]
        names = certificate_names([public_url], hosts, self._settings.tls_names)
        directory = self._foundation.tls_directory
        self._tls = TlsKeeper(directory, configuration.tls_sources(self._settings, directory), names)
        try:
            await self._tls.start()
        except TlsError as error:
            raise StartError(str(error)) from error

    async def _ensure_root(self) -> NewKey | None:
        foundation = self._foundation
        secret = self._settings.root_access_key_secret
        given = self._settings.root_access_key_id
        new_key = await foundation.store.write(
            serialised("root", accounts.ensure_root),
            foundation.box,
            key_id=given,
            secret=secret.get_secret_value() if secret else None,
            now_ms=foundation.clock.now_ms(),
        )
        if new_key is None or given is not None:
            return None
        write_private(foundation.directory.root_key, f"{new_key.access_key_id}\n{new_key.secret}\n")
        return new_key

    async def _ensure_root_password(self) -> str | None:
        foundation = self._foundation
        given = self._settings.root_password
        made = await foundation.store.write(
            serialised("root", people.ensure_root_password),
            given.get_secret_value() if given else None,
            now=foundation.clock.now_ms(),
        )
        if made is not None:
            write_private(foundation.directory.root_password, f"{made}\n")
        return made

    async def _start_web(self, endpoints: Endpoints) -> None:
        """Serves what the roles of this process offer over HTTP."""
        health = Health(self._checks())
        self._readiness = Readiness(self._needs())
        api = ApiRole(self._foundation, self._facts(endpoints, health)) if Role.API in self._settings.roles else None
        routes = api.routes() if api else []
        if self._gateway is not None:
            routes = self._gateway.routes(beside=routes)
        if Role.API in self._settings.roles or Role.GATEWAY in self._settings.roles:
            routes += self._file_routes()
        mqtt_port = (endpoints.mqtt.address if endpoints.mqtt else self._settings.mqtt).port
        routes += monitoring.routes(health, self._readiness)
        self._web = WebServer(routes, console=api.console(mqtt_port) if api else None)
        await self._web.start(endpoints, self._tls)

    def _file_routes(self) -> list[web.RouteDef]:
        foundation = self._foundation
        return [
            *objects_http.routes(
                foundation.store,
                foundation.objects,
                foundation.box,
                foundation.clock,
                public_url=foundation.public_url,
                download_urls=foundation.urls,
                limits=foundation.object_limits,
                downloads=foundation.downloads,
            ),
            *tuf_http.routes(foundation.store, foundation.clock, urls=foundation.urls, grants=foundation.target_grants),
        ]

    def _facts(self, endpoints: Endpoints, health: Health) -> ServerFacts:
        foundation = self._foundation
        return ServerFacts(
            started_ms=foundation.clock.now_ms(),
            addresses=tuple(endpoints.named().items()),
            data_dir=foundation.directory.path,
            settings=effective(self._settings),
            health=health,
            certificate_end_ms=self._tls.certificate_end_ms,
        )

    def _checks(self) -> Mapping[str, Check]:
        foundation = self._foundation
        checks: dict[str, Check] = {
            "store": foundation.store.check,
            "objects": foundation.objects.check,
            "bus": foundation.bus.check,
            "http": self._check_web,
        }
        for role in (self._gateway, self._worker):
            checks |= role.checks() if role else {}
        if self._membership is not None:
            checks["membership"] = self._membership.check
        return checks

    def _needs(self) -> Mapping[str, Check]:
        """What this process cannot do without. While only files are out of reach, it can do most of its work."""
        store = self._foundation.store

        async def check_schema() -> None:
            await migrate.check(store)

        needs = {name: check for name, check in self._checks().items() if name not in _NOT_NEEDED}
        return {**needs, "schema": check_schema}

    async def _check_web(self) -> None:
        self._web.check()

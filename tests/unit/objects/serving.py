"""A server with nothing but package files, on a free port, and the forms to send to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Final

from aiohttp import web
from lxml import etree
from sqlalchemy import Connection, func, insert, select

from skyferry.keys import SecretBox
from skyferry.objects.downloads import Downloads, Served, Serving
from skyferry.objects.gate import Gate
from skyferry.objects.http import routes
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import ObjectLimits, ServingLimits
from skyferry.objects.recent import RecentObjects
from skyferry.objects.tickets import UploadTicket, issue_ticket
from skyferry.objects.urls import DownloadUrls
from skyferry.store import tables
from skyferry.store.engine import Store
from tests.support import databases
from tests.unit.objects.storages import LocalStorage, Storage

NOW_MS: Final = 1_572_848_550_000
"""2019-11-04T06:22:30Z: the recorded policies have 24.607 seconds left."""
PREFIX: Final = "65dfcda0473be29836dfde585472aaaa"
OTHER_PREFIX: Final = "0" * 32
BOUNDARY: Final = "boundary-of-the-test"


@dataclass
class SettableClock:
    now: int = NOW_MS

    def now_ms(self) -> int:
        return self.now


@dataclass
class Reply:
    """An answer as it came over the wire."""

    status_line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])

    def header(self, name: str) -> str:
        """A header by its exact letters."""
        return dict(self.headers)[name]

    def element(self, name: str) -> str | None:
        return etree.fromstring(self.body).findtext(name)

    @property
    def code(self) -> str | None:
        return self.element("Code")


@dataclass
class ObjectServer:
    store: Store
    objects: ObjectStore
    storage: Storage
    directory: Path
    clock: SettableClock
    urls: DownloadUrls
    limits: ObjectLimits
    box: SecretBox
    port: int
    served: list[Served]
    ssl: SSLContext | None = None

    async def exchange(self, raw: bytes, *, shut: bool = False) -> Reply:
        """Sends bytes and reads one answer to its end; the request must say `Connection: close`."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.ssl)
        try:
            writer.write(raw)
            if shut:
                writer.write_eof()
            answer = await reader.read()
        finally:
            writer.close()
        return parse_reply(answer)

    async def post(
        self,
        body: bytes,
        *,
        path: str = "/objects",
        content_type: str = f"multipart/form-data; boundary={BOUNDARY}",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        lines = {"Host": "files.test", "Connection": "close", "Content-Type": content_type, **(headers or {})}
        lines.setdefault("Content-Length", str(len(body)))
        return await self.exchange(request("POST", path, lines) + body)

    async def get(self, key: str, *, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        return await self.fetch(self.urls.sign(key, self.clock.now).removeprefix(self.urls.base_url), headers, method)

    async def fetch(self, target: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Reply:
        return await self.exchange(
            request(method, target, {"Host": "files.test", "Connection": "close", **(headers or {})})
        )

    async def ticket(self, suffix: str = "bin", most_bytes: int | None = None, instance_id: int = 1) -> UploadTicket:
        return await issue_ticket(
            self.store,
            self.box,
            self.clock,
            self.limits,
            instance_id=instance_id,
            public_url=self.urls.base_url,
            suffix=suffix,
            most_bytes=most_bytes,
        )

    async def put(self, content: bytes) -> str:
        """Uploads a file and answers its key."""
        ticket = await self.ticket()
        reply = await self.post(form(fields_of(ticket), content))
        assert reply.status == 200, reply
        return ticket.key

    def files(self) -> list[str]:
        """Every file in the object store, whole or not."""
        return self.storage.files()

    async def rows(self) -> int:
        return await self.store.read(_count)


def _count(tx: Connection) -> int:
    return int(tx.execute(select(func.count()).select_from(tables.objects)).scalar_one())


def request(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def parse_reply(answer: bytes) -> Reply:
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Reply(status_line, headers, body)


def fields_of(ticket: UploadTicket, **more: str) -> list[tuple[str, str]]:
    return [
        ("key", ticket.key),
        ("policy", ticket.policy),
        ("OSSAccessKeyId", ticket.access_key_id),
        ("Signature", ticket.signature),
        ("success_action_status", more.pop("status", "200")),
        *more.items(),
    ]


def part(name: str, value: bytes, headers: Sequence[str] = (), filename: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    return "\r\n".join([f"--{BOUNDARY}", disposition, *headers, "", ""]).encode() + value + b"\r\n"


def form(fields: Sequence[tuple[str, str]], content: bytes, after: bytes = b"") -> bytes:
    body = b"".join(part(name, value.encode()) for name, value in fields)
    return body + part("file", content, filename="fw.bin") + after + f"--{BOUNDARY}--\r\n".encode()


def add_instance(tx: Connection, box: SecretBox, prefix: str, key_id: str, secret: str) -> None:
    account = tx.execute(
        insert(tables.accounts).values(uid=key_id, name=key_id, created_at=0).returning(tables.accounts.c.id)
    ).scalar_one()
    tx.execute(
        insert(tables.instances).values(
            account_id=account,
            name=f"iot-{key_id}",
            is_default=True,
            object_prefix=prefix,
            upload_key_id=key_id,
            upload_key_sealed=box.seal(secret),
            created_at=0,
        )
    )


def add_package_of(tx: Connection, key: str, instance_id: int = 1) -> None:
    product = tx.execute(
        insert(tables.products)
        .values(
            instance_id=instance_id,
            product_key="a1",
            name="p",
            secret_sealed=b"",
            node_type=0,
            commodity_code="iothub_senior",
            net_type=0,
            auth_type="secret",
            id2=False,
            validate_type=1,
            status="DEVELOPMENT_STATUS",
            created_at=0,
            modified_at=0,
        )
        .returning(tables.products.c.id)
    ).scalar_one()
    package = tx.execute(
        insert(tables.packages)
        .values(
            instance_id=instance_id,
            product_id=product,
            firmware_id="f",
            name="n",
            module="default",
            dest_version="1",
            type=0,
            sign_method="MD5",
            status=-1,
            multi_file=False,
            created_at=0,
            modified_at=0,
        )
        .returning(tables.packages.c.id)
    ).scalar_one()
    tx.execute(
        insert(tables.package_files).values(package_id=package, position=0, object_key=key, size=0, sign="", md5="")
    )


def prepare(tx: Connection, box: SecretBox) -> None:
    """Two instances: 1 has the keys of the recorded forms."""
    add_instance(tx, box, PREFIX, "ossid", "osssecret")
    add_instance(tx, box, OTHER_PREFIX, "otherid", "othersecret")


@asynccontextmanager
async def serving(
    directory: Path,
    *,
    limits: ObjectLimits | None = None,
    storage: Storage | None = None,
    ssl: tuple[SSLContext, SSLContext] | None = None,
    serving_limits: ServingLimits | None = None,
    elsewhere: Callable[[str], Awaitable[str]] | None = None,
    devices_follow: bool = False,
) -> AsyncIterator[ObjectServer]:
    """A running server.

    Args:
        directory: for database and files.
        limits: other limits than the default ones.
        storage: another store than one in `directory / "objects"`.
        ssl: the server's and the client's side of TLS.
        serving_limits: how many downloads at once, and how fast.
        elsewhere: where those who follow redirects are sent.
        devices_follow: devices do.
    """
    limits = limits or ObjectLimits()
    store = Store(databases.url(directory / "test.db"))
    box = SecretBox(b"k" * 32)
    await store.write(prepare, box)
    clock = SettableClock()
    urls = DownloadUrls("http://files.test", b"d" * 32)
    storage = storage or LocalStorage(directory / "objects")
    objects = storage.objects
    await objects.start()
    application = web.Application()
    served: list[Served] = []
    gate = Gate(serving_limits or ServingLimits())
    how = Serving(gate, told=served.append, elsewhere=elsewhere, devices_follow=devices_follow)
    downloads = Downloads(RecentObjects(store), objects, how, limits.stall_seconds)
    application.add_routes(
        routes(
            store,
            objects,
            box,
            clock,
            public_url="http://ota.test",
            download_urls=urls,
            limits=limits,
            downloads=downloads,
        )
    )
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl[0] if ssl else None).start()
        port = int(runner.addresses[0][1])
        ends = port, served, ssl[1] if ssl else None
        yield ObjectServer(store, objects, storage, directory / "objects", clock, urls, limits, box, *ends)
    finally:
        await runner.cleanup()
        await objects.close()
        await store.close()

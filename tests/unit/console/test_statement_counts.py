"""How many statements each page takes, on a server in this process; and that longer tables take no more."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.web_protocol import RequestHandler
from pydantic import SecretStr
from sqlalchemy import Connection, event

from skyferry import app
from skyferry.datadir import DataDir
from skyferry.fleet import groups, memberships
from skyferry.keys import KeyRing, SecretBox
from skyferry.operations import OPERATIONS
from skyferry.settings import Address, Settings
from skyferry.store.engine import Store
from tests.support.plans import migrated
from tests.support.rows import World
from tests.support.server import ROOT_PASSWORD

FEW, MANY = 10, 30
Work = Callable[..., Any]
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')
PAGES: Final[Mapping[str, int]] = {
    "/": 9,
    "/overview/running": 4,
    "/products": 5,
    "/products/{product}": 6,
    "/products/{product}/settings": 8,
    "/products/{product}/delete": 9,
    "/products/{product}/modules": 6,
    "/devices": 9,
    "/devices?product={product}": 10,
    "/devices?product={product}&state=UNACTIVE": 11,
    "/devices?product={product}&name=device-1": 10,
    "/devices?product={product}&where=ota_module.version+%3D+%221.0.5%22": 11,
    "/devices/new": 5,
    "/devices/{product}/device-0": 22,
    "/devices/{product}/device-0/live": 5,
    "/devices/{product}/device-0/simulate": 5,
    "/devices/{product}/device-0/tasks/{task}": 6,
    "/devices/{product}/device-0/delete": 10,
    "/groups": 4,
    "/groups/static/{group}": 13,
    "/groups/static/{group}/delete": 7,
    "/packages": 8,
    "/packages/new": 5,
    "/packages/{package}": 8,
    "/packages/{package}?tab=devices": 10,
    "/packages/{package}?tab=information": 5,
    "/packages/{package}?tab=statistics": 8,
    "/packages/{package}/delete": 8,
    "/packages/{package}/update": 7,
    "/packages/{package}/versions": 9,
    "/packages/{package}/verify": 10,
    "/jobs/{job}": 13,
    "/jobs/{job}?state=QUEUED": 13,
    "/jobs/{job}?tab=information": 7,
    "/jobs/{job}/progress": 4,
    "/jobs/{job}/cancel": 6,
    "/jobs/{job}/edit": 5,
    "/analysis": 15,
    "/analysis?product={product}": 15,
    "/audit": 4,
    "/access": 6,
    "/events": 3,
    "/me": 3,
}
"""Pages by their paths, with what they take; the beginning and end of transactions are not counted."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a path may name, with `{}` around it."""

    product: str
    package: str
    job: str
    task: str
    group: str


def plant(directory: Path, rows: int) -> Made:
    """A database with so many of everything that pages list."""
    data = DataDir(directory)
    box = SecretBox(KeyRing.load_or_create(data.key).derive("secrets"))
    with migrated(directory) as tx:
        world = World(tx, box=box)
        for number in range(rows):
            world.make_product(f"more_{number}")
            world.make_module(f"module-{number // 3}")
            world.make_device(f"device-{number}", version=f"1.0.{number}")
            groups.create(tx, f"group_{number}", None, instance_id=world.instance.id, now=world.now)
        group = groups.create(tx, "members", None, instance_id=world.instance.id, now=world.now)
        devices = [(world.product.product_key, f"device-{number}") for number in range(rows)]
        memberships.add(tx, group, devices)
        names = [name for _, name in devices]
        made = [world.make_package(f"2.0.{number}") for number in range(rows)]
        for firmware_id in made:
            job = world.make_job(firmware_id, names[:1])
            world.cancel(firmware_id, names[:1])
        job = world.make_job(firmware_id, names)
        tx.commit()
        return Made(world.product.product_key, firmware_id, job.job_id, world.task_ids(job)[0], group.group_id)


async def load(directory: Path, made: Made) -> Mapping[str, int]:
    """What each page takes."""
    server = app.Server(
        Settings(
            data_dir=directory,
            http=Address("127.0.0.1", 0),
            mqtt=Address("127.0.0.1", 0),
            root_access_key_id="testid",
            root_access_key_secret=SecretStr("testsecret"),
            root_password=SecretStr(ROOT_PASSWORD),
            quotas=dict.fromkeys(OPERATIONS, 10_000),
        )
    )
    started = await server.start()
    try:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(started.public_url, cookie_jar=jar) as session:
            async with session.get("/console/sign-in") as response:
                token = _TOKEN.search(await response.text())
            form = {"login": "root", "password": ROOT_PASSWORD, "form_token": token[1] if token else ""}
            async with session.post("/console/sign-in", data=form) as response:
                assert response.status == 200
            return {path: await statements(session, path, made) for path in PAGES}
    finally:
        await server.stop()


async def statements(session: aiohttp.ClientSession, path: str, made: Made) -> int:
    """How many one page takes."""
    url = path.format_map({name: getattr(made, name) for name in Made.__slots__})
    for _ in range(2):  # the first time fills caches
        seen.clear()
        async with session.get(f"/console{url}") as response:
            await response.read()
            assert response.status == 200, url
    return len(seen)


seen: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def _counted() -> Iterator[None]:
    """Notes the statements of requests; those of the server's other tasks come in between as they like."""

    def noted(work: Work) -> Work:
        def run(tx: Connection, *args: Any, **kwargs: Any) -> Any:
            event.listen(tx, "before_cursor_execute", note)
            try:
                return work(tx, *args, **kwargs)
            finally:
                event.remove(tx, "before_cursor_execute", note)  # the next transaction is another's

        return run

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    def watched(transaction: Callable[..., Any]) -> Callable[..., Any]:
        async def run(store: Store, work: Work, *args: Any, **kwargs: Any) -> Any:
            name = getattr(asyncio.current_task().get_coro(), "__qualname__", "")  # type: ignore[union-attr]
            of_request = name.startswith(f"{RequestHandler.__name__}.")
            return await transaction(store, noted(work) if of_request else work, *args, **kwargs)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in ("read", "write"):
            patch.setattr(Store, name, watched(getattr(Store, name)))
        yield


def taken(tmp_path_factory: pytest.TempPathFactory, rows: int) -> Mapping[str, int]:
    directory = tmp_path_factory.mktemp(f"rows{rows}")
    return asyncio.run(load(directory, plant(directory, rows)))


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    return taken(tmp_path_factory, FEW)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    return taken(tmp_path_factory, MANY)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_its_statements(few: Mapping[str, int], path: str) -> None:
    assert few[path] == PAGES[path]


@pytest.mark.parametrize("path", PAGES)
def test_longer_tables_take_no_more(few: Mapping[str, int], many: Mapping[str, int], path: str) -> None:
    assert many[path] <= few[path]

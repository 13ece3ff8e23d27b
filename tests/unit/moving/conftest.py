"""A platform to copy from, and an empty instance to copy to."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection

from skyferry.clock import SystemClock
from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.moving.client import AccessKey, ApiClient
from skyferry.moving.limits import MovingLimits
from skyferry.moving.move import Move, Target, Wanted
from skyferry.moving.pace import Pace
from skyferry.moving.report import Kind, Report
from skyferry.moving.source import Source
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.local import LocalObjectStore
from skyferry.objects.uploads import Uploads
from skyferry.operations import OPERATIONS
from skyferry.ota.models import EngineLimits
from skyferry.store import accounts as statements
from skyferry.store.engine import Store
from tests.unit.moving.platform import KEY_ID, SECRET, Platform

LIMITS = MovingLimits(attempts=3, throttled_attempts=6, first_wait_s=0.01, answer_s=5, most_answer_bytes=100_000)


class Uncounted:
    """Nobody looks how far it is."""

    def begin(self, kind: Kind, total: int) -> None: ...

    def advance(self, kind: Kind, number: int = 1) -> None: ...


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """Knows nothing yet."""
    found = Platform()
    async with TestServer(found.application()) as server:
        found.url = str(server.make_url("")).rstrip("/")
        yield found


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Makes connections."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(platform: Platform, http: aiohttp.ClientSession) -> ApiClient:
    """Asks the platform as fast as it likes."""
    pace = Pace(dict.fromkeys([*OPERATIONS, "QueryDeviceGroupTagList", "Echo"], 10_000), 1)
    return ApiClient(http, platform.url, AccessKey(KEY_ID, SECRET), pace, limits=LIMITS)


@pytest.fixture
async def target(store: Store, tmp_path: Path) -> Target:
    """An instance without anything."""
    box, clock = SecretBox(b"k" * 32), SystemClock()

    def made(tx: Connection) -> tuple[int, int]:
        account = accounts.create_account(tx, box, "acme", now_ms=1)
        [instance] = statements.instances_of(tx, account.id)
        return account.id, instance.id

    account_id, instance_id = await store.write(made)
    objects = LocalObjectStore(tmp_path / "objects")
    await objects.start()
    uploads = Uploads(store, objects, box, clock, ObjectLimits(most_file_bytes=10_000))
    return Target(store, uploads, box, clock, EngineLimits(), account_id, instance_id)


@pytest.fixture
def move(client: ApiClient, target: Target) -> Move:
    """All of it."""
    return Move(Source(client), target, Wanted(), Report(), Uncounted(), LIMITS)

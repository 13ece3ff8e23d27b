"""Devices for a server that is not started yet, written straight into its database through the store's tables.

Registering 100,000 devices through the API would take longer than what is measured with them.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import ARRAY, ColumnElement, Connection, Text, func, insert, literal, select

from bench.server import KEY_ID, SECRET
from skyferry.datadir import DataDir
from skyferry.fleet import accounts, principals, products
from skyferry.fleet.products import NewProduct
from skyferry.keys import KeyRing, SecretBox
from skyferry.simulator.identity import DeviceIdentity
from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.limits import PostgresqlLimits
from skyferry.store.rows import chunks
from skyferry.store.tables import devices, module_versions

VERSION: Final = "1.0.0"
"""What every device has reported."""
_STATEMENT_SECONDS: Final = 3_600
_DEVICE_SECRET: Final = secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Product:
    """A product and the names of its devices, in the order of their keys."""

    product_key: str
    names: Sequence[str]

    def identities(self) -> list[DeviceIdentity]:
        """The devices with what they log in with."""
        return [DeviceIdentity(self.product_key, name, _DEVICE_SECRET) for name in self.names]


async def seed(data: Path, *sizes: int, database: str | None = None) -> list[Product]:
    """Makes a data directory with one product for each size; its devices have reported a version and are offline."""
    data.mkdir(mode=0o700, parents=True)  # noqa: ASYNC240 - nothing else runs yet
    directory = DataDir(data)
    box = SecretBox(KeyRing.load_or_create(directory.key).derive("secrets"))
    store = Store(database or str(directory.database), PostgresqlLimits(statement_seconds=_STATEMENT_SECONDS))
    try:
        await migrate.upgrade(store)
        return await store.write(_fill, box, sizes)
    finally:
        await store.close()


def _fill(tx: Connection, box: SecretBox, sizes: Sequence[int]) -> list[Product]:
    now = time.time_ns() // 1_000_000
    accounts.ensure_root(tx, box, key_id=KEY_ID, secret=SECRET, now_ms=now)
    principal = principals.find_principal(tx, KEY_ID, box)
    assert principal
    instance = principal.default_instance
    made = []
    for number, size in enumerate(sizes):
        product = products.create(
            tx,
            NewProduct(name=f"bench_{number}", node_type=0),
            instance_id=instance.id,
            account_id=instance.account_id,
            box=box,
            now=now,
        )
        made.append(Product(product.product_key, _fill_product(tx, product.id, size, box.seal(_DEVICE_SECRET), now)))
    return made


def _fill_product(tx: Connection, product_id: int, size: int, secret: bytes, now: int) -> list[str]:
    # Names come in no order, as they do in the field.
    names = [secrets.token_hex(10) for _ in range(size)]
    common = {"product_id": product_id, "secret_sealed": secret, "activated_at": now, "online_at": now}
    times = {"status_at": now, "created_at": now, "modified_at": now}
    for chunk in chunks(names):
        ids = [secrets.token_hex(15) for _ in chunk]
        if tx.dialect.name == "postgresql":  # one statement, so that the trigger counts once
            made = select(_each(chunk), _each(ids), *map(literal, (common | times).values()))
            tx.execute(insert(devices).from_select(["name", "iot_id", *common, *times], made))
        else:
            rows = zip(chunk, ids, strict=True)
            tx.execute(insert(devices), [{**common, **times, "name": name, "iot_id": iot} for name, iot in rows])
    reported = select(devices.c.id, literal("default"), literal(VERSION), literal(now)).order_by(devices.c.id)
    columns = ["device_id", "module", "version", "reported_at"]
    tx.execute(insert(module_versions).from_select(columns, reported.where(devices.c.product_id == product_id)))
    return names


def _each(texts: list[str]) -> ColumnElement[str]:
    """One row for each text; two of these beside each other go on together."""
    return func.unnest(literal(texts, ARRAY(Text)))

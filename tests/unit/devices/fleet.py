"""Rows of an account with products and devices, for tests of the device plane."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from skyferry.store.tables import accounts, devices, instances, products
from tests.support import databases

PRODUCT_KEY: Final = "a1Stub00001"
SECRET: Final = "devsecret0123456789abcdef01234567"


async def make_store(folder: Path) -> Store:
    """A store with an empty schema, one account and its instance."""
    store = Store(databases.url(folder / "test.sqlite"))
    await store.write(create)
    return store


def add_product(tx: Connection, product_key: str, *, node_type: int = 0, instance_id: int = 1) -> None:
    """Adds a product to an instance."""
    tx.execute(
        products.insert().values(
            instance_id=instance_id,
            product_key=product_key,
            name=product_key,
            secret_sealed=b"",
            node_type=node_type,
            commodity_code="iothub_senior",
            net_type=3,
            auth_type="secret",
            id2=False,
            validate_type=1,
            status="DEVELOPMENT_STATUS",
            created_at=0,
            modified_at=0,
        )
    )


def add_devices(tx: Connection, box: SecretBox, product_key: str, names: Sequence[str]) -> dict[str, int]:
    """Adds devices that all have the same secret; gives the keys of their rows."""
    product_id = tx.scalars(select(products.c.id).where(products.c.product_key == product_key)).one()
    sealed = box.seal(SECRET)
    tx.execute(devices.insert(), [_device(product_id, name, sealed) for name in names])
    rows = tx.execute(select(devices.c.name, devices.c.id).where(devices.c.product_id == product_id))
    return {row.name: row.id for row in rows}


def _device(product_id: int, name: str, sealed: bytes) -> dict[str, Any]:
    times = {"status_at": 0, "created_at": 0, "modified_at": 0}
    return {"product_id": product_id, "name": name, "iot_id": secrets.token_hex(8), "secret_sealed": sealed, **times}


def add_instance(tx: Connection, instance_id: int) -> None:
    """Adds an account with an instance; the first has both already."""
    tx.execute(accounts.insert().values(id=instance_id, uid=str(instance_id), name=f"a{instance_id}", created_at=0))
    tx.execute(
        instances.insert().values(
            id=instance_id,
            account_id=instance_id,
            name=f"iot-{instance_id}",
            is_default=True,
            object_prefix=f"p{instance_id}",
            upload_key_id=f"k{instance_id}",
            upload_key_sealed=b"",
            created_at=0,
        )
    )


def create(tx: Connection) -> None:
    """One account and its instance."""
    tx.execute(accounts.insert().values(id=1, uid="1", name="root", created_at=0))
    tx.execute(
        instances.insert().values(
            id=1,
            account_id=1,
            name="iot-default",
            is_default=True,
            object_prefix="p",
            upload_key_id="k",
            upload_key_sealed=b"",
            created_at=0,
        )
    )

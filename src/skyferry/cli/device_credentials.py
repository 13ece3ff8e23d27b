"""`skyferry device reset` and `reset-secret`: what devices log in with. Works while the server runs."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from skyferry.cli.database import DEFAULT_DATA_DIR, Account, Database, Directory, Target, change, now
from skyferry.cli.product import Product, product_of
from skyferry.fleet import accounts, dynamic_registration, gateways
from skyferry.fleet.devices import DeviceReference
from skyferry.keys import SecretBox
from skyferry.store import disconnections
from skyferry.store.accounts import AccountRecord

Name = Annotated[str, typer.Argument(metavar="DEVICE_NAME", help="The device's name in the product.")]


def reset(
    product: Product,
    name: Name,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Let a device that was online register itself once more (ResetThing). A gateway loses its sub-devices."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        found = product_of(tx, owner, product)
        device_id = dynamic_registration.reset(tx, found.instance_id, DeviceReference(None, product, name), now=now())
        if gateways.release(tx, device_id):
            disconnections.ask(tx, device_id)

    change(Target(data_dir, database, account), "device reset", _named(product, name), work)


def reset_secret(
    product: Product,
    name: Name,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Give a device a new DeviceSecret and print it. The old one and its token are void, its connection is ended."""

    def work(tx: Connection, box: SecretBox, owner: AccountRecord) -> str:
        found = product_of(tx, owner, product)
        reference = DeviceReference(None, product, name)
        changed = dynamic_registration.reset_secret(tx, found.instance_id, reference, box=box, now=now())
        disconnections.ask(tx, changed.device.id)
        return changed.secret

    print(change(Target(data_dir, database, account), "device reset-secret", _named(product, name), work))


def _named(product: str, name: str) -> dict[str, str]:
    return {"ProductKey": product, "DeviceName": name}

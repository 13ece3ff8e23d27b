"""Operations of our own on what a product says of its devices: registration, protocol, downloads, signatures."""

import asyncio

from sqlalchemy import Connection

from skyferry.fleet import product_settings, products
from skyferry.fleet.product_settings import ChangedSettings, DynamicRegistration
from skyferry.keys import SecretBox
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import signing as signing_statements
from skyferry.store.product_settings import SettingsRecord
from skyferry.trust import key_pairs, signing_keys
from skyferry.trust.key_pairs import KeyPair


class ProductSettings(ResponseModel):
    """`Data` of the operations on a product's settings."""

    dynamic_registration: str
    """`OFF`, `REGISTERED` or `ANY`."""
    device_protocol: str
    """`link` or `hawkbit`."""
    download_base: str | None
    """What download URLs of the product begin with; the server's own when absent."""
    secure_update: bool
    """Whether notices carry a signature of the package."""


class ProductSettingsResponse(ResponseModel):
    """Answer of the operations on a product's settings."""

    data: ProductSettings


def _told(settings: SettingsRecord) -> ProductSettingsResponse:
    return ProductSettingsResponse(
        data=ProductSettings(
            dynamic_registration=DynamicRegistration(settings.dynamic_registration).name,
            device_protocol=settings.device_protocol,
            download_base=settings.download_base,
            secure_update=settings.secure_update,
        )
    )


class QueryProductSettingsRequest(InstanceRequest):
    """Parameters of QueryProductSettings."""

    product_key: str


@operation("QueryProductSettings", qps=50, access=Access.READ, vendor=False)
async def query_product_settings(call: Call, request: QueryProductSettingsRequest) -> ProductSettingsResponse:
    """Tells how the devices of a product register, what they speak, and where they download."""
    return _told(await call.services.store.read(product_settings.of_product, call.instance.id, request.product_key))


class UpdateProductSettingsRequest(InstanceRequest):
    """Parameters of UpdateProductSettings; what is absent stays as it is."""

    product_key: str
    dynamic_registration: str | None = None
    """Who may register with the ProductSecret: `OFF` (nobody), `REGISTERED` (known devices) or `ANY` (unknown too)."""
    device_protocol: str | None = None
    """`link`: the platform's MQTT protocol, `hawkbit`: the device API of Eclipse hawkBit."""
    download_base: str | None = None
    """What download URLs begin with, such as `http://files.example.com`, up to 96 characters; empty: the server's."""
    secure_update: bool | None = None
    """Whether notices carry a signature of the package. A product without a signing key gets one."""


@operation("UpdateProductSettings", qps=10, access=Access.WRITE, vendor=False)
async def update_product_settings(call: Call, request: UpdateProductSettingsRequest) -> ProductSettingsResponse:
    """Changes how the devices of a product register, what they speak, and where they download."""
    changed = ChangedSettings(
        dynamic_registration=request.dynamic_registration,
        device_protocol=request.device_protocol,
        download_base=request.download_base,
        secure_update=request.secure_update,
    )
    services = call.services
    pair = await _first_key(call, request.product_key) if request.secure_update else None
    return _told(
        await services.store.write(
            _change,
            call.instance.id,
            request.product_key,
            changed,
            pair=pair,
            box=services.box,
            now=services.clock.now_ms(),
        )
    )


async def _first_key(call: Call, product_key: str) -> KeyPair | None:
    """A key pair for a product that has none. It takes a good part of a second, so no transaction waits for it."""
    if await call.services.store.read(_has_key, call.instance.id, product_key):
        return None
    return await asyncio.to_thread(key_pairs.generate)


def _has_key(tx: Connection, instance_id: int, product_key: str) -> bool:
    return signing_statements.active(tx, products.find(tx, instance_id, product_key).id) is not None


def _change(
    tx: Connection,
    instance_id: int,
    product_key: str,
    changed: ChangedSettings,
    *,
    pair: KeyPair | None,
    box: SecretBox,
    now: int,
) -> SettingsRecord:
    if pair is not None:
        signing_keys.ensure(tx, products.find(tx, instance_id, product_key), pair, box=box, now=now)
    return product_settings.change(tx, instance_id, product_key, changed, now=now)

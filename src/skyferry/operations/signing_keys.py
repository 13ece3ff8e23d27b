"""Operations of our own on the keys that sign a product's packages: the platform has them in its console only."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

from sqlalchemy import Connection

from skyferry.fleet import products
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, Shortened, operation
from skyferry.store import signing as statements
from skyferry.store.signing import SigningKeyRecord
from skyferry.trust import key_pairs, signing_keys


def _kept_secret(_: str) -> str:
    """What the audit trail keeps of a private key."""
    return "given"


class ProductSigningKey(ResponseModel):
    """The public part of a key."""

    key_id: str
    """The first 16 hexadecimal digits of the SHA-256 of the public key in DER."""
    active: bool
    """True for the key that signs."""
    public_key: str
    """In PEM (SubjectPublicKeyInfo)."""
    modulus: str
    """256 bytes in hexadecimal, the highest first."""
    exponent: str
    """3 bytes in hexadecimal."""
    utc_create: str
    utc_retire: str | None
    """Since when the key does not sign any more."""


class ProductSigningKeyResponse(ResponseModel):
    """Answer of the operations that make a key."""

    data: ProductSigningKey


def _told(record: SigningKeyRecord) -> ProductSigningKey:
    return ProductSigningKey(
        key_id=record.key_id,
        active=record.retired_at is None,
        public_key=record.public_pem,
        modulus=key_pairs.modulus(record.public_pem).hex(),
        exponent=key_pairs.exponent(record.public_pem).hex(),
        utc_create=formats.utc(record.created_at),
        utc_retire=formats.utc_or_none(record.retired_at),
    )


class CreateProductSigningKeyRequest(InstanceRequest):
    """Parameters of CreateProductSigningKey."""

    product_key: str
    private_key: Annotated[str | None, Shortened(_kept_secret)] = None
    """An RSA key of 2,048 bits in PEM, without a password; the server makes one when absent."""


@operation("CreateProductSigningKey", qps=5, access=Access.WRITE, vendor=False)
async def create_product_signing_key(call: Call, request: CreateProductSigningKeyRequest) -> ProductSigningKeyResponse:
    """Gives a product the first key that signs its packages."""
    return await _made(call, request.product_key, request.private_key, signing_keys.create)


class RotateProductSigningKeyRequest(InstanceRequest):
    """Parameters of RotateProductSigningKey."""

    product_key: str
    private_key: Annotated[str | None, Shortened(_kept_secret)] = None
    """As for CreateProductSigningKey; no key that the product has or had."""


@operation("RotateProductSigningKey", qps=5, access=Access.WRITE, vendor=False)
async def rotate_product_signing_key(call: Call, request: RotateProductSigningKeyRequest) -> ProductSigningKeyResponse:
    """Lets a new key sign a product's packages from now on; the former one stays listed."""
    return await _made(call, request.product_key, request.private_key, signing_keys.rotate)


class ListProductSigningKeysRequest(InstanceRequest):
    """Parameters of ListProductSigningKeys."""

    product_key: str


class ProductSigningKeys(ResponseModel):
    """Wraps the list."""

    product_signing_key: list[ProductSigningKey]


class ListProductSigningKeysResponse(ResponseModel):
    """Answer of ListProductSigningKeys."""

    data: ProductSigningKeys


@operation("ListProductSigningKeys", qps=50, access=Access.READ, vendor=False)
async def list_product_signing_keys(
    call: Call, request: ListProductSigningKeysRequest
) -> ListProductSigningKeysResponse:
    """Lists the public parts of a product's keys, newest first, with those that sign no more."""
    records = await call.services.store.read(_all, call.instance.id, request.product_key)
    return ListProductSigningKeysResponse(
        data=ProductSigningKeys(product_signing_key=[_told(record) for record in records])
    )


_Change = Callable[..., SigningKeyRecord]


async def _made(call: Call, product_key: str, private_key: str | None, change: _Change) -> ProductSigningKeyResponse:
    """Makes or reads the key pair before the transaction: it takes a good part of a second."""
    services = call.services
    await services.store.read(products.find, call.instance.id, product_key)
    if private_key:
        pair = await asyncio.to_thread(key_pairs.parse, private_key)
    else:
        pair = await asyncio.to_thread(key_pairs.generate)

    def work(tx: Connection) -> SigningKeyRecord:
        product = products.find(tx, call.instance.id, product_key)
        return change(tx, product, pair, box=services.box, now=services.clock.now_ms())

    return ProductSigningKeyResponse(data=_told(await services.store.write(work)))


def _all(tx: Connection, instance_id: int, product_key: str) -> Sequence[SigningKeyRecord]:
    return statements.all_of(tx, products.find(tx, instance_id, product_key).id)

"""The keys of a product that sign its packages: one signs, those before it stay listed with their public parts."""

from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.keys import SecretBox
from skyferry.store import signing as statements
from skyferry.store.products import ProductRecord
from skyferry.store.signing import SigningKeyRecord
from skyferry.trust.key_pairs import KeyPair

MOST_KEYS: Final = 100
"""How many keys a product may have had: a list of them is never longer."""


def create(tx: Connection, product: ProductRecord, pair: KeyPair, *, box: SecretBox, now: int) -> SigningKeyRecord:
    """Gives a product its first key.

    Raises:
        ApiError: the product has one: `iot.prod.AlreadyExistedSigningKey`.
    """
    made = _record(product, pair, box, now)
    if not statements.insert(tx, made):
        raise ApiError(codes.ALREADY_EXISTED_SIGNING_KEY)
    return made


def ensure(tx: Connection, product: ProductRecord, pair: KeyPair, *, box: SecretBox, now: int) -> None:
    """Gives a product its first key, unless it has one."""
    statements.insert(tx, _record(product, pair, box, now))


def rotate(tx: Connection, product: ProductRecord, pair: KeyPair, *, box: SecretBox, now: int) -> SigningKeyRecord:
    """Lets a new key sign from now on; the former one is retired.

    Raises:
        ApiError: the product has no key (`iot.prod.NotExistedSigningKey`), had as many as it may have
            (`iot.prod.SigningKeyCountExceedMax`), or has or had this one (`iot.prod.InvalidSigningKey`).
    """
    former = statements.active(tx, product.id)
    if former is None:
        raise ApiError(codes.NOT_EXISTED_SIGNING_KEY)
    if statements.count(tx, product.id) >= MOST_KEYS:
        raise ApiError(codes.SIGNING_KEY_COUNT_EXCEED_MAX)
    made = _record(product, pair, box, now)
    if not statements.retire(tx, product.id, former.key_id, now=now) or not statements.insert(tx, made):
        raise ApiError(codes.INVALID_SIGNING_KEY, "The product has or had this key: rotate to one that it never had.")
    return made


def _record(product: ProductRecord, pair: KeyPair, box: SecretBox, now: int) -> SigningKeyRecord:
    return SigningKeyRecord(
        product_id=product.id,
        key_id=pair.key_id,
        private_sealed=box.seal(pair.private_pem),
        public_pem=pair.public_pem,
        created_at=now,
        retired_at=None,
    )

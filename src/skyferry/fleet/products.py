"""Products: what they may be, and how they are made and found."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import names
from skyferry.keys import SecretBox
from skyferry.store import products as statements
from skyferry.store.products import ProductRecord

MOST_PRODUCTS: Final = 1_000
"""How many products an account has, unless the operator says otherwise (control-plane reference §9.1)."""
_LONGEST_DESCRIPTION: Final = 100
_LONGEST_NAME: Final = 30
_BASIC, _SENIOR = "iothub", "iothub_senior"
_AUTH_TYPES: Final = frozenset({"secret", "id2", "x509"})


class NetType(IntEnum):
    """How devices reach the network: the name is sent in requests, the number comes back in answers."""

    LORA = 1
    WIFI = 3
    CELLULAR = 6
    ETHERNET = 7
    OTHER = 8


@dataclass(frozen=True, slots=True)
class NewProduct:
    """What CreateProduct says (control-plane reference §9.1)."""

    name: str
    node_type: int
    commodity_code: str | None = None
    data_format: int | None = None
    net_type: str | None = None
    auth_type: str | None = None
    protocol_type: str | None = None
    category_key: str | None = None
    description: str | None = None
    id2: bool = False
    validate_type: int | None = None


@dataclass(frozen=True, slots=True)
class ProductIdentity:
    """What devices know of their product; one that moves in from another platform keeps it."""

    product_key: str
    secret: str = field(repr=False)


def create(
    tx: Connection,
    new: NewProduct,
    *,
    instance_id: int,
    account_id: int,
    box: SecretBox,
    now: int,
    most: int = MOST_PRODUCTS,
    identity: ProductIdentity | None = None,
) -> ProductRecord:
    """Makes a product; `most` is how many the account may have. Without an identity it gets a random one.

    Raises:
        sqlalchemy.exc.IntegrityError: the ProductKey of the identity is taken.
        ApiError: a value that is not allowed, a name that is taken, or too many products.
    """
    _check(new)
    if statements.name_is_taken(tx, instance_id, new.name):
        raise ApiError(codes.ALREADY_EXISTED_PRODUCT_NAME)
    if statements.count_of_account(tx, account_id) >= most:
        raise ApiError(codes.PRODUCT_COUNT_EXCEED_MAX)
    own = identity or ProductIdentity(identifiers.product_key(), identifiers.product_secret())
    statements.insert(
        tx,
        instance_id=instance_id,
        product_key=own.product_key,
        name=new.name,
        secret_sealed=box.seal(own.secret),
        node_type=new.node_type,
        commodity_code=new.commodity_code or _BASIC,
        data_format=new.data_format,
        net_type=NetType[new.net_type.upper()] if new.net_type else NetType.WIFI,
        auth_type=new.auth_type or "secret",
        protocol_type=new.protocol_type,
        category_key=new.category_key,
        description=new.description,
        id2=new.id2,
        validate_type=1 if new.validate_type is None else new.validate_type,
        status="DEVELOPMENT_STATUS",
        created_at=now,
        modified_at=now,
    )
    return find(tx, instance_id, own.product_key)


def update(tx: Connection, instance_id: int, product_key: str, *, name: str, description: str | None, now: int) -> None:
    """Changes the name and the description of a product; None leaves the description, an empty text removes it.

    Raises:
        ApiError: a value that is not allowed, a name that is taken, or no such product.
    """
    product = find(tx, instance_id, product_key)
    _check_texts(name, description)
    if name != product.name and statements.name_is_taken(tx, instance_id, name):
        raise ApiError(codes.ALREADY_EXISTED_PRODUCT_NAME)
    values: dict[str, Any] = {"name": name, "modified_at": now}
    if description is not None:
        values["description"] = description or None
    if not statements.change(tx, product.id, values):
        raise unknown(product_key)


def find(tx: Connection, instance_id: int, product_key: str) -> ProductRecord:
    """The product of this key.

    Raises:
        ApiError: the instance has none.
    """
    if not product_key.strip():
        raise ApiError(codes.NULL_PRODUCT_KEY)
    product = statements.find(tx, instance_id, product_key)
    if product is None:
        raise unknown(product_key)
    return product


def unknown(product_key: str) -> ApiError:
    """The error that the instance has no product of this key."""
    return ApiError(codes.NOT_EXISTED_PRODUCT, f"The instance has no product of the ProductKey {product_key}.")


def _check_texts(name: str, description: str | None) -> None:
    if not name.strip():
        raise ApiError(codes.NULL_PRODUCT_NAME)
    if not names.is_title(name, most=_LONGEST_NAME):
        raise ApiError(codes.INVALID_FORMATTED_PRODUCT_NAME)
    if description is not None and len(description) > _LONGEST_DESCRIPTION:
        raise ApiError(codes.LONG_PRODUCT_DESC)


def _check(new: NewProduct) -> None:
    _check_texts(new.name, new.description)
    if new.node_type not in {0, 1}:
        raise ApiError(codes.INVALID_NODE_TYPE)
    if new.commodity_code and new.commodity_code not in {_BASIC, _SENIOR}:
        raise ApiError(codes.INVALID_ALIYUN_COMMODITY_CODE)
    if new.data_format not in {None, 0, 1} or (new.commodity_code == _SENIOR and new.data_format is None):
        raise ApiError(codes.INVALID_ALIYUN_COMMODITY_CODE)
    if new.net_type and new.net_type.upper() not in NetType.__members__:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "NetType is WIFI, CELLULAR, ETHERNET, LORA or OTHER.")
    if new.auth_type and new.auth_type not in _AUTH_TYPES:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "AuthType is secret, id2 or x509.")
    if new.validate_type not in {None, 1, 2}:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "ValidateType is 1 (weak) or 2 (none).")

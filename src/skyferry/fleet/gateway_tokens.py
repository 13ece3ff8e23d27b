"""The token that all hawkBit devices of a product may log in with."""

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.fleet import products
from skyferry.keys import SecretBox
from skyferry.store import products as statements


def reset(tx: Connection, instance_id: int, product_key: str, *, box: SecretBox, now: int) -> str:
    """Makes a new token and returns it; the one before is worth nothing from now on.

    Raises:
        ApiError: the instance has no such product.
    """
    product = products.find(tx, instance_id, product_key)
    token = identifiers.gateway_token()
    statements.change(tx, product.id, {"gateway_token_sealed": box.seal(token), "modified_at": now})
    return token


def remove(tx: Connection, instance_id: int, product_key: str, *, now: int) -> None:
    """Takes the token away: devices log in with their own secrets only.

    Raises:
        ApiError: the instance has no such product.
    """
    product = products.find(tx, instance_id, product_key)
    statements.change(tx, product.id, {"gateway_token_sealed": None, "modified_at": now})

"""The product that a command is about."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.store import accounts as account_statements
from skyferry.store import products as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.products import ProductRecord

Product = Annotated[str, typer.Argument(metavar="PRODUCT_KEY", help="The ProductKey.")]


def product_of(tx: Connection, account: AccountRecord, product_key: str) -> ProductRecord:
    """The product of this key in any instance of the account.

    Raises:
        ApiError: the account has none.
    """
    for instance in account_statements.instances_of(tx, account.id):
        product = statements.find(tx, instance.id, product_key)
        if product is not None:
            return product
    raise ApiError(codes.NOT_EXISTED_PRODUCT)

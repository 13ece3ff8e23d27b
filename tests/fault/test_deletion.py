"""A server that dies while it removes a deleted product removes the rest after its start."""

from typing import Final

import pytest
from sqlalchemy import text

from tests.support import databases
from tests.support.api import root
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.fault

MANY: Final = 10_000


def rows(server: Server) -> list[int]:
    """How many products, devices, packages and objects the database has."""
    with databases.connection(server.database) as tx:
        tables = ("products", "devices", "packages", "objects")
        return [tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def test_kill_while_a_product_is_removed(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_deletion")
    application.register_many(product, MANY)
    application.create_package(product, b"content", "2.0.0")
    application.call("DeleteProduct", ProductKey=product)
    wait_until(lambda: rows(server)[1] < MANY, interval=0.001, what="the first devices to go")
    server.kill()
    left = rows(server)[1]
    server.start()

    wait_until(lambda: rows(server) == [0, 0, 0, 0], what="the product gone")

    assert left > 0
    assert [path for path in (server.data / "objects").rglob("*") if path.is_file()] == []
    assert root(server.http).refusal("QueryProduct", ProductKey=product) == "iot.prod.NotExistedProduct"

"""Copies products with their modules."""

from typing import Final

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.fleet import products
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.fleet.products import NetType, NewProduct, ProductIdentity
from skyferry.moving import titles
from skyferry.moving.answers import SourceModule, SourceProduct
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.ota import modules
from skyferry.store import modules as module_statements
from skyferry.store import products as statements
from skyferry.store.products import ProductRecord

_SENIOR: Final = "iothub_senior"
_COMMODITIES: Final = frozenset({"iothub", _SENIOR})
_AUTH_TYPES: Final = frozenset({"secret", "id2", "x509"})
_VALIDATE_TYPES: Final = frozenset({1, 2})


async def copy(move: Move, source: SourceProduct) -> ProductRecord | None:
    """Copies a product, or brings its name and description up to date; None when that is impossible."""
    target, key = move.target, source.product_key
    with move.attempt(Kind.PRODUCTS, key):
        outcome, product = await target.store.write(_settle, move, source)
        move.report.count(Kind.PRODUCTS, outcome)
        if product.name != source.product_name:
            move.report.problem(
                Kind.PRODUCTS,
                key,
                "Its name has characters that are not allowed here.",
                f"It is called {product.name} here; UpdateProduct gives it another name.",
            )
        if outcome is Outcome.COPIED and not source.product_secret:
            move.report.problem(
                Kind.PRODUCTS,
                key,
                "The API does not give its ProductSecret.",
                "It has a new one: devices that register themselves need firmware with it.",
            )
        return product
    return None


def _settle(tx: Connection, move: Move, source: SourceProduct) -> tuple[Outcome, ProductRecord]:
    target = move.target
    there = statements.find(tx, target.instance_id, source.product_key)
    name, description = titles.allowed(source.product_name), source.description or None
    if there is None:
        made = products.create(
            tx,
            _new(source, name, description),
            instance_id=target.instance_id,
            account_id=target.account_id,
            box=target.box,
            now=source.gmt_create or target.clock.now_ms(),
            most=target.engine_limits.most_products,
            identity=ProductIdentity(source.product_key, source.product_secret or identifiers.product_secret()),
        )
        return Outcome.COPIED, made
    if (there.name, there.description) == (name, description):
        return Outcome.PRESENT, there
    products.update(
        tx,
        target.instance_id,
        source.product_key,
        name=name,
        description=description or "",
        now=target.clock.now_ms(),
    )
    return Outcome.CHANGED, products.find(tx, target.instance_id, source.product_key)


def _new(source: SourceProduct, name: str, description: str | None) -> NewProduct:
    commodity = source.aliyun_commodity_code
    known_net = source.net_type in set(NetType)
    return NewProduct(
        name=name,
        node_type=source.node_type,
        commodity_code=commodity if commodity in _COMMODITIES else None,
        data_format=1 if commodity == _SENIOR and source.data_format is None else source.data_format,
        net_type=NetType(source.net_type).name if known_net and source.net_type is not None else NetType.OTHER.name,
        auth_type=source.auth_type if source.auth_type in _AUTH_TYPES else None,
        protocol_type=source.protocol_type,
        category_key=source.category_key,
        description=description,
        id2=bool(source.id2),
        validate_type=source.validate_type if source.validate_type in _VALIDATE_TYPES else None,
    )


async def copy_modules(move: Move, product: ProductRecord) -> None:
    """Copies the modules of a product, or brings their aliases and descriptions up to date."""
    with move.attempt(Kind.MODULES, f"the modules of {product.product_key}"):
        for module in await move.source.modules(product.product_key):
            if module.module_name.lower() != DEFAULT_MODULE:
                with move.attempt(Kind.MODULES, f"{product.product_key} {module.module_name}"):
                    outcome = await move.target.store.write(_settle_module, move, product, module)
                    move.report.count(Kind.MODULES, outcome)


def _settle_module(tx: Connection, move: Move, product: ProductRecord, source: SourceModule) -> Outcome:
    now = move.target.clock.now_ms()
    there = module_statements.find(tx, product.id, source.module_name.lower())
    alias, description = source.alias_name or "", source.desc or ""
    if there is None:
        modules.create(tx, product, source.module_name, alias=alias, description=description, now=now)
        return Outcome.COPIED
    if (there.alias or "", there.description or "") == (alias, description):
        return Outcome.PRESENT
    modules.update(tx, product, source.module_name, alias=alias, description=description, now=now)
    return Outcome.CHANGED

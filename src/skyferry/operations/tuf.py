"""An operation of our own on TUF repositories: where clients find one, and what it publishes."""

import asyncio

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import product_settings, products
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import tuf as statements
from skyferry.trust.tuf import grants, repository
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import State


class QueryTufRepositoryRequest(InstanceRequest):
    """Parameters of QueryTufRepository."""

    product_key: str


class TufRole(ResponseModel):
    """What is published of a role."""

    role: str
    """`root`, `targets`, `snapshot` or `timestamp`."""
    version: int
    online: bool
    """True when the server has the keys that sign it."""
    utc_expire: str


class TufRoles(ResponseModel):
    """Wraps the list."""

    tuf_role: list[TufRole]


class TufRepository(ResponseModel):
    """`Data` of QueryTufRepository."""

    metadata_url: str
    """The base URL of metadata, which is open to everyone."""
    targets_url: str
    """The base URL of packages: whoever has it can download those of this product while it is valid."""
    utc_expire: str
    """Until when `TargetsUrl` is valid."""
    targets_wait: bool
    """True while the list of packages has changed and only its offline keys can sign it."""
    roles: TufRoles


class QueryTufRepositoryResponse(ResponseModel):
    """Answer of QueryTufRepository."""

    data: TufRepository


@operation("QueryTufRepository", qps=10, access=Access.READ, vendor=False)
async def query_tuf_repository(call: Call, request: QueryTufRepositoryRequest) -> QueryTufRepositoryResponse:
    """Tells where TUF clients find the metadata and the packages of a product, and what is published."""
    services, now = call.services, call.services.clock.now_ms()
    base, state = await services.store.read(_state, call.instance.id, request.product_key)
    summary = await asyncio.to_thread(repository.summary, state, services.box, now, TufLimits())
    base_url = base or services.public_url
    grant = services.target_grants.grant(request.product_key, now)
    return QueryTufRepositoryResponse(
        data=TufRepository(
            metadata_url=grants.metadata_url(base_url, request.product_key),
            targets_url=grants.targets_url(base_url, request.product_key, grant),
            utc_expire=formats.utc(now + services.target_grants.lifetime_seconds * 1_000),
            targets_wait=summary.waits_for_targets,
            roles=TufRoles(
                tuf_role=[
                    TufRole(
                        role=role.role,
                        version=role.version,
                        online=role.online,
                        utc_expire=formats.utc(round(role.expires.timestamp() * 1_000)),
                    )
                    for role in summary.roles
                ]
            ),
        )
    )


def _state(tx: Connection, instance_id: int, product_key: str) -> tuple[str | None, State]:
    product = products.find(tx, instance_id, product_key)
    record = statements.repository(tx, product.id)
    if record is None:
        raise ApiError(codes.NOT_EXISTED_TUF_REPOSITORY)
    return product_settings.of_product(tx, instance_id, product_key).download_base, repository.load(tx, record)

"""Operations on products (control-plane reference §9.1)."""

from sqlalchemy import Connection

from skyferry.fleet import products
from skyferry.fleet.products import NewProduct
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import deletion
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation
from skyferry.store import devices as device_statements
from skyferry.store import products as statements
from skyferry.store.products import ProductRecord


class CreateProductRequest(InstanceRequest):
    """Parameters of CreateProduct."""

    product_name: str
    """4 to 30 letters, digits and _ (a Chinese character counts two), once in the instance."""
    node_type: int
    """0: a device, 1: a gateway."""
    aliyun_commodity_code: str | None = None
    """`iothub` (when absent), or `iothub_senior`, which needs DataFormat."""
    data_format: int | None = None
    """0: custom, 1: Alink JSON."""
    net_type: str | None = None
    """`WIFI` (when absent), `CELLULAR`, `ETHERNET`, `LORA` or `OTHER`."""
    protocol_type: str | None = None
    """The protocol of sub-devices: noted and answered."""
    auth_type: str | None = None
    """`secret` (when absent), `x509` (devices log in with certificates) or `id2` (noted and answered)."""
    category_key: str | None = None
    """Noted and answered."""
    description: str | None = None
    """Up to 100 characters."""
    id2: bool = False
    """Noted and answered."""
    validate_type: int | None = None
    """1: weak (when absent), 2: none. Noted and answered."""
    join_permission_id: str | None = None
    """Of LoRa networks: without effect."""
    publish_auto: bool | None = None
    """Without effect."""
    resource_group_id: str | None = None
    """Without effect."""


class CreatedProduct(ResponseModel):
    """`Data` of CreateProduct."""

    product_key: str
    product_name: str
    product_secret: str
    aliyun_commodity_code: str
    auth_type: str
    data_format: int | None
    description: str | None
    id2: bool
    node_type: int
    protocol_type: str | None


class CreateProductResponse(ResponseModel):
    """Answer of CreateProduct."""

    product_key: str
    data: CreatedProduct


@operation(
    "CreateProduct",
    qps=50,
    access=Access.WRITE,
    deviations=(
        "AuthType id2 is noted and answered only: such devices log in with their DeviceSecret.",
        "There are no thing models, networks or resource groups: their parameters are noted or without effect.",
    ),
)
async def create_product(call: Call, request: CreateProductRequest) -> CreateProductResponse:
    """Makes a product."""
    services = call.services
    new = NewProduct(
        name=request.product_name,
        node_type=request.node_type,
        commodity_code=request.aliyun_commodity_code,
        data_format=request.data_format,
        net_type=request.net_type,
        auth_type=request.auth_type,
        protocol_type=request.protocol_type,
        category_key=request.category_key,
        description=request.description,
        id2=request.id2,
        validate_type=request.validate_type,
    )
    product = await services.store.write(
        products.create,
        new,
        instance_id=call.instance.id,
        account_id=call.instance.account_id,
        box=services.box,
        now=services.clock.now_ms(),
        most=services.engine_limits.most_products,
    )
    return CreateProductResponse(
        product_key=product.product_key,
        data=CreatedProduct(
            product_key=product.product_key,
            product_name=product.name,
            product_secret=services.box.open(product.secret_sealed),
            aliyun_commodity_code=product.commodity_code,
            auth_type=product.auth_type,
            data_format=product.data_format,
            description=product.description,
            id2=product.id2,
            node_type=product.node_type,
            protocol_type=product.protocol_type,
        ),
    )


class UpdateProductRequest(InstanceRequest):
    """Parameters of UpdateProduct."""

    product_key: str
    product_name: str
    """As for CreateProduct; the former name is allowed."""
    description: str | None = None
    """Up to 100 characters; absent: the description stays; empty: it is removed."""


@operation("UpdateProduct", qps=10, access=Access.WRITE)
async def update_product(call: Call, request: UpdateProductRequest) -> Empty:
    """Changes the name and the description of a product."""
    await call.services.store.write(
        products.update,
        call.instance.id,
        request.product_key,
        name=request.product_name,
        description=request.description,
        now=call.services.clock.now_ms(),
    )
    return Empty()


class DeleteProductRequest(InstanceRequest):
    """Parameters of DeleteProduct."""

    product_key: str


@operation(
    "DeleteProduct",
    qps=500,
    access=Access.WRITE,
    deviations=(
        "A product is kept while a job of it has not ended: the documentation does not say what happens then.",
    ),
)
async def delete_product(call: Call, request: DeleteProductRequest) -> Empty:
    """Deletes a product whose jobs have all ended, with its devices and packages; connected devices are cut off."""
    services = call.services
    await services.store.write(
        deletion.delete_product, call.instance.id, request.product_key, now=services.clock.now_ms()
    )
    services.bus.wake()
    return Empty()


class QueryProductRequest(InstanceRequest):
    """Parameters of QueryProduct."""

    product_key: str


class ProductDetails(ResponseModel):
    """`Data` of QueryProduct. `GmtCreate` is in milliseconds since the Unix epoch."""

    product_key: str
    product_name: str
    product_secret: str
    node_type: int
    auth_type: str
    data_format: int | None
    net_type: int
    product_status: str
    device_count: int
    gmt_create: int
    owner: bool
    id2: bool
    aliyun_commodity_code: str
    category_key: str | None
    category_name: str | None
    description: str | None
    protocol_type: str | None
    validate_type: int


class QueryProductResponse(ResponseModel):
    """Answer of QueryProduct."""

    data: ProductDetails


def _with_device_count(tx: Connection, instance_id: int, product_key: str) -> tuple[ProductRecord, int]:
    product = products.find(tx, instance_id, product_key)
    return product, device_statements.count(tx, product.id)


@operation(
    "QueryProduct",
    qps=50,
    access=Access.READ,
    deviations=("ProductStatus is always `DEVELOPMENT_STATUS`, and CategoryName is what CategoryKey is.",),
)
async def query_product(call: Call, request: QueryProductRequest) -> QueryProductResponse:
    """Tells everything about one product."""
    product, device_count = await call.services.store.read(_with_device_count, call.instance.id, request.product_key)
    return QueryProductResponse(
        data=ProductDetails(
            product_key=product.product_key,
            product_name=product.name,
            product_secret=call.services.box.open(product.secret_sealed),
            node_type=product.node_type,
            auth_type=product.auth_type,
            data_format=product.data_format,
            net_type=product.net_type,
            product_status=product.status,
            device_count=device_count,
            gmt_create=product.created_at,
            owner=True,
            id2=product.id2,
            aliyun_commodity_code=product.commodity_code,
            category_key=product.category_key,
            category_name=product.category_key,
            description=product.description,
            protocol_type=product.protocol_type,
            validate_type=product.validate_type,
        )
    )


class QueryProductListRequest(InstanceRequest):
    """Parameters of QueryProductList."""

    current_page: int
    page_size: int
    """1 to 200."""
    aliyun_commodity_code: str | None = None
    """Only products of this kind: `iothub` or `iothub_senior`."""
    resource_group_id: str | None = None
    """Without effect."""


class ProductInfo(ResponseModel):
    """One product in a list. `GmtCreate` is in milliseconds since the Unix epoch."""

    product_key: str
    product_name: str
    description: str | None
    node_type: int
    data_format: int | None
    auth_type: str
    device_count: int
    gmt_create: int


class ProductInfos(ResponseModel):
    """Wraps the list."""

    product_info: list[ProductInfo]


class ProductPage(ResponseModel):
    """`Data` of QueryProductList."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    list: ProductInfos


class QueryProductListResponse(ResponseModel):
    """Answer of QueryProductList."""

    data: ProductPage


_LARGEST_PAGE = 200


def _page(
    tx: Connection, instance_id: int, commodity_code: str | None, offset: int, limit: int
) -> tuple[int, list[tuple[ProductRecord, int]]]:
    total = statements.count(tx, instance_id, commodity_code=commodity_code)
    page = statements.page(tx, instance_id, offset=offset, limit=limit, commodity_code=commodity_code)
    counts = statements.device_counts(tx, [product.id for product in page])
    return total, [(product, counts.get(product.id, 0)) for product in page]


@operation("QueryProductList", qps=50, access=Access.READ)
async def query_product_list(call: Call, request: QueryProductListRequest) -> QueryProductListResponse:
    """Pages the products, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(
        _page, call.instance.id, request.aliyun_commodity_code or None, offset, request.page_size
    )
    infos = [
        ProductInfo(
            product_key=product.product_key,
            product_name=product.name,
            description=product.description,
            node_type=product.node_type,
            data_format=product.data_format,
            auth_type=product.auth_type,
            device_count=device_count,
            gmt_create=product.created_at,
        )
        for product, device_count in page
    ]
    return QueryProductListResponse(
        data=ProductPage(
            current_page=request.current_page,
            page_size=request.page_size,
            page_count=formats.page_count(total, request.page_size),
            total=total,
            list=ProductInfos(product_info=infos),
        )
    )

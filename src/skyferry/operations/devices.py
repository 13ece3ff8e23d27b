"""Operations that tell about devices (control-plane reference §9.3)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices, products
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.keys import SecretBox
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import devices as statements
from skyferry.store import presence
from skyferry.store import products as product_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 50
_MOST_NAMES: Final = 100


class DeviceRequest(InstanceRequest):
    """Names a device: by IotId, or by ProductKey and DeviceName."""

    iot_id: str | None = None
    """The device. It wins over ProductKey and DeviceName."""
    product_key: str | None = None
    """The product of the device, together with DeviceName."""
    device_name: str | None = None
    """The name of the device in its product."""

    @property
    def reference(self) -> DeviceReference:
        """What the request names."""
        return DeviceReference(self.iot_id, self.product_key, self.device_name)


class QueryDeviceRequest(InstanceRequest):
    """Parameters of QueryDevice."""

    product_key: str
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 50."""
    next_token: str | None = None
    """As the page before answered it; needed beyond 10000 devices, and wins over CurrentPage."""


class DeviceInfo(ResponseModel):
    """One device in a list."""

    product_key: str
    device_name: str
    device_secret: str
    iot_id: str
    device_id: str
    device_status: str
    nickname: str | None
    gmt_create: str
    gmt_modified: str
    utc_create: str
    utc_modified: str


class DeviceInfos(ResponseModel):
    """Wraps the list."""

    device_info: list[DeviceInfo]


class QueryDeviceResponse(ResponseModel):
    """Answer of QueryDevice. `NextToken` leads to the page after this one, however deep."""

    page: int
    page_size: int
    page_count: int
    total: int
    next_token: str | None
    data: DeviceInfos


def _device_page(
    tx: Connection, instance_id: int, product_key: str, *, offset: int, limit: int, before: int | None
) -> tuple[int, Sequence[DeviceRecord]]:
    product = products.find(tx, instance_id, product_key)
    total = statements.count(tx, product.id)
    return total, statements.page(tx, product.id, limit=limit, offset=offset, before=before)


@operation("QueryDevice", qps=50, access=Access.READ)
async def query_device(call: Call, request: QueryDeviceRequest) -> QueryDeviceResponse:
    """Pages the devices of a product, newest first."""
    services = call.services
    offset, before = formats.place(request.current_page, request.page_size, request.next_token, most=_LARGEST_PAGE)
    total, page = await services.store.read(
        _device_page,
        call.instance.id,
        request.product_key,
        offset=offset,
        limit=request.page_size,
        before=before,
    )
    infos = [
        DeviceInfo(
            product_key=request.product_key,
            device_name=device.name,
            device_secret=services.box.open(device.secret_sealed),
            iot_id=device.iot_id,
            device_id=device.iot_id,
            device_status=devices.status_of(device),
            nickname=device.nickname,
            gmt_create=formats.gmt(device.created_at),
            gmt_modified=formats.gmt(device.modified_at),
            utc_create=formats.utc(device.created_at),
            utc_modified=formats.utc(device.modified_at),
        )
        for device in page
    ]
    return QueryDeviceResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        next_token=formats.next_token(page[-1].id) if len(page) == request.page_size else None,
        data=DeviceInfos(device_info=infos),
    )


class DeviceFacts(ResponseModel):
    """What QueryDeviceDetail and GetGatewayBySubDevice tell alike: `FirmwareVersion` is that of the default module."""

    product_key: str
    product_name: str
    device_name: str
    device_secret: str
    status: str
    firmware_version: str | None
    ip_address: str | None
    gmt_create: str | None
    gmt_active: str | None
    gmt_online: str | None
    utc_create: str
    utc_active: str | None
    utc_online: str | None


class DeviceDetails(DeviceFacts):
    """`Data` of QueryDeviceDetail."""

    iot_id: str
    nickname: str | None
    node_type: int
    owner: bool
    region: str


class QueryDeviceDetailResponse(ResponseModel):
    """Answer of QueryDeviceDetail."""

    data: DeviceDetails


def facts_of(device: DeviceRecord, product: ProductRecord, version: str | None, box: SecretBox) -> dict[str, Any]:
    """The fields of `DeviceFacts`."""
    return {
        "product_key": product.product_key,
        "product_name": product.name,
        "device_name": device.name,
        "device_secret": box.open(device.secret_sealed),
        "status": devices.status_of(device),
        "firmware_version": version,
        "ip_address": device.address,
        "gmt_create": formats.china(device.created_at),
        "gmt_active": formats.china(device.activated_at),
        "gmt_online": formats.china(device.online_at),
        "utc_create": formats.utc(device.created_at),
        "utc_active": formats.utc_or_none(device.activated_at),
        "utc_online": formats.utc_or_none(device.online_at),
    }


def _details(
    tx: Connection, instance_id: int, reference: DeviceReference
) -> tuple[DeviceRecord, ProductRecord, str | None]:
    device = devices.find(tx, instance_id, reference)
    product = product_statements.by_id(tx, device.product_id)
    return device, product, statements.module_version(tx, device.id, DEFAULT_MODULE)


@operation(
    "QueryDeviceDetail",
    qps=50,
    access=Access.READ,
    deviations=("Region is a setting of the server, and Owner is always true.",),
)
async def query_device_detail(call: Call, request: DeviceRequest) -> QueryDeviceDetailResponse:
    """Tells everything about one device."""
    services = call.services
    device, product, version = await services.store.read(_details, call.instance.id, request.reference)
    return QueryDeviceDetailResponse(
        data=DeviceDetails(
            **facts_of(device, product, version, services.box),
            iot_id=device.iot_id,
            nickname=device.nickname,
            node_type=product.node_type,
            owner=True,
            region=services.region,
        )
    )


class DeviceSummary(ResponseModel):
    """`Data` of QueryDeviceInfo."""

    product_key: str
    device_name: str
    device_secret: str
    iot_id: str
    nickname: str | None


class QueryDeviceInfoResponse(ResponseModel):
    """Answer of QueryDeviceInfo."""

    data: DeviceSummary


@operation("QueryDeviceInfo", qps=50, access=Access.READ)
async def query_device_info(call: Call, request: DeviceRequest) -> QueryDeviceInfoResponse:
    """Tells names and secret of one device."""
    services = call.services
    device, product, _ = await services.store.read(_details, call.instance.id, request.reference)
    return QueryDeviceInfoResponse(
        data=DeviceSummary(
            product_key=product.product_key,
            device_name=device.name,
            device_secret=services.box.open(device.secret_sealed),
            iot_id=device.iot_id,
            nickname=device.nickname,
        )
    )


class BatchQueryDeviceDetailRequest(InstanceRequest):
    """Parameters of BatchQueryDeviceDetail."""

    product_key: str
    device_name: list[str]
    """Up to 100 names; unknown ones are left out of the answer."""


class ListedDetails(ResponseModel):
    """One device of BatchQueryDeviceDetail."""

    product_key: str
    product_name: str
    device_name: str
    device_secret: str
    iot_id: str
    nickname: str | None
    status: str
    firmware_version: str | None
    node_type: int
    region: str
    gmt_create: str | None
    gmt_active: str | None
    utc_create: str
    utc_active: str | None


class AllDetails(ResponseModel):
    """Wraps the list."""

    data: list[ListedDetails]


class BatchQueryDeviceDetailResponse(ResponseModel):
    """Answer of BatchQueryDeviceDetail."""

    data: AllDetails


_Named = tuple[ProductRecord, Sequence[DeviceRecord], Mapping[tuple[int, str], str]]


def _named(tx: Connection, instance_id: int, product_key: str, names: Sequence[str]) -> _Named:
    product = products.find(tx, instance_id, product_key)
    found = devices.find_names(tx, product, names)
    return product, found, presence.versions_of(tx, [device.id for device in found])


@operation("BatchQueryDeviceDetail", qps=5, access=Access.READ)
async def batch_query_device_detail(
    call: Call, request: BatchQueryDeviceDetailRequest
) -> BatchQueryDeviceDetailResponse:
    """Tells about up to 100 named devices of a product; unknown names are left out."""
    services = call.services
    if len(request.device_name) > _MOST_NAMES:
        raise ApiError(codes.PARAMETER_IS_NOT_LESS_THAN_MAX, f"DeviceName holds at most {_MOST_NAMES} names.")
    product, found, versions = await services.store.read(
        _named, call.instance.id, request.product_key, request.device_name
    )
    details = [
        ListedDetails(
            product_key=product.product_key,
            product_name=product.name,
            device_name=device.name,
            device_secret=services.box.open(device.secret_sealed),
            iot_id=device.iot_id,
            nickname=device.nickname,
            status=devices.status_of(device),
            firmware_version=versions.get((device.id, DEFAULT_MODULE)),
            node_type=product.node_type,
            region=services.region,
            gmt_create=formats.china(device.created_at),
            gmt_active=formats.china(device.activated_at),
            utc_create=formats.utc(device.created_at),
            utc_active=formats.utc_or_none(device.activated_at),
        )
        for device in found
    ]
    return BatchQueryDeviceDetailResponse(data=AllDetails(data=details))

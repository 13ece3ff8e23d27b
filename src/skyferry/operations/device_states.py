"""Operations that tell which devices are online (control-plane reference §9.3)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices, groups, products
from skyferry.operations import formats
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import devices as statements
from skyferry.store import memberships as membership_statements
from skyferry.store.devices import DeviceRecord, DeviceStatistics

_MOST_DEVICES: Final = 50
_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 50
_DEEPEST: Final = 100_000


class DeviceState(ResponseModel):
    """`Data` of GetDeviceStatus. `Timestamp` is the last change, in milliseconds since the Unix epoch."""

    status: str
    timestamp: int


class GetDeviceStatusResponse(ResponseModel):
    """Answer of GetDeviceStatus."""

    data: DeviceState


@operation("GetDeviceStatus", qps=500, access=Access.READ)
async def get_device_status(call: Call, request: DeviceRequest) -> GetDeviceStatusResponse:
    """Tells whether a device is online."""
    device = await call.services.store.read(devices.find, call.instance.id, request.reference)
    return GetDeviceStatusResponse(data=DeviceState(status=devices.status_of(device), timestamp=device.status_at))


class BatchGetDeviceStateRequest(InstanceRequest):
    """Parameters of BatchGetDeviceState: names in one product, or IotIds of any, which win."""

    product_key: str | None = None
    """The product of the devices in DeviceName."""
    device_name: list[str] = Field(default_factory=list)
    """Up to 50 names of devices of the product."""
    iot_id: list[str] = Field(default_factory=list)
    """Up to 50 devices. They win over DeviceName."""


class ListedState(ResponseModel):
    """The state of one device. `AsAddress` is the address that it was last online from."""

    device_name: str
    iot_id: str
    device_id: str
    status: str
    as_address: str | None
    last_online_time: str | None
    timestamp: int


class ListedStates(ResponseModel):
    """Wraps the list."""

    device_status: list[ListedState]


class BatchGetDeviceStateResponse(ResponseModel):
    """Answer of BatchGetDeviceState."""

    device_status_list: ListedStates


def _named(tx: Connection, instance_id: int, request: BatchGetDeviceStateRequest) -> Sequence[DeviceRecord]:
    if request.iot_id:
        return devices.find_iot_ids(tx, instance_id, request.iot_id)
    if not request.device_name:
        raise ApiError(codes.NULL_DEVICE_NAME, "Name the devices: IotId.N, or ProductKey and DeviceName.N.")
    return devices.find_names(tx, products.find(tx, instance_id, request.product_key or ""), request.device_name)


@operation("BatchGetDeviceState", qps=50, access=Access.READ)
async def batch_get_device_state(call: Call, request: BatchGetDeviceStateRequest) -> BatchGetDeviceStateResponse:
    """Tells which of up to 50 devices are online; unknown ones are left out."""
    if len(request.iot_id or request.device_name) > _MOST_DEVICES:
        raise ApiError(codes.PARAMETER_IS_NOT_LESS_THAN_MAX, f"A call names at most {_MOST_DEVICES} devices.")
    found = await call.services.store.read(_named, call.instance.id, request)
    states = [
        ListedState(
            device_name=device.name,
            iot_id=device.iot_id,
            device_id=device.iot_id,
            status=devices.status_of(device),
            as_address=device.address,
            last_online_time=formats.china(device.online_at),
            timestamp=device.status_at,
        )
        for device in found
    ]
    return BatchGetDeviceStateResponse(device_status_list=ListedStates(device_status=states))


class QueryDeviceByStatusRequest(InstanceRequest):
    """Parameters of QueryDeviceByStatus. `Status` is 0 never online, 1 online, 3 offline, 8 disabled."""

    status: int
    """0: not activated, 1: online, 3: offline, 8: disabled."""
    product_key: str | None = None
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 50."""
    resource_group_id: str | None = None
    """Without effect."""


class SimpleDeviceInfo(ResponseModel):
    """One device in a list."""

    product_key: str
    device_name: str
    device_secret: str
    iot_id: str
    nickname: str | None
    status: str
    gmt_create: str | None
    gmt_modified: str | None
    utc_create: str
    utc_modified: str


class SimpleDeviceInfos(ResponseModel):
    """Wraps the list."""

    simple_device_info: list[SimpleDeviceInfo]


class QueryDeviceByStatusResponse(ResponseModel):
    """Answer of QueryDeviceByStatus."""

    page: int
    page_size: int
    page_count: int
    total: int
    data: SimpleDeviceInfos


def _in_state(
    tx: Connection, instance_id: int, request: QueryDeviceByStatusRequest, offset: int
) -> tuple[int, Sequence[DeviceRecord]]:
    states = devices.states_of(request.status)
    product = products.find(tx, instance_id, request.product_key or "")
    total = statements.count(tx, product.id, states=states)
    return total, statements.page(tx, product.id, states=states, offset=offset, limit=request.page_size)


@operation("QueryDeviceByStatus", qps=50, access=Access.READ)
async def query_device_by_status(call: Call, request: QueryDeviceByStatusRequest) -> QueryDeviceByStatusResponse:
    """Pages the devices of a product that are in a state, newest first."""
    services = call.services
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE, deepest=_DEEPEST)
    total, page = await services.store.read(_in_state, call.instance.id, request, offset)
    infos = [
        SimpleDeviceInfo(
            product_key=request.product_key or "",
            device_name=device.name,
            device_secret=services.box.open(device.secret_sealed),
            iot_id=device.iot_id,
            nickname=device.nickname,
            status=devices.status_of(device),
            gmt_create=formats.china(device.created_at),
            gmt_modified=formats.china(device.modified_at),
            utc_create=formats.utc(device.created_at),
            utc_modified=formats.utc(device.modified_at),
        )
        for device in page
    ]
    return QueryDeviceByStatusResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=SimpleDeviceInfos(simple_device_info=infos),
    )


class QueryDeviceStatisticsRequest(InstanceRequest):
    """Parameters of QueryDeviceStatistics."""

    product_key: str | None = None
    """Only devices of this product."""
    group_id: str | None = None
    """Only devices of this group, static or dynamic."""


class Statistics(ResponseModel):
    """`Data` of QueryDeviceStatistics; the names begin with a small letter on the wire."""

    device_count: int = Field(alias="deviceCount")
    active_count: int = Field(alias="activeCount")
    """How many were ever online."""
    online_count: int = Field(alias="onlineCount")


class QueryDeviceStatisticsResponse(ResponseModel):
    """Answer of QueryDeviceStatistics."""

    data: Statistics


def _statistics(tx: Connection, instance_id: int, product_key: str | None, group_id: str | None) -> DeviceStatistics:
    product = products.find(tx, instance_id, product_key) if product_key else None
    if group_id:
        group = groups.find_any(tx, instance_id, group_id)
        return membership_statements.statistics(tx, group, product_key=product_key or None)
    if product is not None:
        return statements.statistics_of_product(tx, product.id)
    return statements.statistics_of_instance(tx, instance_id)


@operation(
    "QueryDeviceStatistics",
    qps=50,
    access=Access.READ,
    deviations=("Without ProductKey and GroupId it counts the devices of the instance, not of the whole account.",),
)
async def query_device_statistics(call: Call, request: QueryDeviceStatisticsRequest) -> QueryDeviceStatisticsResponse:
    """Counts devices: all, those of a product, or those of a group."""
    counts = await call.services.store.read(_statistics, call.instance.id, request.product_key, request.group_id)
    return QueryDeviceStatisticsResponse(
        data=Statistics(device_count=counts.devices, active_count=counts.activated, online_count=counts.online)
    )

"""Operations on the devices of groups (control-plane reference §9.4)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices, groups, memberships
from skyferry.fleet.devices import DeviceReference, DeviceStatus
from skyferry.fleet.groups import GroupType
from skyferry.fleet.memberships import Added, Removed
from skyferry.operations import formats
from skyferry.operations.groups import DynamicGroupRequest, GroupInfo, GroupInfos, GroupRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, RequestModel, ResponseModel, operation
from skyferry.store import groups as group_statements
from skyferry.store import memberships as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.groups import GroupRecord
from skyferry.store.memberships import MemberFilter
from skyferry.store.products import ProductRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 200
_SHORTEST_PREFIX: Final = 4

_Page = tuple[int, Sequence[tuple[DeviceRecord, ProductRecord]]]


class DeviceOfGroup(RequestModel):
    """Names a device."""

    product_key: str
    device_name: str
    """The device's name in the product."""


class DeviceGroupRelationsRequest(GroupRequest):
    """Names a static group and devices."""

    device: list[DeviceOfGroup] = Field(default_factory=list)
    """1 to 200 devices."""

    @property
    def names(self) -> Sequence[tuple[str, str]]:
        """The devices that are named."""
        return [(item.product_key, item.device_name) for item in self.device]


class BatchAddDeviceGroupRelationsResponse(ResponseModel):
    """Answer of BatchAddDeviceGroupRelations. The vendor sums up in `ErrorMessage`, also when nothing is wrong."""

    valid_device_count: int
    """How many of the named devices exist."""
    success_added_device_count: int
    already_related_group_device_count: int
    """How many were in the group before."""
    exceed_ten_group_device_count: int
    """How many were not added because they are in 10 groups."""
    error_message: str
    """The sum in words."""


def _add(tx: Connection, instance_id: int, request: DeviceGroupRelationsRequest) -> Added:
    return memberships.add(tx, groups.find(tx, instance_id, request.group_id), request.names)


@operation("BatchAddDeviceGroupRelations", qps=50, access=Access.WRITE)
async def batch_add_device_group_relations(
    call: Call, request: DeviceGroupRelationsRequest
) -> BatchAddDeviceGroupRelationsResponse:
    """Puts devices into a static group."""
    result = await call.services.store.write(_add, call.instance.id, request)
    failed = result.named - result.added
    return BatchAddDeviceGroupRelationsResponse(
        valid_device_count=result.valid,
        success_added_device_count=result.added,
        already_related_group_device_count=result.already,
        exceed_ten_group_device_count=result.in_too_many,
        error_message=f"{result.added} devices have been added, and {failed} devices failed to be added.",
    )


class BatchDeleteDeviceGroupRelationsResponse(ResponseModel):
    """Answer of BatchDeleteDeviceGroupRelations."""

    valid_device_count: int
    """How many of the named devices exist."""
    success_device_count: int
    already_related_group_device_count: int
    """How many were in the group before."""


def _remove(tx: Connection, instance_id: int, request: DeviceGroupRelationsRequest) -> Removed:
    return memberships.remove(tx, groups.find(tx, instance_id, request.group_id), request.names)


@operation("BatchDeleteDeviceGroupRelations", qps=50, access=Access.WRITE)
async def batch_delete_device_group_relations(
    call: Call, request: DeviceGroupRelationsRequest
) -> BatchDeleteDeviceGroupRelationsResponse:
    """Takes devices out of a static group."""
    result = await call.services.store.write(_remove, call.instance.id, request)
    return BatchDeleteDeviceGroupRelationsResponse(
        valid_device_count=result.valid,
        success_device_count=result.removed,
        already_related_group_device_count=result.removed,
    )


class QueryDeviceListByDeviceGroupRequest(GroupRequest):
    """Parameters of QueryDeviceListByDeviceGroup."""

    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 200."""


class MemberInfo(ResponseModel):
    """One device of a static group."""

    product_key: str
    product_name: str
    device_name: str
    iot_id: str


class MemberInfos(ResponseModel):
    """Wraps the list."""

    simple_device_info: list[MemberInfo]


class QueryDeviceListByDeviceGroupResponse(ResponseModel):
    """Answer of QueryDeviceListByDeviceGroup."""

    page: int
    page_size: int
    page_count: int
    total: int
    data: MemberInfos


def _members(
    tx: Connection, group: GroupRecord, wanted: MemberFilter, *, limit: int, offset: int, before: int | None = None
) -> _Page:
    return statements.count(tx, group, wanted), statements.page(
        tx, group, wanted, limit=limit, offset=offset, before=before
    )


def _of_static(tx: Connection, instance_id: int, group_id: str, offset: int, limit: int) -> _Page:
    return _members(tx, groups.find(tx, instance_id, group_id), MemberFilter(), limit=limit, offset=offset)


@operation("QueryDeviceListByDeviceGroup", qps=5, access=Access.READ)
async def query_device_list_by_device_group(
    call: Call, request: QueryDeviceListByDeviceGroupRequest
) -> QueryDeviceListByDeviceGroupResponse:
    """Pages the devices of a static group, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(
        _of_static, call.instance.id, request.group_id, offset, request.page_size
    )
    infos = [
        MemberInfo(
            product_key=product.product_key,
            product_name=product.name,
            device_name=device.name,
            iot_id=device.iot_id,
        )
        for device, product in page
    ]
    return QueryDeviceListByDeviceGroupResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=MemberInfos(simple_device_info=infos),
    )


class QueryDeviceGroupByDeviceRequest(InstanceRequest):
    """Parameters of QueryDeviceGroupByDevice."""

    product_key: str
    device_name: str
    """The device's name in the product."""


class QueryDeviceGroupByDeviceResponse(ResponseModel):
    """Answer of QueryDeviceGroupByDevice."""

    group_infos: GroupInfos


def _groups_of(tx: Connection, instance_id: int, reference: DeviceReference) -> Sequence[GroupRecord]:
    return group_statements.of_device(tx, devices.find(tx, instance_id, reference).id)


@operation(
    "QueryDeviceGroupByDevice",
    qps=50,
    access=Access.READ,
    deviations=("Dynamic groups that the device matches are not listed.",),
)
async def query_device_group_by_device(
    call: Call, request: QueryDeviceGroupByDeviceRequest
) -> QueryDeviceGroupByDeviceResponse:
    """Lists the static groups that a device was put into, newest first."""
    reference = DeviceReference(None, request.product_key, request.device_name)
    found = await call.services.store.read(_groups_of, call.instance.id, reference)
    return QueryDeviceGroupByDeviceResponse(group_infos=GroupInfos(group_info=[GroupInfo.of(group) for group in found]))


class QueryDynamicGroupDevicesRequest(DynamicGroupRequest):
    """Parameters of QueryDynamicGroupDevices."""

    product_key: str | None = None
    """Only devices of this product."""
    device_name: str | None = None
    """Only devices of this name, or with `FuzzyName` those whose names begin so: 4 characters or more."""
    fuzzy_name: bool = False
    """Whether `DeviceName` is the beginning of names."""
    status: str | None = None
    """Only devices in this state: `ONLINE`, `OFFLINE`, `UNACTIVE` or `DISABLE`."""
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 200."""
    next_token: str | None = None
    """Goes on after the page that answered it; needed beyond 10000 devices."""


class MatchInfo(MemberInfo):
    """One device of a dynamic group."""

    nickname: str | None
    node_type: int
    status: str
    category_key: str | None
    active_time: str | None
    """In UTC+8."""
    last_online_time: str | None
    """In UTC+8."""
    utc_active_time: str | None
    utc_last_online_time: str | None


class MatchInfos(ResponseModel):
    """Wraps the list."""

    simple_device_info: list[MatchInfo]


class QueryDynamicGroupDevicesResponse(ResponseModel):
    """Answer of QueryDynamicGroupDevices. `NextToken` leads to the page after this one, however deep."""

    page: int
    page_size: int
    page_count: int
    total: int
    next_token: str | None
    data: MatchInfos


def _filter(request: QueryDynamicGroupDevicesRequest) -> MemberFilter:
    name = request.device_name or None
    if request.status and request.status not in set(DeviceStatus):
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"Status is {', '.join(DeviceStatus)}.")
    if request.fuzzy_name and name is not None and len(name) < _SHORTEST_PREFIX:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            f"With FuzzyName, DeviceName is the beginning of names: {_SHORTEST_PREFIX} characters or more.",
        )
    return MemberFilter(
        product_key=request.product_key or None,
        name=None if request.fuzzy_name else name,
        name_prefix=name if request.fuzzy_name else None,
        status=request.status or None,
    )


def _of_dynamic(
    tx: Connection,
    instance_id: int,
    group_id: str,
    wanted: MemberFilter,
    *,
    limit: int,
    offset: int,
    before: int | None,
) -> _Page:
    group = groups.find(tx, instance_id, group_id, GroupType.DYNAMIC)
    return _members(tx, group, wanted, limit=limit, offset=offset, before=before)


@operation("QueryDynamicGroupDevices", qps=50, access=Access.READ)
async def query_dynamic_group_devices(
    call: Call, request: QueryDynamicGroupDevicesRequest
) -> QueryDynamicGroupDevicesResponse:
    """Pages the devices that match a dynamic group now, newest first."""
    offset, before = formats.place(request.current_page, request.page_size, request.next_token, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(
        _of_dynamic,
        call.instance.id,
        request.group_id,
        _filter(request),
        limit=request.page_size,
        offset=offset,
        before=before,
    )
    infos = [
        MatchInfo(
            product_key=product.product_key,
            product_name=product.name,
            device_name=device.name,
            iot_id=device.iot_id,
            nickname=device.nickname,
            node_type=product.node_type,
            status=devices.status_of(device),
            category_key=product.category_key,
            active_time=formats.china(device.activated_at),
            last_online_time=formats.china(device.online_at),
            utc_active_time=formats.utc_or_none(device.activated_at),
            utc_last_online_time=formats.utc_or_none(device.online_at),
        )
        for device, product in page
    ]
    return QueryDynamicGroupDevicesResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        next_token=formats.next_token(page[-1][0].id) if len(page) == request.page_size else None,
        data=MatchInfos(simple_device_info=infos),
    )

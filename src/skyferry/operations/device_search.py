"""The operation that searches devices by a sentence (control-plane reference §9.3)."""

from collections.abc import Collection, Sequence
from typing import Final

from pydantic import Field as Parameter
from sqlalchemy import Connection

from skyferry.fleet import devices
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.search.parsing import parse_statement
from skyferry.search.syntax import Field, Statement
from skyferry.store import device_search
from skyferry.store.device_search import FoundDevice

_TAG: Final = {Field.TAG_NAME, Field.TAG_VALUE}
_MODULE: Final = {Field.MODULE_NAME, Field.MODULE_VERSION}


class QueryDeviceBySQLRequest(InstanceRequest):
    """Parameters of QueryDeviceBySQL."""

    sql: str = Parameter(alias="SQL")
    """The sentence, such as `SELECT * FROM device WHERE product_key = "a1hWjHDWUbF" LIMIT 0, 20`."""


class GroupReference(ResponseModel):
    """A static group that the device was put into."""

    group_id: str


class TagInfo(ResponseModel):
    """A tag of the device."""

    tag_name: str
    tag_value: str


class ModuleInfo(ResponseModel):
    """A module of the device, with the version that it reported last."""

    module_name: str
    firmware_version: str


class SearchedDevice(ResponseModel):
    """A device that was found: its IotId, and what was selected. Times are in UTC+8."""

    iot_id: str
    product_key: str | None
    device_name: str | None
    nickname: str | None
    status: str | None
    active_time: str | None
    gmt_create: str | None
    gmt_modified: str | None
    groups: list[GroupReference] | None
    tags: list[TagInfo] | None
    ota_modules: list[ModuleInfo] | None = Parameter(alias="OTAModules")


class QueryDeviceBySQLResponse(ResponseModel):
    """Answer of QueryDeviceBySQL: the devices, or with `count(*)` only their number."""

    data: list[SearchedDevice] | None = None
    total_count: int | None = None
    """With `count(*)` only."""


def _search(tx: Connection, instance_id: int, statement: Statement) -> int | Sequence[FoundDevice]:
    if statement.counted:
        return device_search.count(tx, instance_id, statement)
    return device_search.search(tx, instance_id, statement)


@operation(
    "QueryDeviceBySQL",
    qps=5,
    access=Access.READ,
    deviations=(
        "Besides =, <, > and LIKE it knows !=, <=, >= and IN, and parentheses, 5 deep.",
        "The name of a tag or module and its value count as one of the 5 conditions.",
        "Times are in UTC+8, in the sentence and in the answer.",
        "Devices come newest first when no order is given.",
        "Properties of the thing model cannot be asked for.",
    ),
)
async def query_device_by_sql(call: Call, request: QueryDeviceBySQLRequest) -> QueryDeviceBySQLResponse:
    """Finds or counts devices by a sentence that resembles SQL."""
    statement = parse_statement(request.sql)
    found = await call.services.store.read(_search, call.instance.id, statement)
    if isinstance(found, int):
        return QueryDeviceBySQLResponse(total_count=found)
    return QueryDeviceBySQLResponse(data=[_selected(item, statement.fields) for item in found])


def _selected(found: FoundDevice, fields: Collection[Field]) -> SearchedDevice:
    device = found.device
    values: dict[Field, str | None] = {
        Field.PRODUCT_KEY: found.product_key,
        Field.NAME: device.name,
        Field.NICKNAME: device.nickname,
        Field.STATUS: devices.status_of(device),
        Field.ACTIVE_TIME: formats.china_exact(device.activated_at),
        Field.GMT_CREATE: formats.china_exact(device.created_at),
        Field.GMT_MODIFIED: formats.china_exact(device.modified_at),
    }
    told = {field: value for field, value in values.items() if field in fields}
    groups = found.groups if Field.GROUP_ID in fields else ()
    tags = found.tags if _TAG.intersection(fields) else ()
    modules = found.modules if _MODULE.intersection(fields) else ()
    return SearchedDevice(
        iot_id=device.iot_id,
        product_key=told.get(Field.PRODUCT_KEY),
        device_name=told.get(Field.NAME),
        nickname=told.get(Field.NICKNAME),
        status=told.get(Field.STATUS),
        active_time=told.get(Field.ACTIVE_TIME),
        gmt_create=told.get(Field.GMT_CREATE),
        gmt_modified=told.get(Field.GMT_MODIFIED),
        groups=[GroupReference(group_id=group) for group in groups] or None,
        tags=[TagInfo(tag_name=name, tag_value=value) for name, value in tags] or None,
        ota_modules=[ModuleInfo(module_name=name, firmware_version=version) for name, version in modules] or None,
    )

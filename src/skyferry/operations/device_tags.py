"""Operations on tags of devices, which the dialect also calls properties (control-plane reference §9.5)."""

import json
from typing import Annotated, Final

from pydantic import Field

from skyferry.fleet import tags
from skyferry.operations import formats
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, JsonObject, RequestModel, ResponseModel, operation

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 50
_DEEPEST: Final = 100_000


class SaveDevicePropRequest(DeviceRequest):
    """Parameters of SaveDeviceProp."""

    props: str
    """The tags as a JSON object of texts, such as `{"color":"red"}`: at most 100 tags and 5120 bytes."""


@operation(
    "SaveDeviceProp",
    qps=50,
    access=Access.WRITE,
    deviations=("Numbers and booleans are taken as values too, and become texts.",),
)
async def save_device_prop(call: Call, request: SaveDevicePropRequest) -> Empty:
    """Gives a device tags, or changes them. It may have 100; the reserved key `abc` is kept and never shown."""
    await call.services.store.write(tags.save, call.instance.id, request.reference, tags.read(request.props))
    return Empty()


class QueryDevicePropResponse(ResponseModel):
    """Answer of QueryDeviceProp."""

    props: Annotated[str, JsonObject()]
    """The tags as the text of a JSON object; in XML an element for each tag."""


@operation(
    "QueryDeviceProp",
    qps=50,
    access=Access.READ,
    deviations=("In XML, a character that no element's name may have is written as its code: `a b` is `a_x0020_b`.",),
)
async def query_device_prop(call: Call, request: DeviceRequest) -> QueryDevicePropResponse:
    """Tells the tags of a device."""
    found = await call.services.store.read(tags.of_device, call.instance.id, request.reference)
    return QueryDevicePropResponse(props=json.dumps(found, ensure_ascii=False, separators=(",", ":")))


class DeleteDevicePropRequest(DeviceRequest):
    """Parameters of DeleteDeviceProp."""

    prop_key: str
    """The key of the tag. One that the device does not have changes nothing."""


@operation("DeleteDeviceProp", qps=500, access=Access.WRITE)
async def delete_device_prop(call: Call, request: DeleteDevicePropRequest) -> Empty:
    """Takes a tag away from a device."""
    await call.services.store.write(tags.remove, call.instance.id, request.reference, request.prop_key)
    return Empty()


class TagFilter(RequestModel):
    """One tag that devices must have."""

    tag_key: str
    """The key of a tag."""
    tag_value: str
    """Its value."""


class QueryDeviceByTagsRequest(InstanceRequest):
    """Parameters of QueryDeviceByTags."""

    tag: list[TagFilter] = Field(default_factory=list)
    """1 to 10 tags."""
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 50."""


class TaggedDeviceInfo(ResponseModel):
    """One device that has the tags."""

    product_key: str
    product_name: str
    device_name: str
    iot_id: str


class TaggedDeviceInfos(ResponseModel):
    """Wraps the list."""

    simple_device_info: list[TaggedDeviceInfo]


class QueryDeviceByTagsResponse(ResponseModel):
    """Answer of QueryDeviceByTags."""

    page: int
    page_size: int
    page_count: int
    total: int
    data: TaggedDeviceInfos


@operation("QueryDeviceByTags", qps=5, access=Access.READ)
async def query_device_by_tags(call: Call, request: QueryDeviceByTagsRequest) -> QueryDeviceByTagsResponse:
    """Pages the devices of all products that have all of the tags, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE, deepest=_DEEPEST)
    total, page = await call.services.store.read(
        tags.search,
        call.instance.id,
        [(tag.tag_key, tag.tag_value) for tag in request.tag],
        offset=offset,
        limit=request.page_size,
    )
    infos = [
        TaggedDeviceInfo(
            product_key=device.product_key,
            product_name=device.product_name,
            device_name=device.name,
            iot_id=device.iot_id,
        )
        for device in page
    ]
    return QueryDeviceByTagsResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=TaggedDeviceInfos(simple_device_info=infos),
    )

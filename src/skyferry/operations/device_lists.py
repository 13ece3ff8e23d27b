"""An operation of our own that lists the fleet: the platform's lists hold one product, or end after 10,000 devices."""

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import Field as Parameter
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import devices, products
from skyferry.fleet.devices import DeviceStatus
from skyferry.operations import formats
from skyferry.operations.device_search import ModuleInfo, TagInfo
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.search.parsing import parse_condition
from skyferry.search.syntax import Condition, Every, Field, Operator, Words
from skyferry.store import device_search
from skyferry.store.device_search import FoundDevice

_DEFAULT_PAGE: Final = 50
_LARGEST_PAGE: Final = 200


class ListDevicesRequest(InstanceRequest):
    """Parameters of ListDevices. A device is listed when all that is given is true of it."""

    product_key: str | None = None
    """Only devices of this product; those of all products when absent."""
    name_prefix: str | None = None
    """Only devices whose names begin so; in the order of names, unless Status or Condition is given too."""
    status: str | None = None
    """`ONLINE`, `OFFLINE`, `UNACTIVE` or `DISABLE`."""
    condition: str | None = None
    """A condition as it stands after WHERE in QueryDeviceBySQL."""
    page_size: int = _DEFAULT_PAGE
    """1 to 200."""
    next_token: str | None = None
    """Goes on after the page that answered it, when the same is asked for."""


class ListedDevice(ResponseModel):
    """One device."""

    product_key: str
    device_name: str
    iot_id: str
    nickname: str | None
    status: str
    ip_address: str | None
    """The address that the device was last online from."""
    utc_create: str
    utc_active: str | None
    """When it was online for the first time."""
    utc_online: str | None
    """When it came online last."""
    tags: list[TagInfo]
    ota_modules: list[ModuleInfo] = Parameter(alias="OTAModules")


class ListedDevices(ResponseModel):
    """Wraps the list."""

    device: list[ListedDevice]


class ListDevicesResponse(ResponseModel):
    """Answer of ListDevices. `NextToken` leads to the page after this one, however deep; the last page has none."""

    page_size: int
    next_token: str | None
    data: ListedDevices


def _conditions(request: ListDevicesRequest) -> Iterator[Condition]:
    if request.name_prefix:
        yield Words(Field.NAME, Operator.LIKE, (request.name_prefix,))
    if request.status:
        if request.status not in set(DeviceStatus):
            raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"Status is {', '.join(DeviceStatus)}.")
        yield Words(Field.STATUS, Operator.EQUAL, (request.status,))
    if request.condition:
        condition = parse_condition(request.condition)
        yield from condition.parts if isinstance(condition, Every) else (condition,)


def _page(tx: Connection, instance_id: int, request: ListDevicesRequest) -> Sequence[FoundDevice]:
    product = products.find(tx, instance_id, request.product_key) if request.product_key else None
    product_id, limit = product.id if product else None, request.page_size + 1
    if _is_by_name(request):
        after = formats.name_and_key_of(request.next_token) if request.next_token else None
        return device_search.page_by_name(
            tx, instance_id, request.name_prefix or "", product_id=product_id, limit=limit, after=after
        )
    parts = tuple(_conditions(request))
    return device_search.page(
        tx,
        instance_id,
        Every(parts) if len(parts) > 1 else next(iter(parts), None),
        product_id=product_id,
        limit=limit,
        before=formats.key_of(request.next_token) if request.next_token else None,
    )


def _is_by_name(request: ListDevicesRequest) -> bool:
    return bool(request.name_prefix) and not request.status and not request.condition


@operation("ListDevices", qps=10, access=Access.READ, vendor=False)
async def list_devices(call: Call, request: ListDevicesRequest) -> ListDevicesResponse:
    """Pages the devices of a product or of all, newest first, with their tags and the versions of their modules."""
    formats.offset(1, request.page_size, most=_LARGEST_PAGE)
    found = await call.services.store.read(_page, call.instance.id, request)
    page = found[: request.page_size]
    return ListDevicesResponse(
        page_size=request.page_size,
        next_token=_token_after(page[-1], request) if len(found) > len(page) else None,
        data=ListedDevices(device=[_told(item) for item in page]),
    )


def _token_after(found: FoundDevice, request: ListDevicesRequest) -> str:
    device = found.device
    return formats.next_named_token(device.name, device.id) if _is_by_name(request) else formats.next_token(device.id)


def _told(found: FoundDevice) -> ListedDevice:
    device = found.device
    return ListedDevice(
        product_key=found.product_key,
        device_name=device.name,
        iot_id=device.iot_id,
        nickname=device.nickname,
        status=devices.status_of(device),
        ip_address=device.address,
        utc_create=formats.utc(device.created_at),
        utc_active=formats.utc_or_none(device.activated_at),
        utc_online=formats.utc_or_none(device.online_at),
        tags=[TagInfo(tag_name=name, tag_value=value) for name, value in found.tags],
        ota_modules=[ModuleInfo(module_name=name, firmware_version=version) for name, version in found.modules],
    )

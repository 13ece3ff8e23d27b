"""Operations on gateways and their sub-devices (device-plane reference §2.10)."""

import json
from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import gateways
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.operations import formats
from skyferry.operations.devices import DeviceFacts, DeviceRequest, facts_of
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, RequestModel, ResponseModel, operation
from skyferry.store import devices as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.products import ProductRecord

_LARGEST_PAGE: Final = 50


class GetThingTopoRequest(DeviceRequest):
    """Names a gateway and a page of its sub-devices."""

    page_no: int
    """The page, from 1."""
    page_size: int
    """1 to 50."""


class SubDeviceInfo(ResponseModel):
    """One sub-device."""

    product_key: str
    device_name: str
    iot_id: str


class SubDeviceInfos(ResponseModel):
    """Wraps the list; the name begins with a small letter on the wire."""

    device_info: list[SubDeviceInfo] = Field(alias="deviceInfo")


class Topology(ResponseModel):
    """`Data` of GetThingTopo."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    list: SubDeviceInfos


class GetThingTopoResponse(ResponseModel):
    """Answer of GetThingTopo."""

    data: Topology


@operation("GetThingTopo", qps=500, access=Access.READ)
async def get_thing_topo(call: Call, request: GetThingTopoRequest) -> GetThingTopoResponse:
    """Pages the sub-devices of a gateway."""
    offset = formats.offset(request.page_no, request.page_size, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(
        gateways.page, call.instance.id, request.reference, offset=offset, limit=request.page_size
    )
    infos = [
        SubDeviceInfo(product_key=device.product_key, device_name=device.name, iot_id=device.iot_id) for device in page
    ]
    return GetThingTopoResponse(
        data=Topology(
            current_page=request.page_no,
            page_size=request.page_size,
            page_count=formats.page_count(total, request.page_size),
            total=total,
            list=SubDeviceInfos(device_info=infos),
        )
    )


class GatewayDetails(DeviceFacts):
    """`Data` of GetGatewayBySubDevice; `iotId` and `region` begin with a small letter on the wire."""

    iot_id: str = Field(alias="iotId")
    node_type: str
    region: str = Field(alias="region")


class GetGatewayBySubDeviceResponse(ResponseModel):
    """Answer of GetGatewayBySubDevice."""

    data: GatewayDetails


def _gateway(
    tx: Connection, instance_id: int, reference: DeviceReference
) -> tuple[DeviceRecord, ProductRecord, str | None]:
    gateway, product = gateways.gateway_of(tx, instance_id, reference)
    return gateway, product, statements.module_version(tx, gateway.id, DEFAULT_MODULE)


@operation("GetGatewayBySubDevice", qps=100, access=Access.READ, deviations=("Region is a setting of the server.",))
async def get_gateway_by_sub_device(call: Call, request: DeviceRequest) -> GetGatewayBySubDeviceResponse:
    """Tells about the gateway that a sub-device is behind."""
    services = call.services
    gateway, product, version = await services.store.read(_gateway, call.instance.id, request.reference)
    return GetGatewayBySubDeviceResponse(
        data=GatewayDetails(
            **facts_of(gateway, product, version, services.box),
            iot_id=gateway.iot_id,
            node_type=str(product.node_type),
            region=services.region,
        )
    )


class RemoveThingTopoResponse(ResponseModel):
    """Answer of RemoveThingTopo."""

    data: bool


@operation("RemoveThingTopo", qps=500, access=Access.WRITE)
async def remove_thing_topo(call: Call, request: DeviceRequest) -> RemoveThingTopoResponse:
    """Takes all sub-devices from a gateway, or a sub-device from its gateway: their sessions through it end."""
    services = call.services
    told = await services.store.write(gateways.remove, call.instance.id, request.reference)
    await services.bus.command(told)
    return RemoveThingTopoResponse(data=True)


class TopoAddItem(RequestModel):
    """A sub-device, with a signature as a gateway sends it."""

    product_key: str
    """The product of the sub-device."""
    device_name: str
    """The name of the sub-device."""
    client_id: str
    """Any text; it is signed."""
    timestamp: str
    """Any text; it is signed."""
    sign_method: str
    """hmacMd5, hmacSha1 or hmacSha256."""
    sign: str
    """The signature, made with the DeviceSecret of the sub-device, in hexadecimal."""


class BatchAddThingTopoRequest(InstanceRequest):
    """Names a gateway and sub-devices."""

    gw_product_key: str
    """The product of the gateway."""
    gw_device_name: str
    """The name of the gateway."""
    topo_add_item: list[TopoAddItem]
    """1 to 10 sub-devices."""


@operation("BatchAddThingTopo", qps=10, access=Access.WRITE)
async def batch_add_thing_topo(call: Call, request: BatchAddThingTopoRequest) -> Empty:
    """Puts sub-devices behind a gateway, all or none; those that were behind another one move."""
    services = call.services
    said = [
        {
            "productKey": item.product_key,
            "deviceName": item.device_name,
            "clientId": item.client_id,
            "timestamp": item.timestamp,
            "signMethod": item.sign_method,
            "sign": item.sign,
        }
        for item in request.topo_add_item
    ]
    told = await services.store.write(
        gateways.add,
        call.instance.id,
        DeviceReference(None, request.gw_product_key, request.gw_device_name),
        said,
        box=services.box,
        now=services.clock.now_ms(),
    )
    await services.bus.command(told)
    return Empty()


class NotifyAddThingTopoRequest(InstanceRequest):
    """Names a gateway and sub-devices."""

    gw_iot_id: str | None = None
    """The gateway. It wins over GwProductKey and GwDeviceName."""
    gw_product_key: str | None = None
    """The product of the gateway, together with GwDeviceName."""
    gw_device_name: str | None = None
    """The name of the gateway."""
    device_list_str: str | None = None
    """A JSON list of 1 to 10 sub-devices: `[{"productKey":"…","deviceName":"…"},{"IotId":"…"}]`."""


class SentNotice(ResponseModel):
    """`Data` of NotifyAddThingTopo."""

    message_id: str
    """The `id` of the message to the gateway."""


class NotifyAddThingTopoResponse(ResponseModel):
    """Answer of NotifyAddThingTopo."""

    data: SentNotice


def _references(text: str | None) -> Sequence[DeviceReference]:
    try:
        listed = json.loads(text or "")
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            'DeviceListStr is a JSON list such as [{"productKey":"a1…","deviceName":"light"}].',
        )
    return [
        DeviceReference(
            _text(item.get("IotId") or item.get("iotId")), _text(item.get("productKey")), _text(item.get("deviceName"))
        )
        for item in listed
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.isprintable() else None


@operation(
    "NotifyAddThingTopo",
    qps=500,
    access=Access.WRITE,
    deviations=("A gateway that is not connected is not asked later.",),
)
async def notify_add_thing_topo(call: Call, request: NotifyAddThingTopoRequest) -> NotifyAddThingTopoResponse:
    """Asks a gateway to add sub-devices to its topology; whether it does is its own business."""
    services = call.services
    told = await services.store.read(
        gateways.ask_to_add,
        call.instance.id,
        DeviceReference(request.gw_iot_id, request.gw_product_key, request.gw_device_name),
        _references(request.device_list_str),
    )
    await services.bus.command([told])
    return NotifyAddThingTopoResponse(data=SentNotice(message_id=told.message_id))

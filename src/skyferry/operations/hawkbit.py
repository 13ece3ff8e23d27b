"""Operations of our own on devices that speak hawkBit's device API: their shared token, and what they report."""

from skyferry.fleet import devices, gateway_tokens
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation
from skyferry.store import attributes


class GatewayTokenRequest(InstanceRequest):
    """Parameters of the operations on a product's gateway token."""

    product_key: str


class NewGatewayToken(ResponseModel):
    """`Data` of ResetGatewayToken."""

    gateway_token: str
    """What devices send as `Authorization: GatewayToken …`. It is told this once."""


class ResetGatewayTokenResponse(ResponseModel):
    """Answer of ResetGatewayToken."""

    data: NewGatewayToken


@operation("ResetGatewayToken", qps=10, access=Access.WRITE, vendor=False)
async def reset_gateway_token(call: Call, request: GatewayTokenRequest) -> ResetGatewayTokenResponse:
    """Makes the token that all hawkBit devices of a product may log in with, in place of the one before."""
    services = call.services
    token = await services.store.write(
        gateway_tokens.reset,
        call.instance.id,
        request.product_key,
        box=services.box,
        now=services.clock.now_ms(),
    )
    return ResetGatewayTokenResponse(data=NewGatewayToken(gateway_token=token))


@operation("DeleteGatewayToken", qps=10, access=Access.WRITE, vendor=False)
async def delete_gateway_token(call: Call, request: GatewayTokenRequest) -> Empty:
    """Takes the token of a product away: its devices log in with their own secrets only."""
    services = call.services
    await services.store.write(
        gateway_tokens.remove, call.instance.id, request.product_key, now=services.clock.now_ms()
    )
    return Empty()


class DeviceAttribute(ResponseModel):
    """Something that a device says of itself."""

    key: str
    value: str


class QueryDeviceAttributesResponse(ResponseModel):
    """Answer of QueryDeviceAttributes."""

    data: list[DeviceAttribute]


@operation("QueryDeviceAttributes", qps=50, access=Access.READ, vendor=False)
async def query_device_attributes(call: Call, request: DeviceRequest) -> QueryDeviceAttributesResponse:
    """Tells what a device reported of itself (hawkBit's configData), by the keys."""
    store = call.services.store
    device = await store.read(devices.find, call.instance.id, request.reference)
    found = await store.read(attributes.of_device, device.id)
    return QueryDeviceAttributesResponse(data=[DeviceAttribute(key=key, value=found[key]) for key in sorted(found)])

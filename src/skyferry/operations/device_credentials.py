"""Operations on what devices log in with (device-plane reference §1.8)."""

from skyferry.bus.messages import DisconnectDevice
from skyferry.fleet import dynamic_registration
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation


@operation(
    "ResetThing",
    qps=500,
    access=Access.WRITE,
    deviations=("There is never a JobId: what is to be done is done at once.",),
)
async def reset_thing(call: Call, request: DeviceRequest) -> Empty:
    """Lets a device that was online register itself once more; what it has stays valid until it registers.

    The right ends with the device's next registration, or with its next log-in: it has its secret then.
    """
    services = call.services
    await services.store.write(
        dynamic_registration.reset, call.instance.id, request.reference, now=services.clock.now_ms()
    )
    return Empty()


class NewSecret(ResponseModel):
    """`Data` of ResetDeviceSecret."""

    iot_id: str
    product_key: str
    device_name: str
    device_secret: str


class ResetDeviceSecretResponse(ResponseModel):
    """Answer of ResetDeviceSecret."""

    data: NewSecret


@operation("ResetDeviceSecret", qps=50, access=Access.WRITE, vendor=False)
async def reset_device_secret(call: Call, request: DeviceRequest) -> ResetDeviceSecretResponse:
    """Gives a device a new DeviceSecret, takes its token away, and ends its connection."""
    services = call.services
    reset = await services.store.write(
        dynamic_registration.reset_secret,
        call.instance.id,
        request.reference,
        box=services.box,
        now=services.clock.now_ms(),
    )
    await services.bus.command([DisconnectDevice(reset.device.id)])
    return ResetDeviceSecretResponse(
        data=NewSecret(
            iot_id=reset.device.iot_id,
            product_key=reset.product_key,
            device_name=reset.device.name,
            device_secret=reset.secret,
        )
    )

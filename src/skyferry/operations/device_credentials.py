"""Operations on what devices log in with (device-plane reference §1.8)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from skyferry.bus.messages import DisconnectDevice
from skyferry.fleet import dynamic_registration, gateways
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.gateways import Told
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation


def _reset(tx: Connection, instance_id: int, reference: DeviceReference, now: int) -> Sequence[Told]:
    device_id = dynamic_registration.reset(tx, instance_id, reference, now=now)
    return gateways.release(tx, device_id)


@operation(
    "ResetThing",
    qps=500,
    access=Access.WRITE,
    deviations=("There is never a JobId: what is to be done is done at once.",),
)
async def reset_thing(call: Call, request: DeviceRequest) -> Empty:
    """Lets a device that was online register itself once more, and takes all sub-devices from a gateway.

    What the device logs in with stays valid until it registers. The right ends with the device's next registration, or
    with its next log-in: it has its secret then.
    """
    services = call.services
    told = await services.store.write(_reset, call.instance.id, request.reference, services.clock.now_ms())
    if told:
        await services.bus.command(told)
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

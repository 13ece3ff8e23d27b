"""Operations that change devices: names, who may log in, removal (control-plane reference §9.2, §9.3)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from skyferry.bus.messages import Cause, DisconnectDevice, TellGateway, TopologyChange
from skyferry.fleet import devices, gateways
from skyferry.fleet.devices import DeviceReference
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import removal
from skyferry.rpc.operation import Access, Empty, RequestModel, operation


class DeviceNickname(RequestModel):
    """One item of DeviceNicknameInfo: a device, by IotId or by ProductKey and DeviceName, and its nickname."""

    iot_id: str | None = None
    """The device. It wins over ProductKey and DeviceName."""
    product_key: str | None = None
    """The product of the device, together with DeviceName."""
    device_name: str | None = None
    """The name of the device in its product."""
    nickname: str | None = None
    """4 to 32 letters, digits, `_` and Chinese characters, which count twice; absent to take the nickname away."""


class BatchUpdateDeviceNicknameRequest(InstanceRequest):
    """Parameters of BatchUpdateDeviceNickname."""

    device_nickname_info: list[DeviceNickname]
    """1 to 50 devices."""


@operation(
    "BatchUpdateDeviceNickname",
    qps=10,
    access=Access.WRITE,
    deviations=("A list with a device that does not exist changes nothing.",),
)
async def batch_update_device_nickname(call: Call, request: BatchUpdateDeviceNicknameRequest) -> Empty:
    """Gives devices nicknames, or takes them away."""
    wanted = [
        (DeviceReference(item.iot_id, item.product_key, item.device_name), item.nickname)
        for item in request.device_nickname_info
    ]
    await call.services.store.write(devices.rename, call.instance.id, wanted, now=call.services.clock.now_ms())
    return Empty()


@operation("DisableThing", qps=500, access=Access.WRITE)
async def disable_thing(call: Call, request: DeviceRequest) -> Empty:
    """Ends a device's connection and lets it log in no more. All that is known of it stays."""
    await _set_disabled(call, request, disabled=True)
    return Empty()


@operation("EnableThing", qps=500, access=Access.WRITE)
async def enable_thing(call: Call, request: DeviceRequest) -> Empty:
    """Lets a device log in again."""
    await _set_disabled(call, request, disabled=False)
    return Empty()


def _disable(
    tx: Connection, instance_id: int, reference: DeviceReference, *, disabled: bool, now: int
) -> tuple[int, Sequence[TellGateway]]:
    key = devices.set_disabled(tx, instance_id, reference, disabled=disabled, now=now)
    change = TopologyChange.DISABLED if disabled else TopologyChange.ENABLED
    return key, gateways.told_of(tx, key, change)


async def _set_disabled(call: Call, request: DeviceRequest, *, disabled: bool) -> None:
    services = call.services
    key, told = await services.store.write(
        _disable, call.instance.id, request.reference, disabled=disabled, now=services.clock.now_ms()
    )
    ended = [DisconnectDevice(key, Cause.DISABLED)] if disabled else []
    await services.bus.command([*ended, *told])


def _remove(
    tx: Connection, instance_id: int, reference: DeviceReference, *, now: int
) -> tuple[int, Sequence[TellGateway]]:
    told = gateways.told_of(tx, devices.find(tx, instance_id, reference).id, TopologyChange.REMOVED)
    return removal.remove_device(tx, instance_id, reference, now=now), told


@operation(
    "DeleteDevice",
    qps=50,
    access=Access.WRITE,
    deviations=("There is no check by text message.", "The device's open tasks are cancelled first."),
)
async def delete_device(call: Call, request: DeviceRequest) -> Empty:
    """Removes a device with its versions, tags, memberships and tasks, and ends its connection."""
    services = call.services
    key, told = await services.store.write(_remove, call.instance.id, request.reference, now=services.clock.now_ms())
    await services.bus.command([DisconnectDevice(key, Cause.DELETED), *told])
    return Empty()

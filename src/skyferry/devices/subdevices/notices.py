"""What a gateway is told without having asked (device-plane reference §2.10)."""

from typing import Final

from skyferry.bus.messages import TellGateway
from skyferry.devices.subdevices.replies import ReplyCode, named, render
from skyferry.fleet.logins import DeviceAddress

ERROR: Final = "/ext/error/{product_key}/{device_name}"
TOPOLOGY_CHANGED: Final = "/sys/{product_key}/{device_name}/thing/topo/change"
ADD_TOPOLOGY: Final = "/sys/{product_key}/{device_name}/thing/topo/add/notify"

_SENTENCES: Final = {
    ReplyCode.REPLACED: "The sub-device has logged in elsewhere.",
    ReplyCode.NO_TOPOLOGY: "The sub-device is not in the topology of the gateway any more.",
    ReplyCode.DELETED: "The sub-device was deleted.",
    ReplyCode.DISABLED_ONLINE: "The sub-device was disabled.",
    ReplyCode.NO_SESSION: "The session of the sub-device was ended. Log it in again.",
}


def session_ended(code: ReplyCode, address: DeviceAddress) -> bytes:
    """The message on `ERROR`: the server has ended the session of a sub-device."""
    return render({"id": "0", "code": int(code), "message": _SENTENCES[code], "data": named(address)})


def topology(told: TellGateway) -> tuple[str, bytes]:
    """Topic pattern and message for what the API did to sub-devices of a gateway."""
    devices = [named(DeviceAddress(*device)) for device in told.devices]
    message: dict[str, object] = {"id": told.message_id, "version": "1.0"}
    if told.change is None:
        return ADD_TOPOLOGY, render(message | {"params": devices, "method": "thing.topo.add.notify"})
    params = {"status": int(told.change), "subList": devices}
    return TOPOLOGY_CHANGED, render(message | {"params": params, "method": "thing.topo.change"})

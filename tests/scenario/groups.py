"""Groups of devices, made and listed."""

import itertools
from typing import Any

from tests.scenario.support import Fleet
from tests.support.api import Device, items

_serial = itertools.count(1)


def new_name() -> str:
    """The name of a group that there is not yet."""
    return f"group_{next(_serial)}"


def static(fleet: Fleet, name: str | None = None, **more: Any) -> str:
    """The GroupId of a new static group."""
    made = fleet.api.call("CreateDeviceGroup", GroupName=name or new_name(), **more)
    return str(made["Data"]["GroupId"])


def references(devices: list[Device]) -> list[dict[str, str]]:
    """Devices as the calls on groups name them."""
    return [{"ProductKey": device.product_key, "DeviceName": device.name} for device in devices]


def listed(fleet: Fleet, **filters: Any) -> list[str]:
    """The names of the account's groups that QueryDeviceGroupList finds."""
    answer = fleet.api.call("QueryDeviceGroupList", **({"CurrentPage": 1, "PageSize": 200} | filters))
    return [item["GroupName"] for item in items(answer["Data"], "GroupInfo")]

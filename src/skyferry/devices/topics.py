"""The topics of the device protocol (device-plane reference §2). The simulator uses these names too."""

from enum import StrEnum
from itertools import zip_longest
from typing import Final

INFORM = "/ota/device/inform/{product_key}/{device_name}"
UPGRADE = "/ota/device/upgrade/{product_key}/{device_name}"
PROGRESS = "/ota/device/progress/{product_key}/{device_name}"
REQUEST = "/ota/device/request/{product_key}/{device_name}"
FIRMWARE_GET = "/sys/{product_key}/{device_name}/thing/ota/firmware/get"
FIRMWARE_GET_REPLY = "/sys/{product_key}/{device_name}/thing/ota/firmware/get_reply"
FILE_DOWNLOAD = "/sys/{product_key}/{device_name}/thing/file/download"
FILE_DOWNLOAD_REPLY = "/sys/{product_key}/{device_name}/thing/file/download_reply"
REGISTER = "/ext/register"
REGISTER_UNKNOWN = "/ext/regnwl"
IDENTITY = "/ext/auth/identity/response"

_OWNER: Final = "/{product_key}/{device_name}"
_SYSTEM: Final = "/sys" + _OWNER
_FAMILIES: Final = (
    "/ota/device/+" + _OWNER,
    _SYSTEM + "/#",
    "/ext/+" + _OWNER + "/#",
    "/shadow/+" + _OWNER,
    _OWNER + "/#",
)
"""All that a device may subscribe to; the last are the topics that an application invents."""


class Uplink(StrEnum):
    """What a device can say, by its topic."""

    INFORM = "inform"
    PROGRESS = "progress"
    GET = "get"
    REQUEST = "request"
    OTHER = "other"
    """A request of another service of the platform: properties, time, shadow, sub-devices."""
    CUSTOM = "custom"
    """A message on a topic that an application has invented: everything else under the device's own name."""


_OWNER_AT: Final = {"ota": 4, "sys": 2, "ext": 3, "shadow": 3}
"""Which level of a topic is the ProductKey, by the first one; 1 of the topics that an application invents."""

_MOST_OWNER_LEVELS: Final = 6
"""A topic's levels down to the DeviceName are no more."""
_OF_ANYONE: Final = tuple(family.replace(_OWNER, "/+/+") for family in _FAMILIES)
_ANY_PUSH: Final = UPGRADE.replace(_OWNER, "/+/+")

_BY_HEAD: Final = {
    INFORM.removesuffix(_OWNER): Uplink.INFORM,
    PROGRESS.removesuffix(_OWNER): Uplink.PROGRESS,
    REQUEST.removesuffix(_OWNER): Uplink.REQUEST,
    "/shadow/update": Uplink.OTHER,
}
_BY_TAIL: Final = {FIRMWARE_GET.removeprefix(_SYSTEM): Uplink.GET}


class DeviceTopics:
    """The topics of one device. They are made when they are needed: a device that idles holds one short text."""

    __slots__ = ("_owner",)

    def __init__(self, product_key: str, device_name: str) -> None:
        self._owner = f"/{product_key}/{device_name}"

    def __str__(self) -> str:
        return self._owner

    @property
    def owner(self) -> str:
        """The part of topics that names the device: `/{product_key}/{device_name}`."""
        return self._owner

    def of(self, pattern: str) -> str:
        """This device's topic of a pattern of this module."""
        return pattern.replace(_OWNER, self._owner)

    def uplink(self, topic: str) -> Uplink | None:
        """What the device says with a topic; None when the topic is not its own, or unknown."""
        owner = self._owner
        if topic.endswith(owner) and (known := _BY_HEAD.get(topic.removesuffix(owner))):
            return known
        if topic.startswith(f"/sys{owner}/"):
            return _BY_TAIL.get(topic.removeprefix(f"/sys{owner}"), Uplink.OTHER)
        if topic.startswith("/ext/") and f"{owner}/" in topic:
            return Uplink.OTHER
        return Uplink.CUSTOM if topic.startswith(owner + "/") else None

    def service(self, topic: str) -> str:
        """What a topic that is `Uplink.OTHER` asks for: the topic without its family and the device's own part."""
        if topic.endswith(self._owner):
            return topic.removesuffix(self._owner).removeprefix("/")
        before, _, after = topic.partition(self._owner + "/")
        family = before.removeprefix("/sys").removeprefix("/ext/")
        return f"{family}/{after}" if family else after

    def may_subscribe(self, topic_filter: str) -> bool:
        """True when a filter can match a topic of this device.

        A wildcard that covers others as well is harmless: a device is sent what is addressed to it and nothing else.
        """
        return any(_overlap(topic_filter, self.of(family)) for family in _FAMILIES)

    def hears_pushes(self, topic_filter: str) -> bool:
        """True when a filter matches the topic of pushes."""
        return _overlap(topic_filter, self.of(UPGRADE))


def owner_of(topic: str) -> str:
    """The part of a topic or filter that names a device, `/{product_key}/{device_name}`; it need not be one."""
    levels = topic.split("/", 6)
    family = levels[1] if len(levels) > 1 else ""
    start = _OWNER_AT.get(family, 1)
    return "/" + "/".join(levels[start : start + 2])


def owners_of(topic_filter: str) -> set[tuple[str, str]]:
    """Whose topics a filter can match: ProductKey and DeviceName of each, `+` where any will do."""
    return {_owner_in(topic_filter, anyone) for anyone in _OF_ANYONE if _overlap(topic_filter, anyone)}


def push_owners_of(topic_filter: str) -> set[tuple[str, str]]:
    """Whose pushes a filter can match, as in `owners_of`."""
    return {_owner_in(topic_filter, _ANY_PUSH)} if _overlap(topic_filter, _ANY_PUSH) else set()


def _owner_in(topic_filter: str, anyone: str) -> tuple[str, str]:
    levels = topic_filter.split("/")
    if levels[-1] == "#":
        levels[-1:] = "+" * _MOST_OWNER_LEVELS
    start = _OWNER_AT.get(anyone.split("/", 2)[1], 1)
    return levels[start], levels[start + 1]


def _overlap(one: str, other: str) -> bool:
    """True when there is a topic that both filters match, by the rules of MQTT 3.1.1 §4.7."""
    for left, right in zip_longest(one.split("/"), other.split("/")):
        if "#" in {left, right}:
            return True
        if left != right and (left is None or right is None or "+" not in {left, right}):
            return False
    return True

"""Which topics a device may use."""

import pytest

from skyferry.devices.topics import FIRMWARE_GET_REPLY, UPGRADE, DeviceTopics, Uplink, owners_of, push_owners_of

TOPICS = DeviceTopics("a1Stub00001", "dev-1")


@pytest.mark.parametrize(
    ("topic", "uplink"),
    [
        ("/ota/device/inform/a1Stub00001/dev-1", Uplink.INFORM),
        ("/ota/device/progress/a1Stub00001/dev-1", Uplink.PROGRESS),
        ("/ota/device/request/a1Stub00001/dev-1", Uplink.REQUEST),
        ("/sys/a1Stub00001/dev-1/thing/ota/firmware/get", Uplink.GET),
        ("/sys/a1Stub00001/dev-1/thing/event/property/post", Uplink.OTHER),
        ("/ext/session/a1Stub00001/dev-1/combine/login", Uplink.OTHER),
        ("/ext/ntp/a1Stub00001/dev-1/request", Uplink.OTHER),
        ("/ota/device/upgrade/a1Stub00001/dev-1", None),
        ("/ota/device/inform/a1Stub00001/dev-10", None),
        ("/ota/device/inform/a1Stub00001/xdev-1", None),
        ("/ota/device/inform/a1Stub00002/dev-1", None),
        ("/ota/device/inform/a1Stub00001/dev-1/", None),
        ("ota/device/inform/a1Stub00001/dev-1", None),
        ("/sys/a1Stub00001/dev-10/thing/ota/firmware/get", None),
        ("/sys/x/a1Stub00001/dev-1/thing/ota/firmware/get", None),
        ("/sys/a1Stub00001/dev-1", None),
        ("/a1Stub00001/dev-1", None),
        ("/", None),
    ],
)
def test_uplink(topic: str, uplink: Uplink | None) -> None:
    assert TOPICS.uplink(topic) is uplink


def test_topics_of_the_device() -> None:
    assert TOPICS.of(UPGRADE) == "/ota/device/upgrade/a1Stub00001/dev-1"
    assert TOPICS.of(FIRMWARE_GET_REPLY) == "/sys/a1Stub00001/dev-1/thing/ota/firmware/get_reply"


def test_keys_that_look_like_a_pattern_stay_as_they_are() -> None:
    assert DeviceTopics("{device_name}", "x").of(UPGRADE) == "/ota/device/upgrade/{device_name}/x"


@pytest.mark.parametrize(
    ("topic_filter", "granted", "hears"),
    [
        ("/ota/device/upgrade/a1Stub00001/dev-1", True, True),
        ("/ota/device/+/a1Stub00001/dev-1", True, True),
        ("/ota/device/upgrade/+/+", True, True),
        ("/ota/device/upgrade/a1Stub00001/dev-1/#", True, True),
        ("/ota/#", True, True),
        ("#", True, True),
        ("/ota/device/request/a1Stub00001/dev-1", True, False),
        ("/sys/a1Stub00001/dev-1/thing/event/+/post_reply", True, False),
        ("/sys/a1Stub00001/dev-1/#", True, False),
        ("/ext/session/a1Stub00001/dev-1/combine/login_reply", True, False),
        ("/shadow/get/a1Stub00001/dev-1", True, False),
        ("/a1Stub00001/dev-1/user/get", True, False),
        ("/ota/device/upgrade/a1Stub00001/dev-2", False, False),
        ("/ota/device/upgrade/a1Stub00002/dev-1", False, False),
        ("/ota/device/upgrade/a1Stub00002/#", False, False),
        ("/ota/device/upgrade/+/dev-2", False, False),
        ("/sys/a1Stub00001/dev-2/#", False, False),
        ("/sys/a1Stub00002/+/thing/event/+/post_reply", False, False),
        ("/a1Stub00001/dev-2/user/get", False, False),
        ("/ota/device/upgrade/a1Stub00001", False, False),
        ("$SYS/broker", False, False),
    ],
)
def test_filters(topic_filter: str, granted: bool, hears: bool) -> None:
    assert TOPICS.may_subscribe(topic_filter) is granted
    assert TOPICS.hears_pushes(topic_filter) is hears


@pytest.mark.parametrize(
    ("topic_filter", "owners", "of_pushes"),
    [
        ("/ota/device/+/pk/+", {("pk", "+"), ("ota", "device")}, {("pk", "+")}),
        ("/ota/device/inform/pk/+", {("pk", "+"), ("ota", "device")}, set()),
        ("/ota/#", {("+", "+"), ("ota", "+")}, {("+", "+")}),
        ("#", {("+", "+")}, {("+", "+")}),
        ("/sys/pk/+/thing/#", {("pk", "+"), ("sys", "pk")}, set()),
        ("/ext/session/pk/#", {("pk", "+"), ("ext", "session")}, set()),
        ("/pk/+/user/get", {("pk", "+")}, set()),
        ("$SYS/+", set(), set()),
    ],
)
def test_whose_topics_a_filter_matches(
    topic_filter: str, owners: set[tuple[str, str]], of_pushes: set[tuple[str, str]]
) -> None:
    assert owners_of(topic_filter) == owners
    assert push_owners_of(topic_filter) == of_pushes

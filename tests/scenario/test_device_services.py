"""What devices say besides their updates is answered, and their own topics are taken (device-plane reference §1.4)."""

import json

import pytest

from tests.scenario.support import Fleet

pytestmark = pytest.mark.rule("devices")


def test_services_of_the_platform_are_answered_without_a_subscription(fleet: Fleet) -> None:
    """§1.4: `_reply` topics reach devices that never subscribe."""
    client = fleet.connect(fleet.device())
    for service in ("event/property/post", "deviceinfo/update", "config/get", "desired/property/get", "log/post"):
        topic = f"/sys/{client.own}/thing/{service}"
        client.say(topic, b'{"id":"5","version":"1.0","params":{"a":1,}}')
        answer = json.loads(client.hear(f"{topic}_reply"))
        assert (answer["id"], answer["code"], answer["data"]) == ("5", 200, {})


def test_a_device_is_told_the_time(fleet: Fleet) -> None:
    """SDKs set their clocks by it."""
    client = fleet.connect(fleet.device())
    client.say(f"/ext/ntp/{client.own}/request", b'{"deviceSendTime":"1571724098000"}')
    answer = json.loads(client.hear(f"/ext/ntp/{client.own}/response"))
    assert answer["deviceSendTime"] == "1571724098000"
    assert int(answer["serverSendTime"]) >= int(answer["serverRecvTime"]) > 1_700_000_000_000


def test_a_shadow_is_empty(fleet: Fleet) -> None:
    """The answer comes on another topic than the question."""
    client = fleet.connect(fleet.device())
    client.say(f"/shadow/update/{client.own}", b'{"method":"get"}')
    answer = json.loads(client.hear(f"/shadow/get/{client.own}"))
    assert (answer["method"], answer["payload"]["status"]) == ("reply", "success")


def test_answers_of_devices_get_no_answer(fleet: Fleet) -> None:
    """An answer to an answer would go on for ever."""
    client = fleet.connect(fleet.device())
    for topic in ("thing/disable_reply", "thing/service/property/set_reply", "rrpc/response/1"):
        client.say(f"/sys/{client.own}/{topic}", b'{"id":"5","code":200,"data":{}}')
    assert client.pull()["data"] == {}
    assert list(client._messages) == []


def test_messages_on_custom_topics_are_acknowledged_and_dropped(fleet: Fleet) -> None:
    """§1.2: a topic under the device's own name."""
    client = fleet.connect(fleet.device())
    client.say(f"/{client.own}/user/update", b"\x00\xff", acknowledged=True)
    client.say(f"/{client.own}/thing/topo/add", b"{}", acknowledged=True)
    client.ping()


def test_services_are_for_the_device_itself(fleet: Fleet) -> None:
    """§1.2 (access): on topics of another device nothing is answered to anyone."""
    device, other = fleet.devices(2)
    client, witness = fleet.connect(device), fleet.connect(other)
    for topic in (f"/sys/{witness.own}/thing/event/property/post", f"/ext/ntp/{witness.own}/request"):
        client.say(topic, b'{"id":"5","params":{}}', acknowledged=True)
    client.say(f"/shadow/update/{witness.own}", b'{"method":"get"}', acknowledged=True)
    for each in (client, witness):
        each.ping()
        assert list(each._messages) == []

"""Services that this server has not, answered as SDKs expect it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.devices.requests import Request, Requests
from skyferry.devices.services import Services
from skyferry.devices.topics import DeviceTopics, Uplink


class FixedClock:
    def now_ms(self) -> int:
        return 1_571_724_098_123


class Session:
    topics = DeviceTopics("pk", "dn")

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))


def answers(topic: str, payload: bytes) -> list[tuple[str, bytes]]:
    """What a device is answered that says this."""
    session, services = Session(), Services(FixedClock())
    assert session.topics.uplink(topic) is Uplink.OTHER
    request = Request(session, topic, session.topics.service(topic), payload)  # type: ignore[arg-type]
    Requests(services.handlers(), services.handle).handle(request)
    return session.sent


def answer(topic: str, document: object) -> tuple[str, Any]:
    """The one answer."""
    [(replied, payload)] = answers(topic, json.dumps(document).encode())
    return replied, json.loads(payload)


@pytest.mark.parametrize(
    "service",
    [
        "thing/event/property/post",
        "thing/event/error/post",
        "thing/event/property/pack/post",
        "thing/event/property/history/post",
        "thing/event/property/batch/post",
        "thing/deviceinfo/update",
        "thing/deviceinfo/delete",
        "thing/deviceinfo/get",
        "thing/config/get",
        "thing/dsltemplate/get",
        "thing/desired/property/get",
        "thing/desired/property/delete",
        "thing/lan/prefix/get",
        "thing/log/post",
        "thing/whatever/comes",
    ],
)
@pytest.mark.parametrize("params", [{}, {"temperature": 21.5}, [{"attrKey": "a", "attrValue": "b"}], None])
def test_a_request_is_answered_with_success_and_no_data(service: str, params: object) -> None:
    method = service.replace("/", ".")
    topic, reply = answer(f"/sys/pk/dn/{service}", {"id": "7", "version": "1.0", "params": params, "method": method})
    assert topic == f"/sys/pk/dn/{service}_reply"
    assert reply == {"code": 200, "data": {}, "id": "7", "message": "success", "method": method, "version": "1.0"}


@pytest.mark.parametrize("request_id", ["1", '"1"', "4294967295", '"键"'])
def test_the_id_comes_back_in_its_own_type_and_the_text_is_compact(request_id: str) -> None:
    payload = f'{{"id":{request_id},"params":{{"a":1,}}}}'.encode()
    [(_, reply)] = answers("/sys/pk/dn/thing/event/property/post", payload)
    expected = f'{{"code":200,"data":{{}},"id":{request_id},"message":"success",'
    assert reply.decode() == expected + '"method":"thing.event.property.post","version":"1.0"}'


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("/sys/pk/dn/thing/disable_reply", b'{"id":"1","code":200,"data":{}}'),
        ("/sys/pk/dn/thing/service/property/set_reply", b'{"id":"1","code":200,"data":{}}'),
        ("/sys/pk/dn/thing/service/property/set", b'{"id":"1","code":200,"data":{}}'),
        ("/sys/pk/dn/rrpc/response/123", b'{"id":"1"}'),
        ("/ext/rrpc/123/pk/dn/user/x", b'{"id":"1"}'),
        ("/ext/error/pk/dn/x", b'{"id":"1"}'),
        ("/sys/pk/dn/thing/model/up_raw", b'{"id":"1"}'),
        ("/sys/pk/dn/thing/topo/unknown", b'{"id":"1"}'),
        ("/sys/pk/dn/thing/event/property/post", b"\x00\x01"),
        ("/sys/pk/dn/thing/event/property/post", b"[]"),
        ("/sys/pk/dn/thing/event/property/post", b'{"id":"1","sys":{"ack":0},"params":{}}'),
        ("/shadow/update/pk/dn", b'{"method":"reply"}'),
        ("/shadow/update/pk/dn", b"no JSON"),
        ("/ext/ntp/pk/dn/request", b""),
    ],
)
def test_answers_and_what_cannot_be_read_get_no_answer(topic: str, payload: bytes) -> None:
    assert answers(topic, payload) == []


def test_a_device_that_wants_no_answer_to_its_posts_is_answered_what_it_asks_for() -> None:
    assert answer("/sys/pk/dn/thing/config/get", {"id": 1, "sys": {"ack": 0}, "params": {}})[1]["code"] == 200
    assert answer("/sys/pk/dn/thing/event/a/post", {"id": 1, "sys": {"ack": 1}, "params": {}})[1]["code"] == 200


def test_a_file_that_is_not_kept_is_not_taken() -> None:
    topic, reply = answer("/sys/pk/dn/thing/file/upload/mqtt/init", {"id": "3", "params": {"fileSize": 1}})
    assert topic == "/sys/pk/dn/thing/file/upload/mqtt/init_reply"
    assert (reply["code"], reply["id"], reply["data"]) == (460, "3", {})


def test_the_sdk_is_told_to_keep_its_log() -> None:
    topic, reply = answer("/sys/pk/dn/thing/config/log/get", {"id": 2, "params": {"getType": "content"}})
    assert topic == "/sys/pk/dn/thing/config/log/get_reply"
    assert reply["data"]["content"]["log"]["mode"] == 0


@pytest.mark.parametrize(("sent", "told"), [("1571724098000", "1571724098000"), (1571724098000, "1571724098000")])
def test_the_time_comes_as_text(sent: object, told: str) -> None:
    topic, reply = answer("/ext/ntp/pk/dn/request", {"deviceSendTime": sent})
    assert topic == "/ext/ntp/pk/dn/response"
    assert reply == {"deviceSendTime": told, "serverRecvTime": "1571724098123", "serverSendTime": "1571724098123"}


def test_a_shadow_takes_updates_and_is_empty() -> None:
    topic, updated = answer(
        "/shadow/update/pk/dn", {"method": "update", "state": {"reported": {"a": 1}}, "version": 4, "clientToken": "t"}
    )
    assert topic == "/shadow/get/pk/dn"
    assert updated == {
        "method": "reply",
        "payload": {"status": "success", "version": 4},
        "version": 4,
        "timestamp": 1_571_724_098,
        "clientToken": "t",
    }
    read = answer("/shadow/update/pk/dn", {"method": "get"})[1]
    assert read["payload"] == {"status": "success", "state": {}, "metadata": {}}


@given(
    st.binary(max_size=100) | st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=6)).map(json.dumps)
)
def test_whatever_is_answered_is_json(message: bytes | str) -> None:
    payload = message.encode() if isinstance(message, str) else message
    for topic in ("/sys/pk/dn/thing/event/x/post", "/ext/ntp/pk/dn/request", "/shadow/update/pk/dn"):
        for _, reply in answers(topic, payload):
            json.loads(reply)

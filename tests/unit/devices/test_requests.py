"""Requests of services besides the update find their handler."""

import pytest

from skyferry.devices.requests import Request, Requests
from skyferry.devices.topics import DeviceTopics

TOPICS = DeviceTopics("pk", "dn")


@pytest.mark.parametrize(
    ("topic", "service"),
    [
        ("/sys/pk/dn/thing/topo/add", "thing/topo/add"),
        ("/ext/session/pk/dn/combine/login", "session/combine/login"),
        ("/ext/ntp/pk/dn/request", "ntp/request"),
        ("/shadow/update/pk/dn", "shadow/update"),
    ],
)
def test_a_service_is_the_topic_without_the_device(topic: str, service: str) -> None:
    assert TOPICS.service(topic) == service


class Recorder:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))


def test_a_handler_answers_on_the_topic_of_the_request_and_one_takes_what_is_left() -> None:
    session = Recorder()
    requests = Requests(
        {"thing/topo/add": lambda request: request.reply(b"yes " + request.payload)},
        lambda request: request.reply(b"other", "/elsewhere"),
    )

    requests.handle(Request(session, "/sys/pk/dn/thing/topo/add", "thing/topo/add", b"1"))  # type: ignore[arg-type]
    requests.handle(Request(session, "/sys/pk/dn/thing/other", "thing/other", b"2"))  # type: ignore[arg-type]

    assert session.sent == [("/sys/pk/dn/thing/topo/add_reply", b"yes 1"), ("/elsewhere", b"other")]

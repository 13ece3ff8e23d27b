"""Messages on their way between processes: what goes in comes out, and nothing else is taken for a message."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.bus import wire
from skyferry.bus.messages import Command, DisconnectDevice, Disconnected, Notice, NoticeKind, Report, VersionReported

NUMBERS: Final = st.integers(-(2**63), 2**63 - 1)


def messages(union: object) -> st.SearchStrategy[Any]:
    """Messages of the classes of a union."""
    return st.one_of([_of(each) for each in get_args(union)])


def _of(message: type[Any]) -> st.SearchStrategy[Any]:
    numbers = {field.name: NUMBERS for field in dataclasses.fields(message) if field.type is int}
    more = {"task_id": st.none() | NUMBERS, "claimed_at": st.none() | NUMBERS, "device_ids": st.just((1, 2**62))}
    known = {field.name for field in dataclasses.fields(message)}
    return st.builds(message, **{name: each for name, each in (more | numbers).items() if name in known})


@given(st.lists(messages(Report)), st.integers(50, 500))
def test_reports_arrive_as_they_were_and_in_their_order(sent: Sequence[Report], most_bytes: int) -> None:
    parcels = list(wire.pack(sent, most_bytes=most_bytes))
    assert [report for parcel, _ in parcels for report in wire.unpack_reports(parcel)] == list(sent)
    assert [len(wire.unpack_reports(parcel)) for parcel, _ in parcels] == [number for _, number in parcels]


@given(st.lists(messages(Command)))
def test_commands_arrive_as_they_were(sent: Sequence[Command]) -> None:
    assert [each for parcel, _ in wire.pack(sent, most_bytes=500) for each in wire.unpack_commands(parcel)] == list(
        sent
    )


@given(st.lists(st.binary(max_size=300), min_size=1))
def test_a_parcel_is_no_larger_than_allowed_unless_one_message_is(payloads: Sequence[bytes]) -> None:
    sent = [Notice(1, NoticeKind.PUSH, payload, 2) for payload in payloads]
    for parcel, number in wire.pack(sent, most_bytes=400):
        assert len(parcel) <= 400 or number == 1


@given(st.binary(max_size=200))
def test_what_is_no_parcel_is_refused(data: bytes) -> None:
    try:
        found = wire.unpack_reports(data)
    except wire.WireError:
        return
    assert found == []


@pytest.mark.parametrize("name", ["ReportOfTheFuture", "", "Settings"])
def test_a_message_of_an_unknown_class_is_refused(name: str) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_reports(msgspec.msgpack.encode([(name, {"device_id": 1})]))


def test_a_newer_process_may_send_more_fields_and_an_older_one_fewer() -> None:
    newer = {"device_id": 1, "connection_id": "a-1", "at": 5, "colour": "green"}
    [report] = wire.unpack_reports(msgspec.msgpack.encode([("Disconnected", newer)]))
    assert report == Disconnected(1, "a-1", 5)
    [command] = wire.unpack_commands(msgspec.msgpack.encode([("DisconnectDevice", {"device_id": 1})]))
    assert command == DisconnectDevice(1)


def test_a_message_without_a_field_that_it_needs_is_refused() -> None:
    with pytest.raises(wire.WireError):
        wire.unpack_reports(msgspec.msgpack.encode([("VersionReported", {"device_id": 1})]))
    assert VersionReported(1, "default", "1", 5).device_id == 1

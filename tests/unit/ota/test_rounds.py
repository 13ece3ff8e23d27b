"""Requests that follow a version wait for what the version brings (control-plane reference §5.7, dynamic rules)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.bus.messages import PackageRequested, ProgressReported, PullForm, Report, VersionReported
from skyferry.devices.payloads import read_offer
from skyferry.ota import rounds
from skyferry.ota.jobs import FUTURE
from tests.support.rows import World


def version(device: int, number: int = 0) -> Report:
    return VersionReported(device, "default", f"1.{number}", number)


def request(device: int, number: int = 0, carried: str | None = None) -> Report:
    return PackageRequested(device, PullForm.REQUEST, "1", None, carried, number)


def progress(device: int, number: int = 0) -> Report:
    return ProgressReported(device, None, 1, "", number)


def test_one_round_does_unless_a_device_asks_after_its_version() -> None:
    reports = [request(1), version(1), progress(1), version(2), request(3)]
    assert rounds.split(reports) == [reports]
    assert rounds.split([]) == []


def test_requests_of_many_devices_share_the_second_round() -> None:
    reports = [report(device) for device in range(9) for report in (version, request)]
    assert rounds.split(reports) == [[version(device) for device in range(9)], [request(device) for device in range(9)]]


def test_a_request_that_carries_a_version_is_both() -> None:
    [first, second] = rounds.split([request(1, 5, "1.5")])
    assert (first, second) == ([version(1, 5)], [request(1, 5)])


@given(st.lists(st.tuples(st.sampled_from([version, request, progress]), st.integers(1, 3))))
def test_reports_of_a_device_stay_in_their_order(said: Sequence[tuple[type, int]]) -> None:
    reports: list[Report] = [make(device, number) for number, (make, device) in enumerate(said)]
    split = [report for part in rounds.split(reports) for report in part]
    for device in range(1, 4):
        assert [report for report in split if report.device_id == device] == [
            report for report in reports if report.device_id == device
        ]


@pytest.mark.parametrize("form", [PullForm.GET, PullForm.REQUEST])
def test_a_device_that_asks_right_after_its_version_is_offered_what_it_now_matches(
    world: World, form: PullForm
) -> None:
    device = world.make_device("dev0", version=None)
    world.connect(device)
    world.make_dynamic(world.make_package(), dynamic_mode=FUTURE, need_push=False)
    told = VersionReported(device.id, "default", "1.0.0", world.now)
    carried = None if form is PullForm.GET else "1.0.0"
    asked = PackageRequested(device.id, form, "1", None, carried, world.now)
    [answer] = world.report(*([told] if carried is None else []), asked)
    assert read_offer(answer.payload) == ("default", "2.0.0")

"""Times and pages as the dialect writes them (control-plane reference §1.5)."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.errors import ApiError
from skyferry.operations import formats

times = st.integers(min_value=0, max_value=4_102_444_799_999)  # to the end of 2099


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (1_572_848_539_566, "2019-11-04T06:22:19.566Z"),
        (1_577_501_000_000, "2019-12-28T02:43:20.000Z"),
        (1_572_848_539_005, "2019-11-04T06:22:19.005Z"),
        (0, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_utc_has_milliseconds_and_a_z(ms: int, text: str) -> None:
    assert formats.utc(ms) == formats.utc_or_none(ms) == text


def test_gmt_is_the_old_form_of_dates_in_http() -> None:
    assert formats.gmt(1_550_628_969_999) == "Wed, 20-Feb-2019 02:16:09 GMT"


def test_minute_has_no_seconds() -> None:
    assert formats.minute(1_602_582_419_999) == "2020-10-13T09:46Z"


def test_china_is_eight_hours_ahead() -> None:
    assert formats.china(1_533_523_721_000) == "2018-08-06 10:48:41"
    assert formats.utc(1_533_523_721_000) == "2018-08-06T02:48:41.000Z"


def test_a_time_that_has_not_come_is_absent() -> None:
    assert formats.utc_or_none(None) is None
    assert formats.china(None) is None


@given(times)
def test_all_forms_tell_the_same_moment(ms: int) -> None:
    utc = datetime.strptime(formats.utc(ms), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    gmt = datetime.strptime(formats.gmt(ms), "%a, %d-%b-%Y %H:%M:%S GMT").replace(tzinfo=UTC)
    china = datetime.strptime(str(formats.china(ms)), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    seconds = utc.replace(microsecond=0)

    assert round(utc.timestamp() * 1_000) == ms
    assert gmt == seconds
    assert china - timedelta(hours=8) == seconds
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", formats.utc(ms))


@given(st.integers(0, 500), st.integers(1, 100))
def test_the_pages_are_just_enough(total: int, size: int) -> None:
    pages = formats.page_count(total, size)

    assert pages * size >= total
    assert (pages - 1) * size < total


@given(st.integers(0, 300), st.integers(1, 50))
def test_the_pages_together_are_the_list(total: int, size: int) -> None:
    numbers = list(range(total))

    offsets = [formats.offset(page, size, most=50) for page in range(1, formats.page_count(total, size) + 1)]

    assert [number for offset in offsets for number in numbers[offset : offset + size]] == numbers


@pytest.mark.parametrize(("page", "size"), [(0, 10), (-1, 10), (2**31, 10), (1, 0), (1, -1), (1, 101)])
def test_a_page_out_of_range_is_refused(page: int, size: int) -> None:
    with pytest.raises(ApiError) as caught:
        formats.offset(page, size, most=100)

    assert caught.value.kind.code == "iot.common.InvalidPageParams"


def test_the_largest_page_is_allowed() -> None:
    assert formats.offset(3, 100, most=100) == 200

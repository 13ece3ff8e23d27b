"""When the page on the server warns."""

import pytest

from skyferry.console import formats
from skyferry.console.pages.server import disk_is_low, ends_soon

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(("free", "low"), [(9, True), (10, False), (100, False)])
def test_a_disk_with_less_than_a_tenth_free_is_low(free: int, low: bool) -> None:
    assert disk_is_low({"DiskFreeBytes": free, "DiskBytes": 100}) is low


@pytest.mark.parametrize(("days", "soon"), [(-1, True), (13, True), (15, False)])
def test_a_certificate_that_ends_within_two_weeks_is_told(days: int, soon: bool) -> None:
    end = formats.moment_of(NOW_MS + days * DAY_MS)

    assert ends_soon({"UtcCertificateEnd": f"{end:%Y-%m-%dT%H:%M:%S.000Z}"}, NOW_MS) is soon
    assert ends_soon({}, NOW_MS) is False

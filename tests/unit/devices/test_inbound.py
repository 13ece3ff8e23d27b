"""Messages of real SDKs as reports."""

import pytest

from skyferry.bus.messages import PackageRequested, ProgressReported, PullForm, Report, VersionReported
from skyferry.devices.inbound import read_report
from skyferry.devices.payloads import PayloadError
from skyferry.devices.topics import Uplink


@pytest.mark.parametrize(
    ("uplink", "payload", "report"),
    [
        (Uplink.INFORM, b'{"id":1, "params":{"version":"1.0.0"}}', VersionReported(7, "default", "1.0.0", 99)),
        (
            Uplink.INFORM,
            b'{"id":"1","params":{"version":"1.0","module":"default"}}',
            VersionReported(7, "default", "1.0", 99),
        ),
        (Uplink.INFORM, b'{"id":1,"params":{"version":"3","module":"MCU"}}', VersionReported(7, "MCU", "3", 99)),
        (
            Uplink.PROGRESS,
            b'{"id":2, "params":{"step":"25","desc":"half","module":"MCU"}}',
            ProgressReported(7, "MCU", 25, "half", 99),
        ),
        (Uplink.PROGRESS, b'{"id":2, "params":{"step":-2,"desc":""}}', ProgressReported(7, None, -2, "", 99)),
        (Uplink.GET, b'{"id":1,"params":{}}', PackageRequested(7, PullForm.GET, "1", None, None, 99)),
        (
            Uplink.GET,
            b'{"id":"123","version":"1.0","params":{"module":"MCU"},"method":"thing.ota.firmware.get"}',
            PackageRequested(7, PullForm.GET, '"123"', "MCU", None, 99),
        ),
        (
            Uplink.REQUEST,
            b'{"id":"0","params":{"version":"1.0.0"}}',
            PackageRequested(7, PullForm.REQUEST, '"0"', None, "1.0.0", 99),
        ),
        (
            Uplink.REQUEST,
            b'{"id":0,"params":{"version":""}}',
            PackageRequested(7, PullForm.REQUEST, "0", None, None, 99),
        ),
    ],
)
def test_reports(uplink: Uplink, payload: bytes, report: Report) -> None:
    assert read_report(uplink, payload, 7, 99) == report


@pytest.mark.parametrize(
    ("uplink", "payload"),
    [
        (Uplink.INFORM, b'{"id":1,"params":{}}'),
        (Uplink.INFORM, b'{"id":1,"params":{"version":"1","module":5}}'),
        (Uplink.PROGRESS, b'{"id":1,"params":{"step":"x"}}'),
        (Uplink.GET, b'{"id":1,"params":{"module":[]}}'),
        (Uplink.GET, b"nonsense"),
    ],
)
def test_unreadable(uplink: Uplink, payload: bytes) -> None:
    with pytest.raises(PayloadError):
        read_report(uplink, payload, 7, 99)

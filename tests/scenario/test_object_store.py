"""Package files in a bucket of S3 instead of the data directory."""

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support import blocks
from tests.support.api import GatewayError, items, root, send_form
from tests.support.bucket import S3Server, StoredBucket
from tests.support.device import Notice, download
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule("devices")

CONTENT = random.Random(3).randbytes(9_000_001)
"""Larger than a part of an upload."""
OWNER_MARK = "fleet/skyferry-owner"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as started:
        yield started


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> StoredBucket:
    return s3.bucket()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, bucket: StoredBucket) -> Iterator[Server]:
    """A server whose package files are in a bucket."""
    settings = {**bucket.settings("/fleet"), "SKYFERRY_HAWKBIT_PLAIN": "true", "SKYFERRY_PUSH_DELAY_SECONDS": "600"}
    with Server(tmp_path_factory.mktemp("stored"), settings) as started:
        yield started
        started.stop()


@pytest.fixture
def fleet(stored: Server) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(stored, root(stored.http), "", stack)


def notice_of(client: ScriptedDevice) -> Notice:
    return Notice.parse(json.dumps(client.push(), separators=(",", ":")))


def files(bucket: StoredBucket) -> list[str]:
    """All that is in the bucket but the mark of its owner."""
    return [key for key in (*bucket.keys(), *bucket.uploads()) if key != OWNER_MARK]


def counts(fleet: Fleet, job: str, client: ScriptedDevice) -> tuple[int, int, int]:
    """Bytes, requests and failures of a task's download."""
    [task] = fleet.api.tasks(job, DeviceNames=[client.own.partition("/")[2]])
    data = fleet.api.call("QueryOTATaskHistory", TaskId=task["TaskId"])["Data"]
    return data["DownloadBytes"], data["DownloadRequests"], data["DownloadFailures"]


def delete(fleet: Fleet, firmware: str) -> None:
    """Ends the jobs of a package and deletes it."""
    page = {"FirmwareId": firmware, "CurrentPage": 1, "PageSize": 20}
    jobs = items(fleet.api.call("ListOTAJobByFirmware", **page)["Data"], "SimpleOTAJobInfo")
    for job in [job["JobId"] for job in jobs if job["JobStatus"] != "COMPLETED"]:
        states = ("Queued", "Unconfirmed", "Notified", "InProgress")
        fleet.api.call("CancelOTATaskByJob", JobId=job, **{f"Cancel{state}Task": True for state in states})
        fleet.api.wait_for_job(job, "CANCELED")
    fleet.api.call("DeleteOTAFirmware", FirmwareId=firmware)


def test_the_whole_job_with_a_restart_in_between(fleet: Fleet, bucket: StoredBucket) -> None:
    first, second, third, listed = fleet.devices(4)
    firmware = fleet.package(FirmwareUrl=fleet.api.upload(CONTENT))
    [key] = files(bucket)
    assert bucket.content(key) == CONTENT
    assert not [path for path in (fleet.server.data / "objects").rglob("*") if path.is_file()]

    job = fleet.job(firmware, [first, second])
    client = fleet.connect(first)
    notice = notice_of(client)
    assert notice.url.startswith(f"http://{fleet.server.http}/objects/")
    notice.verify(download(notice, drop_at=4_000_000))
    client.say_version(notice.version)
    assert fleet.state(job, first) == "SUCCEEDED"
    wait_until(lambda: counts(fleet, job, client)[0] >= len(CONTENT), what="the download being counted")

    fleet.server.restart()
    assert files(bucket) == [key]
    notice = notice_of(fleet.connect(second))
    notice.verify(download(notice))

    by_mqtt = fleet.connect(third)
    fleet.job(firmware, [third], DownloadProtocol="MQTT")
    stream = blocks.wait_for_stream(by_mqtt)
    assert blocks.download(by_mqtt, stream, 100_000, up_to=1_000_000) == CONTENT[:1_000_000]

    names = fleet.api.upload_list(listed.name.encode())
    by_list = fleet.api.create_job(firmware, fleet.product, TargetSelection="SPECIFIC", DnListFileUrl=names)
    fleet.api.wait_for_states(by_list, {listed.name: "QUEUED"})

    delete(fleet, firmware)
    wait_until(lambda: key not in files(bucket), what="the file gone")
    assert requests.get(notice.url, timeout=30).status_code == 404


def health(fleet: Fleet) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(f"http://{fleet.server.http}/healthz", timeout=60).json()
    return answer


def test_a_store_that_is_away_is_said_to_be_and_loses_nothing(fleet: Fleet, s3: S3Server, bucket: StoredBucket) -> None:
    device = fleet.device()
    small = CONTENT[:1_000]
    firmware = fleet.package(FirmwareUrl=fleet.api.upload(small))
    names = fleet.api.upload_list(device.name.encode())
    fleet.job(firmware, [device], DownloadProtocol="HTTPS")
    notice = notice_of(fleet.connect(device))
    by_mqtt = fleet.device("device-2")
    stream_client = fleet.connect(by_mqtt)
    fleet.job(firmware, [by_mqtt], DownloadProtocol="MQTT")
    stream = blocks.wait_for_stream(stream_client)
    kept = files(bucket)
    assert health(fleet)["objects"] == "ok"

    s3.stop()
    try:
        answer = requests.get(notice.url, timeout=60)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "<Code>ServiceUnavailable</Code>" in answer.text
        for content in (small, CONTENT):
            refused = send_form(fleet.api.call("GenerateOTAUploadURL", FileSuffix="bin")["Data"], content)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert blocks.ask(stream_client, blocks.request(stream.stream_id, 0, 10_240)).code == 500
        with pytest.raises(GatewayError) as caught:
            fleet.api.create_job(firmware, fleet.product, TargetSelection="SPECIFIC", DnListFileUrl=names)
        assert (caught.value.code, caught.value.status) == ("ServiceUnavailable", 503)
        assert health(fleet)["objects"] == "failed"
    finally:
        s3.start()

    assert files(bucket) == kept
    assert health(fleet) == {"status": "ok"} | dict.fromkeys(health(fleet).keys() - {"status"}, "ok")
    notice.verify(download(notice))
    job = fleet.api.create_job(firmware, fleet.product, TargetSelection="SPECIFIC", DnListFileUrl=names)
    assert job


def restarted(fleet: Fleet, urls: str, *, follow: bool = False) -> None:
    """Starts the server anew with other URLs of downloads."""
    fleet.server.settings |= {
        "SKYFERRY_OBJECT_URLS": urls,
        "SKYFERRY_DEVICES_FOLLOW_REDIRECTS": str(follow).lower(),
    }
    fleet.server.restart()


def test_urls_of_a_cdn_stand_in_the_notice_itself(fleet: Fleet, bucket: StoredBucket) -> None:
    """C SDKs follow no redirects (device-plane reference §2.8, §7)."""
    restarted(fleet, "https://cdn.test/{key}")
    device, second = fleet.devices(2)
    firmware = fleet.package(FirmwareUrl=fleet.api.upload(CONTENT[:100_000]))
    fleet.job(firmware, [device])
    notice = notice_of(fleet.connect(device))
    assert notice.url.startswith("https://cdn.test/fleet/ota/")
    assert len(notice.url) <= 256
    notice.verify(bucket.content(notice.url.removeprefix("https://cdn.test/")))

    shown = fleet.package_info(firmware)["FirmwareUrl"]
    sent = requests.get(shown, timeout=30, allow_redirects=False)
    assert (sent.status_code, sent.headers["Location"]) == (302, notice.url)

    base = f"http://{fleet.server.http}"
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase=base)
    fleet.job(firmware, [second])
    own = notice_of(fleet.connect(second))
    assert own.url.startswith(f"{base}/objects/")
    own.verify(download(own))


def test_presigned_urls_are_for_those_who_follow_redirects(fleet: Fleet, bucket: StoredBucket) -> None:
    restarted(fleet, "presigned")
    device, second = fleet.devices(2)
    firmware = fleet.package(FirmwareUrl=fleet.api.upload(CONTENT[:100_000]))
    fleet.job(firmware, [device])
    notice = notice_of(fleet.connect(device))
    notice.verify(download(notice))
    shown = fleet.package_info(firmware)["FirmwareUrl"]
    sent = requests.get(shown, timeout=30, allow_redirects=False)
    assert sent.status_code == 302
    assert sent.headers["Location"].startswith(f"{bucket.server.url}/{bucket.name}/fleet/ota/")
    notice.verify(requests.get(shown, timeout=30).content)

    restarted(fleet, "presigned", follow=True)
    job = fleet.job(firmware, [second])
    client = fleet.connect(second)
    notice = notice_of(client)
    assert len(notice.url) <= 256
    answer = requests.get(notice.url, timeout=30)
    assert [step.status_code for step in answer.history] == [302]
    notice.verify(answer.content)
    wait_until(lambda: counts(fleet, job, client) == (0, 1, 0), what="the request being counted")
    delete(fleet, firmware)
    wait_until(lambda: requests.get(notice.url, timeout=30).status_code == 404, what="the package gone")

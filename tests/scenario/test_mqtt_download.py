"""Jobs whose package comes over MQTT (control-plane reference §5.7, §6.7; device-plane reference §2.4, §2.9)."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet as SimulatedFleet
from skyferry.simulator.identity import DeviceIdentity
from tests.scenario.support import Fleet, ScriptedDevice
from tests.support import blocks
from tests.support.api import Device
from tests.support.blocks import StreamNotice
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("devices")

CONTENT = random.Random(4).randbytes(50_001)


@pytest.fixture(scope="module")
def large_url(request: pytest.FixtureRequest) -> str:
    """An uploaded file of several blocks."""
    return str(request.getfixturevalue("api").upload(CONTENT))


def offered(fleet: Fleet, device: Device, url: str, **more: Any) -> tuple[str, ScriptedDevice, StreamNotice]:
    """A job by MQTT for a device that is online: the job, the device and what it was offered."""
    client = fleet.connect(device)
    job = fleet.job(fleet.package(FirmwareUrl=url, **more), [device], DownloadProtocol="MQTT")
    return job, client, blocks.wait_for_stream(client)


def test_a_whole_update_goes_over_mqtt(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.4, §2.9."""
    device = fleet.device()
    job, client, notice = offered(fleet, device, large_url)

    client.say_progress(0)
    assert blocks.download(client, notice) == CONTENT
    client.say_progress(100)
    client.say_version(notice.version)

    assert fleet.state(job, device) == "SUCCEEDED"
    assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["DownloadProtocol"] == "MQTT"


@pytest.mark.rule("QueryOTATaskHistory")
def test_what_was_read_over_mqtt_is_told(fleet: Fleet, large_url: str) -> None:
    """As what is downloaded by URL: bytes, requests, failures."""
    device = fleet.device()
    job, client, notice = offered(fleet, device, large_url)
    blocks.download(client, notice)

    def told() -> dict[str, Any]:
        answer = fleet.api.call("QueryOTATaskHistory", TaskId=fleet.task(job, device)["TaskId"])
        return dict(answer["Data"])

    wait_until(lambda: told()["DownloadBytes"] == len(CONTENT), what="the download being counted")
    assert told()["DownloadRequests"] > 1
    assert told()["DownloadFailures"] == 0


def test_the_push_names_a_stream_instead_of_a_url(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.4: at most nine digits; extData stays last."""
    device = fleet.device()
    client = fleet.connect(device)
    tags = [{"Key": "site", "Value": "a"}]
    fleet.job(fleet.package(FirmwareUrl=large_url), [device], DownloadProtocol="MQTT", Tag=tags)

    offer = client.offer()

    assert list(offer) == [
        *("size", "sign", "version", "dProtocol", "streamId", "streamFileId", "signMethod", "md5", "extData")
    ]
    assert (offer["dProtocol"], offer["streamFileId"], offer["size"]) == ("mqtt", 1, len(CONTENT))
    assert 0 < offer["streamId"] < 1_000_000_000


def test_a_pull_and_a_second_push_name_the_same_stream(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.7: what was begun can go on."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)

    assert client.pull()["data"]["streamId"] == notice.stream_id
    assert blocks.wait_for_stream(fleet.connect(device)).stream_id == notice.stream_id


def test_a_download_goes_on_after_a_new_connection(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.9: blocks are asked for by their offset."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)
    begun = blocks.download(client, notice, up_to=20_000)
    client.drop()

    again = fleet.connect(device, version=None)

    assert blocks.download(again, notice, begun=begun) == CONTENT


def test_a_repeated_request_is_answered_again(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.9: the SDK repeats after ten seconds."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)

    first = blocks.ask(client, blocks.request(notice.stream_id, 1_024, 512))

    assert blocks.ask(client, blocks.request(notice.stream_id, 1_024, 512)) == first
    assert first.content == CONTENT[1_024:1_536]


@pytest.mark.parametrize(("request_id", "token"), [("7", None), ('"7"', "default"), ('"x-1"', ""), ("4294967295", "t")])
def test_id_and_token_come_back_in_their_own_type(
    fleet: Fleet, large_url: str, request_id: str, token: str | None
) -> None:
    """device-plane §2.9, §7 (9)."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)

    head = blocks.ask(client, blocks.request(notice.stream_id, 0, 300, request_id=request_id, token=token)).head

    named = "" if token is None else f'"fileToken":"{token}",'
    assert head == (
        f'{{"id":{request_id},"code":200,"data":{{{named}"fileLength":50001,"bOffset":0,"bSize":300}},'
        '"message":"success"}'
    )


def test_the_size_of_a_block_has_bounds(fleet: Fleet) -> None:
    """device-plane §2.9, §6 (10): 5 KB unless told otherwise, 131,072 at most; the last block is shorter."""
    content = random.Random(5).randbytes(200_000)
    device = fleet.device()
    _, client, notice = offered(fleet, device, fleet.api.upload(content))
    info = f'{{"id":1,"params":{{"fileInfo":{{"streamId":{notice.stream_id},"fileId":1}}}}}}'

    assert blocks.ask(client, info.encode()).content == content[:5_120]
    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 1_000_000)).content == content[:131_072]
    assert blocks.ask(client, blocks.request(notice.stream_id, 131_072, 131_072)).content == content[131_072:]
    assert blocks.ask(client, blocks.request(notice.stream_id, 199_999, 10)).content == content[199_999:]
    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 0)).code == 460


def test_there_is_nothing_behind_the_end(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.9: an error, not an empty block."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)

    for offset in (len(CONTENT), len(CONTENT) + 1, 2**40):
        block = blocks.ask(client, blocks.request(notice.stream_id, offset, 512))
        assert (block.code, str(offset) in block.head) == (460, True)


def test_only_what_was_offered_can_be_read(fleet: Fleet, large_url: str) -> None:
    """device-plane §1.2 (access)."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)

    assert blocks.ask(client, blocks.request(999_999_998, 0, 512)).code == 404
    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 512, file_id=2)).code == 404


def test_a_device_cannot_read_the_stream_of_another(fleet: Fleet, large_url: str) -> None:
    """device-plane §1.2 (access): of its product or of another."""
    device, sibling = fleet.devices(2)
    _, _, notice = offered(fleet, device, large_url)
    other = fleet.api.register(fleet.api.create_product(f"other_{fleet.product}"), "device-1")

    for stranger in (sibling, other):
        assert blocks.ask(fleet.connect(stranger), blocks.request(notice.stream_id, 0, 512)).code == 404


def test_a_job_by_https_has_no_stream(fleet: Fleet, large_url: str) -> None:
    """Only what is offered by MQTT can be read by MQTT: a stream's number is no secret."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)
    client.say_version(notice.version)
    fleet.job(fleet.package("3.0.0", FirmwareUrl=large_url), [device])
    client.offer()

    for number in range(notice.stream_id, notice.stream_id + 3):
        assert blocks.ask(client, blocks.request(number, 0, 512)).code == 404


@pytest.mark.rule("CancelOTATaskByDevice")
def test_a_task_that_is_cancelled_ends_its_stream(fleet: Fleet, large_url: str) -> None:
    """device-plane §2.11: at once, in the middle of the file."""
    device = fleet.device()
    client = fleet.connect(device)
    firmware = fleet.package(FirmwareUrl=large_url)
    fleet.job(firmware, [device], DownloadProtocol="MQTT")
    notice = blocks.wait_for_stream(client)
    assert blocks.ask(client, blocks.request(notice.stream_id, 512, 512)).code == 200

    fleet.api.call("CancelOTATaskByDevice", FirmwareId=firmware, ProductKey=fleet.product, DeviceName=[device.name])

    assert blocks.ask(client, blocks.request(notice.stream_id, 1_024, 512)).code == 404


def test_a_task_that_has_succeeded_ends_its_stream(fleet: Fleet, large_url: str) -> None:
    """A download from the beginning is looked up each time."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)
    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 512)).code == 200

    client.say_version(notice.version)

    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 512)).code == 404


def test_a_task_that_waits_for_confirmation_has_no_stream_yet(fleet: Fleet, large_url: str) -> None:
    """control-plane §6.7 (NeedConfirm)."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)
    client.say_version(notice.version)
    fleet.job(fleet.package("3.0.0", FirmwareUrl=large_url), [device], DownloadProtocol="MQTT", NeedConfirm=True)

    for number in range(notice.stream_id, notice.stream_id + 3):
        assert blocks.ask(client, blocks.request(number, 0, 512)).code == 404


def test_what_cannot_be_read_is_dropped_and_the_device_stays(fleet: Fleet, large_url: str) -> None:
    """device-plane §7 (9)."""
    device = fleet.device()
    _, client, notice = offered(fleet, device, large_url)
    topic = f"/sys/{client.own}/thing/file/download"

    for payload in (b"", b"\xff", b"[]", b"{", b'{"id":1,"params":[]}', b'{"id":1,"params":{"fileInfo":7}}'):
        client.say(topic, payload)

    assert blocks.ask(client, blocks.request(notice.stream_id, 0, 256)).content == CONTENT[:256]


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
@pytest.mark.rule("CreateOTAVerifyJob")
@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_mqtt_is_for_one_file_of_at_most_16_megabytes(fleet: Fleet) -> None:
    """control-plane §5.7, §6.7."""
    device = fleet.device()
    files = [{"Url": fleet.api.upload(name.encode()), "Name": name} for name in ("app", "boot")]
    several = fleet.package("2.0.0", MultiFiles=files)
    large = fleet.package("3.0.0", FirmwareUrl=fleet.api.upload(bytes(16 * 1024 * 1024 + 1)))
    just = fleet.package("4.0.0", FirmwareUrl=fleet.api.upload(bytes(16 * 1024 * 1024)))
    common: dict[str, Any] = {"ProductKey": fleet.product, "DownloadProtocol": "MQTT"}

    for firmware in (several, large):
        assert fleet.refused_job(firmware, [device], DownloadProtocol="MQTT") == "iot.common.InvalidFormattedParameter"
        dynamic = {"FirmwareId": firmware, "SrcVersion": ["1.0.0"], **common}
        assert fleet.api.refusal("CreateOTADynamicUpgradeJob", **dynamic) == "iot.common.InvalidFormattedParameter"
    unverified = fleet.package("5.0.0", MultiFiles=files, NeedToVerify=True)
    verify = {"FirmwareId": unverified, "TargetDeviceName": [device.name], **common}
    assert fleet.api.refusal("CreateOTAVerifyJob", **verify) == "iot.common.InvalidFormattedParameter"
    assert fleet.job(just, [device], DownloadProtocol="MQTT")


async def test_the_simulated_fleet_downloads_over_mqtt(fleet: Fleet, large_url: str, tmp_path: Path) -> None:
    """Resumed once in the middle, on the same connection."""
    devices = [await asyncio.to_thread(fleet.api.register, fleet.product, f"device-{number}") for number in (1, 2)]
    identities = [DeviceIdentity(device.product_key, device.name, device.secret) for device in devices]
    behaviour = Behaviour(break_download=1, download_dir=tmp_path)
    async with SimulatedFleet(identities, *fleet.server.mqtt, behaviour) as simulated:
        await simulated.wait_until(lambda tally: tally.reports == len(devices))
        package = await asyncio.to_thread(fleet.package, FirmwareUrl=large_url)
        job = await asyncio.to_thread(fleet.job, package, DownloadProtocol="MQTT")
        await simulated.wait_until(lambda tally: tally.updates == len(devices))
        wanted = {device.name: "SUCCEEDED" for device in devices}
        await asyncio.to_thread(fleet.api.wait_for_states, job, wanted)
        assert (simulated.tally.resumes, simulated.tally.violations) == (2, 0)
    for device in devices:
        assert (tmp_path / f"{device.name}-2.0.0-0.bin").read_bytes() == CONTENT

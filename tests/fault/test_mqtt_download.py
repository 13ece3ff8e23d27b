"""A server that is killed in the middle of a download over MQTT: the device goes on where it was."""

import random
from pathlib import Path

import pytest

from tests.support import blocks
from tests.support.api import root
from tests.support.device import CDevice
from tests.support.server import Server

pytestmark = pytest.mark.fault

CONTENT = random.Random(9).randbytes(300_000)


def test_a_download_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        application = root(server.http)
        product = application.create_product("blocks")
        device = application.register(product, "device-1")
        firmware = application.create_package(product, CONTENT, "2.0.0", NeedToVerify=False)
        with CDevice(server.mqtt, device) as client:
            client.report_version("1.0.0", stored=True)
            job = application.create_job(firmware, product, [device.name], DownloadProtocol="MQTT")
            notice = blocks.wait_for_stream(client)
            client.report_progress(0)
            begun = blocks.download(client, notice, up_to=100_000)
            client.report_version("1.0.0", stored=True)  # the progress before it is stored as well

            server.kill()
            server.start()

        with CDevice(server.mqtt, device) as client:
            assert blocks.download(client, notice, begun=begun) == CONTENT
            client.report_progress(100)
            client.report_version("2.0.0", stored=True)
            assert blocks.ask(client, blocks.request(notice.stream_id, 0, 512)).code == 404
        assert application.states(job) == {device.name: "SUCCEEDED"}

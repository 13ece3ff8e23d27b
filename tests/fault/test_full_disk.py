"""A server whose disk is full says yes to nothing that is not stored, and goes on by itself once there is room."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.fault.support import register_until_refused, report_until_unheard
from tests.support.api import root, send_form
from tests.support.disks import LimitedFiles, SmallDisk
from tests.support.updating import Scene, fleet_size

pytestmark = pytest.mark.fault

DEVICES: Final = fleet_size(60)
_MORE_THAN_FITS: Final = bytes(2 * 1024 * 1024)


@pytest.mark.parametrize("kind", [SmallDisk, LimitedFiles])
async def test_every_task_ends_right_though_the_disk_was_full(
    tmp_path: Path, kind: type[SmallDisk | LimitedFiles]
) -> None:
    with kind(tmp_path / "server", {"SKYFERRY_PUSH_BACKOFF_SECONDS": "0"}) as server:
        scene = await asyncio.to_thread(Scene, server, DEVICES)
        api = root(server.http)
        other = api.create_product("full")
        witness = api.register(other, "witness")
        async with scene.fleet(server.mqtt) as fleet:
            await asyncio.to_thread(scene.wait_for_ended, 0.15)
            ticket = api.call("GenerateOTAUploadURL")["Data"]
            with server.full_disk():
                registered, refusal = await asyncio.to_thread(register_until_refused, api, other)
                upload = await asyncio.to_thread(send_form, ticket, _MORE_THAN_FITS)
                acknowledged = await asyncio.to_thread(report_until_unheard, server.mqtt, witness)
                await asyncio.sleep(1)  # the fleet goes on meanwhile
            await asyncio.to_thread(scene.wait_for_ended, 1)
            await asyncio.to_thread(scene.check, fleet)

        assert (upload.status_code, "<Code>InternalError</Code>" in upload.text) == (500, True), upload.text
        assert "no room left" in upload.text
        assert refusal == "InternalError"
        assert (
            api.refusal(
                "CreateOTAFirmware",
                FirmwareName="full",
                DestVersion="1",
                ProductKey=other,
                FirmwareUrl=ticket["FirmwareUrl"],
            )
            == "iot.firmware.InvalidFirmwareUrl"
        )
        assert api.call("QueryProduct", ProductKey=other)["Data"]["DeviceCount"] == 1 + registered
        assert api.version(witness) == acknowledged
        assert api.upload(_MORE_THAN_FITS)

"""Lists of device names that are uploaded: GenerateDeviceNameListURL (control-plane reference §3.2)."""

import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.scenario.support import Fleet
from tests.support.api import BusinessError, root
from tests.support.server import Server

MOST_BYTES = 5 * 1024 * 1024


def ticket_of(fleet: Fleet) -> dict[str, Any]:
    ticket: dict[str, Any] = fleet.api.call("GenerateDeviceNameListURL")["Data"]
    return ticket


def post(ticket: dict[str, Any], content: bytes, key_id_field: str = "AccessKeyId") -> requests.Response:
    """The form as the vendor's sample sends it."""
    fields = {
        "key": ticket["Key"],
        "policy": ticket["Policy"],
        key_id_field: ticket["AccessKeyId"],
        "Signature": ticket["Signature"],
        "success_action_status": "200",
    }
    return requests.post(ticket["Host"], data=fields, files={"file": content}, timeout=60)


@pytest.mark.rule("GenerateDeviceNameListURL")
def test_a_ticket_for_a_list_has_its_own_names(fleet: Fleet) -> None:
    """§3.2: `AccessKeyId` and `FileUrl` where the ticket for a package says `OSSAccessKeyId` and `FirmwareUrl`."""
    ticket = ticket_of(fleet)

    assert set(ticket) == {
        "Key",
        "Host",
        "Policy",
        "AccessKeyId",
        "Signature",
        "ObjectStorage",
        "FileUrl",
        "UtcCreate",
    }
    assert re.fullmatch(r"ota/[0-9a-f]{32}/[a-z0-9]{25}\.csv", ticket["Key"])
    assert ticket["FileUrl"] == f"{ticket['Host']}/{ticket['Key']}"
    assert ticket["ObjectStorage"] == "OSS"


@pytest.mark.rule("GenerateDeviceNameListURL")
@pytest.mark.parametrize("field", ["AccessKeyId", "OSSAccessKeyId"])
def test_the_form_may_name_the_key_in_both_ways(fleet: Fleet, field: str) -> None:
    """§3.2: the vendor's sample posts another name than its storage takes."""
    assert post(ticket_of(fleet), b"device-1\ndevice-2\n", field).status_code == 200


@pytest.mark.rule("GenerateDeviceNameListURL")
def test_a_list_has_at_most_five_mebibytes(fleet: Fleet) -> None:
    """§3.2."""
    assert post(ticket_of(fleet), b"x" * MOST_BYTES).status_code == 200

    answer = post(ticket_of(fleet), b"x" * (MOST_BYTES + 1))

    assert answer.status_code == 400
    assert "<Code>EntityTooLarge</Code>" in answer.text


@pytest.mark.rule("GenerateDeviceNameListURL")
def test_the_limit_of_a_list_is_a_setting(tmp_path: Path) -> None:
    """§3.2; `list_most_bytes`."""
    with Server(tmp_path, {"SKYFERRY_LIST_MOST_BYTES": "10"}) as server:
        application = root(server.http)
        assert post(application.call("GenerateDeviceNameListURL")["Data"], b"x" * 10).status_code == 200
        assert post(application.call("GenerateDeviceNameListURL")["Data"], b"x" * 11).status_code == 400
        assert application.upload(b"x" * 11)


@pytest.mark.rule("GenerateDeviceNameListURL", "CreateOTAFirmware")
def test_a_list_is_no_package(fleet: Fleet) -> None:
    """§4.1 (FirmwareUrl): the sentence says what the URL is."""
    url = fleet.api.upload_list(b"device-1\n")

    with pytest.raises(BusinessError) as caught:
        fleet.package(FirmwareUrl=url)

    assert caught.value.code == "iot.firmware.InvalidFirmwareUrl"
    assert "GenerateDeviceNameListURL" in caught.value.answer["ErrorMessage"]

"""A server that dies in an upload keeps every file it acknowledged and nothing of the one it did not."""

import random
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.support.api import root
from tests.support.server import Server

pytestmark = pytest.mark.fault

CONTENT: Final = random.Random(4).randbytes(8 * 1024 * 1024)
_BOUNDARY: Final = "boundary-of-the-test"


def form(ticket: Mapping[str, Any], content: bytes) -> bytes:
    """The vendor's upload form as a request, whose file part has no filename (gateway reference §5.3)."""
    names = {"key": "Key", "policy": "Policy", "OSSAccessKeyId": "OSSAccessKeyId", "signature": "Signature"}
    fields = {name: ticket[key] for name, key in names.items()} | {"success_action_status": "200"}
    head = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={_BOUNDARY}\r\n"
    return f"{request}Content-Length: {len(body)}\r\n\r\n".encode() + body


def path_of(ticket: Mapping[str, Any]) -> str:
    return str(ticket["Host"]).partition("://")[2].partition("/")[2]


def files(server: Server) -> set[Path]:
    """Package files, whole or not."""
    return {path for path in (server.data / "objects").rglob("*") if path.is_file()}


def test_kill_in_an_upload_leaves_nothing_behind(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_upload")
    ticket = application.call("GenerateOTAUploadURL")["Data"]
    request = form(ticket, CONTENT).replace(b"POST / ", f"POST /{path_of(ticket)} ".encode(), 1)

    with socket.create_connection(server.http) as connection:
        connection.sendall(request[: len(request) // 2])
        server.kill()
    server.start()

    refused = root(server.http).refusal(
        "CreateOTAFirmware",
        FirmwareName="killed",
        DestVersion="1",
        ProductKey=product,
        FirmwareUrl=ticket["FirmwareUrl"],
    )
    assert refused == "iot.firmware.InvalidFirmwareUrl"
    assert files(server) == set()


def test_kill_after_the_answer_loses_no_file(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("kept_upload")
    url = application.upload(CONTENT)
    server.kill()
    server.start()

    application = root(server.http)
    firmware = application.call(
        "CreateOTAFirmware", FirmwareName="kept", DestVersion="1", ProductKey=product, FirmwareUrl=url
    )["Data"]["FirmwareId"]
    info = application.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]

    assert requests.get(info["FirmwareUrl"], timeout=60).content == CONTENT
    assert len(files(server)) == 1

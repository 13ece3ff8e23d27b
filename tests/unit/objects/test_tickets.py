import base64
import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest

from skyferry.errors import ApiError
from skyferry.objects.tickets import firmware_suffix, sign_policy
from tests.unit.objects.serving import NOW_MS, PREFIX, serving


@pytest.mark.parametrize("suffix", ["bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip"])
def test_documented_suffixes(suffix: str) -> None:
    assert firmware_suffix(suffix) == suffix


@pytest.mark.parametrize("given", [None, ""])
def test_default_suffix(given: str | None) -> None:
    assert firmware_suffix(given) == "bin"


@pytest.mark.parametrize("given", ["exe", ".bin", "BIN", "bin ", "../bin", "csv"])
def test_other_suffixes_are_refused(given: str) -> None:
    with pytest.raises(ApiError) as caught:
        firmware_suffix(given)
    assert caught.value.kind.code == "iot.firmware.InvalidGenerateOTAUploadURLParam"


async def test_ticket_is_what_the_reference_shows(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        ticket = await server.ticket("tar.gz")
        assert re.fullmatch(rf"ota/{PREFIX}/[a-z0-9]{{25}}\.tar\.gz", ticket.key)
        assert ticket.host == "http://files.test/objects"
        assert ticket.url == f"{ticket.host}/{ticket.key}"
        assert ticket.access_key_id == "ossid"
        assert ticket.created_ms == NOW_MS
        assert base64.b64decode(ticket.policy).decode() == (
            '{"expiration":"2019-11-04T06:23:30.000Z","conditions":'
            f'[["content-length-range",0,1048576000],["eq","$key","{ticket.key}"]]}}'
        )
        expected = hmac.new(b"osssecret", ticket.policy.encode(), hashlib.sha1).digest()
        assert base64.b64decode(ticket.signature) == expected


async def test_ticket_with_milliseconds_and_another_limit(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        server.clock.now += 7
        ticket = await server.ticket("csv", most_bytes=5 << 20)
        policy = json.loads(base64.b64decode(ticket.policy))
        assert policy["expiration"] == "2019-11-04T06:23:30.007Z"
        assert policy["conditions"][0] == ["content-length-range", 0, 5 << 20]
        assert ticket.key.endswith(".csv")


async def test_tickets_have_keys_of_their_own(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert len({(await server.ticket()).key for _ in range(20)}) == 20
        assert (await server.ticket(instance_id=2)).key.startswith(f"ota/{'0' * 32}/")


def test_signature_of_the_recorded_policy() -> None:
    policy = (
        "eyJleHBpcmF0aW9uIjoiMjAxOS0xMS0wNFQwNjoyMjo1NC42MDdaIiwiY29uZGl0aW9ucyI6W1siY29udGVudC1sZW5ndGgtcmFuZ2UiLDAs"
        "MTA0ODU3NjAwMF0sWyJlcSIsIiRrZXkiLCJvdGEvNjVkZmNkYTA0NzNiZTI5ODM2ZGZkZTU4NTQ3MmFhYWEvY2sybmZ6bGpvMDAwMjNnN2t5"
        "c2cwYWFhYS5iaW4iXV19"
    )
    assert sign_policy("osssecret", policy) == "lmfDKXSy3yrq5zcFJr/WZ+d8CUU="

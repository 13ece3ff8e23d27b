"""Signed forms, and what every refusal has in common."""

import base64
import json

from skyferry.objects.limits import ObjectLimits
from skyferry.objects.tickets import sign_policy
from tests.unit.objects.serving import PREFIX, ObjectServer, Reply, form

KEY = f"ota/{PREFIX}/{'a' * 25}.bin"
LIMITS = ObjectLimits(most_file_bytes=1_000, block_bytes=64, most_form_bytes=20_000, most_body_bytes=50_000)


def signed(conditions: list[object], *, key: str = KEY, secret: str = "osssecret") -> dict[str, str]:
    document = {"expiration": "2019-11-04T06:23:00.000Z", "conditions": conditions}
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    return {"key": key, "OSSAccessKeyId": "ossid", "policy": policy, "Signature": sign_policy(secret, policy)}


def body_of(fields: dict[str, str], content: bytes = b"abc") -> bytes:
    return form(list(fields.items()), content)


async def assert_nothing_is_left(server: ObjectServer) -> None:
    assert server.files() == []
    assert await server.rows() == 0


def assert_is_error(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code), reply
    assert reply.header("Content-Type") == "application/xml"
    assert reply.header("Content-Length") == str(len(reply.body))
    request_id = reply.element("RequestId") or ""
    assert len(request_id) == 24
    assert int(request_id, 16) >= 0
    assert reply.header("x-oss-request-id") == request_id
    assert reply.element("HostId") == "files.test"
    assert reply.element("Message")

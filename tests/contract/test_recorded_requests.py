"""Requests that real clients sent, byte for byte, and today's official client against the gateway.

The recordings are of 2026-11-23 (`fixtures/gateway-vectors.json`): the clock stands at the moment of each.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException, ServerException, ThrottlingException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from skyferry import error_codes
from skyferry.errors import ApiError
from skyferry.keys import KeyRing
from skyferry.ram.policies import Effect, Statement
from skyferry.ram.principal import Principal
from skyferry.ram.tokens import SecurityTokens, Session
from skyferry.rpc import signature_v1, signature_v3
from skyferry.rpc.call import Call
from skyferry.rpc.operation import Access, Empty, Operation, RequestModel, ResponseModel, operation
from tests.unit.rpc.support import (
    DEFAULT_INSTANCE,
    KEY,
    NOW_MS,
    OTHER_INSTANCE,
    SECRET,
    FrozenClock,
    Recorder,
    Reply,
    Server,
    principal,
    role,
    serving,
)

VECTORS: Final[list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "fixtures" / "gateway-vectors.json").read_text("utf-8")
)


class CancelRequest(RequestModel):
    firmware_id: str
    product_key: str | None = None
    job_id: str | None = None
    device_name: list[str]
    iot_instance_id: str | None = None


class ListRequest(RequestModel):
    product_key: str | None = None
    dest_version: str | None = None
    current_page: str
    page_size: str


class FileRequest(RequestModel):
    name: str
    sign_value: str
    size: str
    url: str


class CreateRequest(RequestModel):
    firmware_name: str
    dest_version: str
    product_key: str
    sign_method: str
    type: str
    need_to_verify: str
    module_name: str
    firmware_sign: str | None = None
    firmware_size: str | None = None
    firmware_url: str | None = None
    multi_files: list[FileRequest] | None = None


class ParamRequest(RequestModel):
    param_name: str
    param_value: str | None = None
    list_param_value: list[str] | None = None


class InvokeRequest(RequestModel):
    api_srn: str
    param: list[ParamRequest]
    iot_instance_id: str | None = None


class SimpleFirmwareInfo(ResponseModel):
    firmware_id: str
    firmware_name: str
    firmware_size: int
    status: int


class FirmwareInfo(ResponseModel):
    simple_firmware_info: list[SimpleFirmwareInfo]


class ListResponse(ResponseModel):
    total: int
    current_page: int
    firmware_info: FirmwareInfo


def recording(name: str, model: type[RequestModel]) -> Operation[Recorder]:
    """An operation that remembers its request and answers what the test prepared."""

    async def handle(call: Call[Recorder], request: RequestModel) -> ResponseModel:
        """Remember the request."""
        call.services.calls.append((call, request))
        if call.services.failure is not None:
            raise call.services.failure
        return call.services.answer

    handle.__annotations__ |= {"request": model}
    return operation(name, qps=1_000, access=Access.READ)(handle)


OPERATIONS: Final = [
    recording("CancelOTATaskByDevice", CancelRequest),
    recording("ListOTAFirmware", ListRequest),
    recording("CreateOTAFirmware", CreateRequest),
    recording("InvokeDataAPIService", InvokeRequest),
]


class RecordedTokens(SecurityTokens):
    """Knows the token of the recordings, which is none of a server."""

    secret = SECRET

    def open(self, token: str) -> Session:
        assert token == "CAIS+token/with=chars=="
        return Session("recorded", "session", KEY, self.secret, NOW_MS + 3_600_000, None)


@pytest.fixture
def tokens() -> RecordedTokens:
    return RecordedTokens(KeyRing(bytes(32)))


@pytest_asyncio.fixture
async def server(tokens: RecordedTokens) -> AsyncIterator[Server]:
    async with serving(OPERATIONS, tokens=tokens) as started:
        started.roles["recorded"] = role(Statement(Effect.ALLOW, ("iot:*",), ("*",)))
        yield started


def recorded_ms(vector: dict[str, Any]) -> int:
    """When a request was signed."""
    headers = {name.lower(): value for name, value in vector["headers"]}
    text = headers.get("x-acs-date") or vector["target"].partition("Timestamp=")[2].partition("&")[0]
    return int(datetime.fromisoformat(text.replace("%3A", ":")).timestamp()) * 1_000


async def replay(server: Server, vector: dict[str, Any], **changes: str) -> Reply:
    """Sends a recorded request as it was, `changes` excepted."""
    server.clock.ms = recorded_ms(vector)
    request = vector | changes
    lines = "".join(f"{name}: {value}\r\n" for name, value in request["headers"])
    head = f"{request['method']} {request['target']} HTTP/1.1\r\n{lines}\r\n"
    return await server.send((head + (request["body"] or "")).encode())


def name_of(vector: dict[str, Any]) -> str:
    return str(vector["id"])


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
async def test_replayed(server: Server, vector: dict[str, Any]) -> None:
    for name in ("iot-1", "iot-0xabc"):
        for caller in (server.principals[KEY], server.roles["recorded"]):
            caller.instances[name] = OTHER_INSTANCE
    reply = await replay(server, vector)
    assert reply.status == 200, reply.body
    assert b"true" in reply.body
    [(call, request)] = server.recorder.calls
    assert request.model_dump(by_alias=True, exclude_none=True, exclude={"iot_instance_id"}) == {
        name: value for name, value in vector["business_params"].items() if name != "IotInstanceId"
    }
    assert call.instance is (OTHER_INSTANCE if "IotInstanceId" in vector["business_params"] else DEFAULT_INSTANCE)
    is_xml = "format-" in vector["id"]
    assert reply.headers["Content-Type"] == f"{'text/xml' if is_xml else 'application/json'};charset=utf-8"
    assert (await replay(server, vector)).status == 400
    assert len(server.recorder.calls) == 1


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
async def test_replayed_with_another_value(server: Server, vector: dict[str, Any]) -> None:
    name = next(name for name, value in vector["business_params"].items() if isinstance(value, str))
    field = "target" if f"{name}=" in vector["target"] else "body"
    changed = re.sub(rf"(?<={name}=)[^&]*", lambda found: "_" * len(found[0]), vector[field], count=1)
    reply = await replay(server, vector, **{field: changed})
    assert reply.status == 400
    assert b"SignatureDoesNotMatch" in reply.body
    assert server.recorder.calls == []


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
async def test_the_text_to_sign_is_the_clients(server: Server, tokens: RecordedTokens, vector: dict[str, Any]) -> None:
    """With a wrong secret on our side the answer quotes our texts: they must be what the client signed."""
    known = server.principals[KEY]
    server.principals[KEY] = Principal(**{**_fields(known), "secret": "wrong"})
    tokens.secret = "wrong"
    reply = await replay(server, vector)
    message = reply.body.decode() if b"<?xml" in reply.body else reply.json["Message"]
    if vector["signature_version"] == "V1":
        expected = f"server string to sign is:{vector['string_to_sign']}"
        assert expected in message.replace("&amp;", "&")
        assert signature_v1.sign(vector["string_to_sign"], SECRET) == vector["signature"]
    else:
        assert message.endswith(f"server CanonicalRequest is [{vector['canonical_request']}]")
        text = signature_v3.string_to_sign(vector["canonical_request"])
        assert signature_v3.sign(text, SECRET) == vector["signature"]


def _fields(principal: Principal) -> dict[str, Any]:
    return {name: getattr(principal, name) for name in Principal.__dataclass_fields__}


Cancel = Callable[[], Coroutine[Any, Any, models.CancelOTATaskByDeviceResponse]]


class TestOfficialClient:
    """`alibabacloud_iot20180120` 5.1.0, which signs with V3, with the machine's clock."""

    @pytest_asyncio.fixture
    async def client(self, server: Server) -> Client:
        server.clock.ms = int(datetime.now().astimezone().timestamp() * 1_000)
        return Client(Config(access_key_id=KEY, access_key_secret=SECRET, endpoint=server.host, protocol="HTTP"))

    @pytest.fixture
    def cancel(self, client: Client) -> Cancel:
        names = [f"设备 {number}+a*~(x)'!" for number in range(200)]
        request = models.CancelOTATaskByDeviceRequest(firmware_id="fw", product_key="pk", device_name=names)
        return lambda: client.cancel_otatask_by_device_with_options_async(request, RuntimeOptions())

    async def test_success(self, server: Server, cancel: Cancel) -> None:
        server.recorder.answer = Empty()
        response = await cancel()
        assert (response.status_code, response.body.success, response.body.code) == (200, True, None)
        assert response.body.request_id == response.headers["x-acs-request-id"]
        [(_, request)] = server.recorder.calls
        assert isinstance(request, CancelRequest)
        assert request.device_name[199] == "设备 199+a*~(x)'!"

    async def test_typed_lists(self, server: Server, client: Client) -> None:
        info = SimpleFirmwareInfo(firmware_id="f", firmware_name="固件", firmware_size=924, status=-1)
        server.recorder.answer = ListResponse(
            total=1, current_page=1, firmware_info=FirmwareInfo(simple_firmware_info=[info])
        )
        request = models.ListOTAFirmwareRequest(current_page=1, page_size=10)
        response = await client.list_otafirmware_with_options_async(request, RuntimeOptions())
        [found] = response.body.firmware_info.simple_firmware_info
        assert (found.firmware_name, found.firmware_size, found.status, found.product_key) == ("固件", 924, -1, None)
        assert response.body.total == 1

    async def test_business_error(self, server: Server, cancel: Cancel) -> None:
        server.recorder.failure = ApiError(error_codes.DEVICE_UPGRADE_RECORD_NOT_FOUND)
        body = (await cancel()).body
        assert (body.success, body.code) == (False, "iot.firmware.DeviceUpgradeRecordNotFound")
        assert body.error_message == error_codes.DEVICE_UPGRADE_RECORD_NOT_FOUND.text

    async def test_gateway_error(self, server: Server, cancel: Cancel) -> None:
        server.clock.ms = NOW_MS - 10**9
        with pytest.raises(ClientException) as caught:
            await cancel()
        assert (caught.value.status_code, caught.value.code) == (400, "InvalidTimeStamp.Expired")
        assert caught.value.request_id

    async def test_server_error(self, server: Server, cancel: Cancel) -> None:
        server.recorder.failure = RuntimeError("inside")
        with pytest.raises(ServerException) as caught:
            await cancel()
        assert (caught.value.status_code, caught.value.code) == (500, "InternalError")

    async def test_denied(self, server: Server, cancel: Cancel) -> None:
        server.principals[KEY] = principal(user="alice")
        with pytest.raises(ClientException) as caught:
            await cancel()
        assert (caught.value.status_code, caught.value.code) == (403, "NoPermission")
        assert caught.value.access_denied_detail["AuthAction"] == "iot:CancelOTATaskByDevice"


async def test_throttling_of_the_official_client() -> None:
    async with serving(OPERATIONS, quotas={"ListOTAFirmware": 1}) as server:
        server.clock.ms = int(datetime.now().astimezone().timestamp() * 1_000)
        client = Client(Config(access_key_id=KEY, access_key_secret=SECRET, endpoint=server.host, protocol="HTTP"))
        request = models.ListOTAFirmwareRequest(current_page=1, page_size=10)
        await client.list_otafirmware_with_options_async(request, RuntimeOptions())
        with pytest.raises(ThrottlingException) as caught:
            await client.list_otafirmware_with_options_async(request, RuntimeOptions())
        assert (caught.value.code, caught.value.retry_after) == ("Throttling.User", 1_000)


def test_the_clock_of_the_recordings() -> None:
    assert FrozenClock().now_ms() == NOW_MS
    assert all(abs(recorded_ms(vector) - NOW_MS) < 3_600_000 for vector in VECTORS)

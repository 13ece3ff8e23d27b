"""Calls are signed, paced, tried again, and given up with a reason."""

import aiohttp
import pytest
from aiohttp import web

from skyferry.moving.client import AccessKey, ApiClient
from skyferry.moving.errors import AwayError, RefusedError
from skyferry.moving.pace import Pace
from tests.unit.moving.conftest import LIMITS
from tests.unit.moving.platform import KEY_ID, SECRET, Platform, refusal


@pytest.fixture(autouse=True)
def _echo(platform: Platform) -> None:
    platform.answers["Echo"] = lambda parameters: {"Data": dict(parameters)}


async def test_whatever_a_parameter_holds_is_signed(client: ApiClient) -> None:
    text = "a b+c&d=e/f%g~h*中文'\""
    answer = await client.call("Echo", Text=text, **{"Name.1": "first"})

    assert answer["Data"] == {"Text": text, "Name.1": "first"}


async def test_instance_and_token_go_with_every_call(platform: Platform, http: aiohttp.ClientSession) -> None:
    key = AccessKey(KEY_ID, SECRET, "token of it")
    client = ApiClient(http, f"{platform.url}/", key, Pace({}, 1), instance="iot-1", limits=LIMITS)

    assert (await client.call("Echo"))["Data"] == {"IotInstanceId": "iot-1"}
    assert platform.tokens == {"token of it"}


@pytest.mark.parametrize(
    "answer",
    [
        refusal("Throttling.User", 400),
        refusal("Throttling", 503),
        refusal("ServiceUnavailable", 503),
        refusal("InternalError", 500),
        refusal("iot.system.SystemException"),
        web.Response(status=502, text="<html>"),
        web.Response(status=429, text="slow down"),
    ],
    ids=lambda answer: str(answer.status),
)
async def test_what_passes_is_waited_for(platform: Platform, client: ApiClient, answer: web.Response) -> None:
    platform.refusals["Echo"] = [answer]

    assert (await client.call("Echo", A="1"))["Data"] == {"A": "1"}
    assert platform.calls["Echo"] == 2


async def test_being_refused_for_haste_is_borne_longer_than_a_failure(platform: Platform, client: ApiClient) -> None:
    platform.refusals["Echo"] = [refusal("Throttling.User", 400) for _ in range(5)]
    assert (await client.call("Echo"))["Data"] == {}

    platform.refusals["Echo"] = [refusal("Throttling.User", 400) for _ in range(6)]
    with pytest.raises(AwayError, match=r"Echo: .*Throttling\.User"):
        await client.call("Echo")


async def test_a_platform_that_has_answered_once_is_tried_longer(platform: Platform, client: ApiClient) -> None:
    platform.answers["Echo"] = lambda _: web.Response(text="x" * (LIMITS.most_answer_bytes + 1))
    with pytest.raises(AwayError, match="does not answer Echo"):
        await client.call("Echo")
    assert platform.calls["Echo"] == LIMITS.first_attempts

    platform.answers["Echo"] = lambda _: web.Response(status=503)
    with pytest.raises(AwayError, match="does not answer Echo"):
        await client.call("Echo")
    assert platform.calls["Echo"] == LIMITS.first_attempts + LIMITS.attempts


async def test_a_closed_port_is_a_platform_that_is_away(http: aiohttp.ClientSession, unused_tcp_port: int) -> None:
    client = ApiClient(
        http, f"http://127.0.0.1:{unused_tcp_port}", AccessKey(KEY_ID, SECRET), Pace({}, 1), limits=LIMITS
    )

    with pytest.raises(AwayError, match="Echo"):
        await client.call("Echo")


@pytest.mark.parametrize(
    ("answer", "is_final", "remedy"),
    [
        (refusal("InvalidAccessKeyId.NotFound", 404), True, "Check the access key"),
        (refusal("InvalidSecurityToken.Expired", 400), True, "temporary key"),
        (refusal("iot.Sre.IotInstanceNotFound"), True, "--instance"),
        (refusal("NoPermission", 403), False, "call Echo"),
        (refusal("Forbidden.RAM", 403), False, "call Echo"),
        (refusal("iot.prod.NotExistedProduct"), False, "again"),
        (web.Response(text="[]"), False, "again"),
    ],
    ids=["key", "token", "instance", "permission", "older permission", "product", "no object"],
)
async def test_a_refusal_says_what_to_do(
    platform: Platform, client: ApiClient, answer: web.Response, is_final: bool, remedy: str
) -> None:
    platform.refusals["Echo"] = [answer]

    with pytest.raises(RefusedError) as caught:
        await client.call("Echo")

    assert platform.calls["Echo"] == 1
    assert caught.value.is_final is is_final
    assert remedy in caught.value.remedy


async def test_a_wrong_secret_is_final(platform: Platform, http: aiohttp.ClientSession) -> None:
    client = ApiClient(http, platform.url, AccessKey(KEY_ID, "wrong"), Pace({}, 1), limits=LIMITS)

    with pytest.raises(RefusedError) as caught:
        await client.call("Echo")

    assert caught.value.is_final

"""`/healthz` and `/metrics`."""

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from skyferry import monitoring
from skyferry.devices.metrics import DROPPED
from skyferry.monitoring import Check, Health


async def works() -> None:
    return None


async def fails() -> None:
    raise ConnectionError("the secret reason")


async def get(path: str, **checks: Check) -> tuple[int, str]:
    application = web.Application()
    application.add_routes(monitoring.routes(Health(checks)))
    async with TestClient(TestServer(application)) as client, client.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_healthy_server_says_so_for_each_part() -> None:
    assert await get("/healthz", store=works, mqtt=works) == (200, '{"status": "ok", "store": "ok", "mqtt": "ok"}')


async def test_one_part_that_fails_is_named_without_its_reason() -> None:
    status, body = await get("/healthz", store=works, mqtt=fails)
    assert status == 503
    assert '"mqtt": "failed"' in body
    assert "secret" not in body


async def test_operators_are_told_what_is_wrong() -> None:
    states = await Health({"store": works, "mqtt": fails}).look()
    assert [(part.name, part.problem) for part in states] == [("store", None), ("mqtt", "the secret reason")]


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    DROPPED.labels("a_test").inc(3)
    status, body = await get("/metrics")
    assert status == 200
    assert 'skyferry_device_dropped_total{reason="a_test"} 3.0' in body

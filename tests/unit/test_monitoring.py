"""`/healthz`, `/readyz` and `/metrics`."""

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from skyferry import monitoring
from skyferry.devices.metrics import DROPPED
from skyferry.monitoring import Check, Health, Readiness


async def works() -> None:
    return None


async def fails() -> None:
    raise ConnectionError("the secret reason")


async def get(path: str, *, draining: bool = False, **checks: Check) -> tuple[int, str]:
    readiness = Readiness(checks)
    if draining:
        readiness.drain()
    application = web.Application()
    application.add_routes(monitoring.routes(Health(checks), readiness))
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


async def test_a_process_that_works_is_ready() -> None:
    assert await get("/readyz", store=works) == (200, '{"status": "ok", "store": "ok", "accepting": "ok"}')


async def test_what_keeps_a_process_from_being_ready_is_named() -> None:
    status, body = await get("/readyz", store=works, schema=fails)
    assert status == 503
    assert body == '{"status": "unavailable", "store": "ok", "schema": "failed", "accepting": "ok"}'


async def test_a_process_that_is_about_to_end_is_healthy_but_not_ready() -> None:
    assert await get("/readyz", draining=True, store=works) == (
        503,
        '{"status": "unavailable", "store": "ok", "accepting": "failed"}',
    )
    assert (await get("/healthz", draining=True, store=works))[0] == 200


async def test_metrics_are_in_the_format_of_prometheus() -> None:
    DROPPED.labels("a_test").inc(3)
    status, body = await get("/metrics")
    assert status == 200
    assert 'skyferry_device_dropped_total{reason="a_test"} 3.0' in body

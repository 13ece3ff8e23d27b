"""Who is let in, by which token; and what a poll with nothing to tell costs the database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event, update

from skyferry.ddi.assignments import Assignments
from skyferry.ddi.errors import DdiError
from skyferry.ota.states import TaskStatus
from skyferry.store.tables import products
from tests.unit.ddi.world import GATEWAY_TOKEN, ORIGIN, DdiWorld


async def status(ddi: DdiWorld, authorization: str, name: str = "device-1", origin: str = ORIGIN) -> int:
    """200, or the status with which the device is refused."""
    try:
        await ddi.authenticator.identify(ddi.address(name), authorization, origin)
    except DdiError as error:
        return error.status
    return 200


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent to any database, without the frames of transactions."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_the_device_s_own_token_and_its_product_s(ddi: DdiWorld) -> None:
    for scheme in ("TargetToken", "targettoken", "TARGETTOKEN"):
        assert await status(ddi, f"{scheme} {ddi.planted.secret}") == 200
    for name in ("device-1", "device-2"):
        assert await status(ddi, f"GatewayToken {GATEWAY_TOKEN}", name) == 200


async def test_wrong_tokens(ddi: DdiWorld) -> None:
    secret = ddi.planted.secret
    wrong = ("", "TargetToken", "TargetToken ", f"TargetToken {secret[:-1]}", f"TargetToken {GATEWAY_TOKEN}")
    others = (secret, f"GatewayToken {secret}", f"Basic {secret}", "\udcff \udcff")
    for number, authorization in enumerate((*wrong, *others)):
        assert await status(ddi, authorization, origin=f"192.0.2.{number}") == 401
    assert await status(ddi, f"TargetToken {secret}", "device-2") == 401
    assert await status(ddi, f"TargetToken {secret}", "device-9") == 401
    assert await status(ddi, f"GatewayToken {GATEWAY_TOKEN}", "device-9") == 404


async def test_guessing_is_slowed_down_for_the_one_who_guesses(ddi: DdiWorld) -> None:
    for _ in range(4):
        assert await status(ddi, "TargetToken guess") == 401
    right = f"TargetToken {ddi.planted.secret}"
    assert await status(ddi, right) == 429
    assert await status(ddi, right, origin="192.0.2.2") == 200
    ddi.clock.now += 1_000
    assert await status(ddi, right) == 200


async def test_an_idle_poll_is_one_statement(ddi: DdiWorld) -> None:
    await ddi.set_task(TaskStatus.SUCCEEDED)
    assignments = Assignments(ddi.bus, ddi.clock, ddi.authenticator, cancel_polls=3)
    token = f"TargetToken {ddi.planted.secret}"

    async def poll() -> None:
        visitor = await ddi.authenticator.identify(ddi.address(), token, ORIGIN)
        stay = await ddi.presence.came(visitor.device_id, ORIGIN)
        assert await assignments.next(ddi.address(), visitor, stay) is None

    await poll()
    ddi.taken()
    with counted() as seen:
        await poll()
    assert len(seen) == 1, seen
    assert ddi.taken() == []


async def test_polls_that_wait_together_are_looked_up_together(ddi: DdiWorld) -> None:
    token = f"GatewayToken {GATEWAY_TOKEN}"
    with counted() as seen:
        answers = await asyncio.gather(*(status(ddi, token, f"device-{1 + number % 2}") for number in range(50)))
    assert set(answers) == {200}
    assert len(seen) <= 2, seen


@pytest.mark.parametrize("scheme", ["TargetToken", "GatewayToken"])
async def test_a_product_of_the_other_protocol_lets_nobody_in(ddi: DdiWorld, scheme: str) -> None:
    def switch(tx: Connection) -> None:
        tx.execute(update(products).values(device_protocol="mqtt"))

    await ddi.store.write(switch)
    for token in (ddi.planted.secret, GATEWAY_TOKEN):
        assert await status(ddi, f"{scheme} {token}") == 401

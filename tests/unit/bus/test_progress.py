"""Waiting until workers have applied what was stored: a courtesy that must hold up nobody."""

import asyncio

from skyferry.bus.progress import Progress


async def test_who_waits_goes_on_when_the_position_is_reached() -> None:
    progress = Progress(patience_s=60)
    waiting = [asyncio.ensure_future(progress.wait_for(3, sequence)) for sequence in (7, 5, 9)]
    await asyncio.sleep(0)
    progress.applied(3, 7)
    await asyncio.gather(*waiting[:2])
    assert not waiting[2].done()
    progress.applied(2, 100)
    await asyncio.sleep(0)
    assert not waiting[2].done()
    progress.applied(3, 9)
    await waiting[2]


async def test_what_was_applied_already_is_not_waited_for() -> None:
    progress = Progress(patience_s=60)
    progress.applied(0, 10)
    progress.applied(0, 4)
    await progress.wait_for(0, 10)


async def test_while_workers_are_behind_only_the_first_waits_in_vain() -> None:
    progress = Progress(patience_s=0.01)
    await progress.wait_for(1, 5)
    patient = Progress(patience_s=60)
    patient._parts[1].gets_on = False
    await patient.wait_for(1, 5)
    patient.applied(1, 4)
    again = asyncio.ensure_future(patient.wait_for(1, 5))
    await asyncio.sleep(0)
    assert not again.done()
    patient.applied(1, 5)
    await again

"""The story of the demo: a fleet, a package, a verification, an update, a cancellation, the outcome."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from skyferry.demo.application import OPEN_STATES, STATES, Application, Package
from skyferry.demo.backstage import DemoError, ServerProcess
from skyferry.settings import Address
from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet
from skyferry.simulator.identity import DeviceIdentity

DEVICES: Final = 200
OFFLINE: Final = 20
_TEST_DEVICES: Final = 3
_PACKAGE_BYTES: Final = 5 << 20
_PER_MINUTE: Final = 1_200
_LIMIT_SECONDS: Final = 45

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cast:
    """The devices of the demo: those that stay online and those that have gone offline."""

    product_key: str
    online: Sequence[DeviceIdentity]
    offline: Sequence[DeviceIdentity]


async def tell(server: ServerProcess, console: Console) -> None:
    """Plays the demo against a started server.

    Raises:
        DemoError: something did not come out as it must.
    """
    application = Application(str(server.http), server.key.access_key_id, server.key.secret)
    console.print(f"[bold]1[/] A product with {DEVICES} devices")
    cast = await _assemble(application)
    await _show_up_and_leave(cast.offline, server.mqtt)
    behaviour = Behaviour(bytes_per_second=8 << 20, fail_flash=0.03, wrong_version=0.02, seed=7)
    steady = Behaviour(bytes_per_second=8 << 20)
    testers = cast.online[:_TEST_DEVICES]
    fleet = Fleet(
        cast.online,
        *server.mqtt,
        lambda identity: steady if identity in testers else behaviour,
    )
    async with fleet:
        await fleet.wait_until(lambda tally: tally.reports >= len(cast.online))
        console.print(f"  {len(cast.online)} are online over MQTT, {OFFLINE} have gone offline")
        await _update(application, cast, console)
        if fleet.tally.duplicate_pushes or fleet.tally.bad_messages:
            raise DemoError(f"Devices complained: {fleet.tally.complaints}")


async def _update(application: Application, cast: Cast, console: Console) -> None:
    console.print(f"[bold]2[/] A package of {_PACKAGE_BYTES >> 20} MB, uploaded with the official SDK")
    package = await _call(
        application.upload, cast.product_key, "demo-2-0-0", "2.0.0", secrets.token_bytes(_PACKAGE_BYTES)
    )
    console.print(f"[bold]3[/] Its verification on {_TEST_DEVICES} devices")
    names = [device.device_name for device in cast.online[:_TEST_DEVICES]]
    if not await _call(application.verify, package, cast.product_key, names):
        raise DemoError("The package was not verified.")
    console.print(f"[bold]4[/] The update of the fleet, at most {_PER_MINUTE} devices a minute")
    job_id = await _call(lambda: application.update_all(package, cast.product_key, maximum_per_minute=_PER_MINUTE))
    counts = await _watch(application, cast, package, job_id, console)
    _show_outcome(counts, await _call(application.job_status, job_id), job_id, console)
    expected = DEVICES - _TEST_DEVICES
    if sum(counts.values()) != expected or counts["CANCELED"] != OFFLINE or any(counts[s] for s in OPEN_STATES):
        raise DemoError(f"{expected} tasks should have ended, {OFFLINE} of them canceled.")


async def _assemble(application: Application) -> Cast:
    product_key = await _call(application.create_product, "demo_product")
    devices = await _call(application.register_devices, product_key, DEVICES)
    return Cast(product_key, devices[OFFLINE:], devices[:OFFLINE])


async def _show_up_and_leave(devices: Sequence[DeviceIdentity], mqtt: Address) -> None:
    async with Fleet(devices, *mqtt) as fleet:
        await fleet.wait_until(lambda tally: tally.reports >= len(devices))
        # A report at QoS 0 has no receipt; a moment lets the last ones arrive.
        await asyncio.sleep(0.5)


async def _watch(
    application: Application, cast: Cast, package: Package, job_id: str, console: Console
) -> dict[str, int]:
    """Shows the states of the job until it has ended; cancels the offline devices on the way."""
    total = DEVICES - _TEST_DEVICES
    counts: dict[str, int] = {}
    canceled = False
    deadline = time.monotonic() + _LIMIT_SECONDS
    with Progress(
        TextColumn("  {task.description:<12}"), BarColumn(), TextColumn("{task.completed:>4.0f}"), TimeElapsedColumn(),
        console=console,
    ) as progress:  # fmt: skip
        bars: dict[str, TaskID] = {state: progress.add_task(state, total=total) for state in STATES[1:]}
        while time.monotonic() < deadline:
            counts = {state: await _call(application.count, job_id, state) for state in STATES}
            for state, bar in bars.items():
                progress.update(bar, completed=counts[state])
            if not canceled and counts["SUCCEEDED"] >= total // 3:
                names = [device.device_name for device in cast.offline]
                await _call(application.cancel, package, cast.product_key, job_id, names)
                progress.console.print(f"[bold]5[/] CancelOTATaskByDevice for the {OFFLINE} devices that are offline")
                canceled = True
            if canceled and not any(counts[state] for state in OPEN_STATES):
                return counts
            # Seven counts a second stay below the ten calls a second that the operation allows.
            await asyncio.sleep(1)
    raise DemoError(f"The job did not end in {_LIMIT_SECONDS} seconds: {counts}")


def _show_outcome(counts: dict[str, int], status: str, job_id: str, console: Console) -> None:
    table = Table(title=f"Job {job_id}: {status}")
    table.add_column("state")
    table.add_column("devices", justify="right")
    for state in STATES:
        if counts[state]:
            table.add_row(state, str(counts[state]))
    console.print(table)


async def _call(work: Callable[..., T], *arguments: Any) -> T:
    """The SDK waits for each answer, so it gets a thread; the fleet goes on meanwhile."""
    return await asyncio.to_thread(work, *arguments)

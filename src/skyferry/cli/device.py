"""`skyferry device`: devices that are not real, and what real ones log in with."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
import uvloop
from rich.console import Console
from rich.live import Live
from rich.text import Text

from skyferry.cli import device_credentials
from skyferry.simulator.behaviour import Behaviour, Pull
from skyferry.simulator.devices_file import DevicesFileError, read_devices
from skyferry.simulator.identity import ConnectStyle, DeviceIdentity
from skyferry.simulator.tally import DeviceState, Tally

if TYPE_CHECKING:
    from skyferry.simulator.fleet import Fleet

app = typer.Typer(help="Simulated devices, and what real ones log in with.", no_args_is_help=True)
app.command("reset")(device_credentials.reset)
app.command("reset-secret")(device_credentials.reset_secret)

_FAILURES = ("upgrade", "download", "verify", "flash")
_USAGE_ERROR = 2
_REFRESH_SECONDS = 0.25
_MAX_PORT = 65_535


@app.callback()
def device() -> None:
    """Simulated devices, and what real ones log in with."""


@app.command()
def simulate(
    *,
    mqtt: Annotated[str, typer.Option(metavar="HOST:PORT", help="The server's MQTT endpoint.")],
    devices: Annotated[
        Path,
        typer.Option(metavar="FILE", help="CSV with the header product_key,device_name,device_secret, or JSON lines."),
    ],
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0, help="Stop after so long; otherwise at Ctrl-C.")
    ] = None,
    version: Annotated[str, typer.Option(help="The version that the devices begin with.")] = "1.0.0",
    module: Annotated[
        str | None, typer.Option(help="The module that they report; the default module if absent.")
    ] = None,
    progress_steps: Annotated[int, typer.Option(help="Progress reports for each file; 0 reports none.")] = 4,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=P", help="Fail with probability P at upgrade, download, verify or flash; repeatable."
        ),
    ] = None,
    wrong_version: Annotated[float, typer.Option(metavar="P", help="Come back with a wrong version.")] = 0,
    ignore: Annotated[float, typer.Option(metavar="P", help="Never answer a push.")] = 0,
    vanish: Annotated[float, typer.Option(metavar="P", help="Go offline in the download and stay offline.")] = 0,
    power_cut: Annotated[float, typer.Option(metavar="P", help="Restart in the download with the old version.")] = 0,
    break_download: Annotated[float, typer.Option(metavar="P", help="Lose the download half way and resume it.")] = 0,
    install: Annotated[float, typer.Option(metavar="SECONDS", help="How long an installation takes.")] = 1,
    rate: Annotated[float | None, typer.Option(metavar="BYTES/S", help="The speed of each device's link.")] = None,
    spread: Annotated[float, typer.Option(metavar="SECONDS", help="Start the devices within so long.")] = 0,
    reconnect: Annotated[float, typer.Option(metavar="SECONDS", help="Time offline at a restart.")] = 1,
    subscribe: Annotated[bool, typer.Option("--subscribe", help="Send SUBSCRIBE instead of _ss=1.")] = False,
    pull: Annotated[Pull, typer.Option(help="Ask for a package after each version report.")] = Pull.NEVER,
    strict_http: Annotated[
        bool, typer.Option("--strict-http", help="Read HTTP with the limits of the C SDKs.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives every device the same fate.")] = 0,
) -> None:
    """Run a fleet that connects, reports, downloads and updates like real devices."""
    console = Console(stderr=True)
    try:
        chances = _failures(fail or [])
        behaviour = Behaviour(
            initial_version=version,
            module=module,
            report_progress=progress_steps > 0,
            progress_steps=max(progress_steps, 1),
            fail_upgrade=chances["upgrade"],
            fail_download=chances["download"],
            fail_verify=chances["verify"],
            fail_flash=chances["flash"],
            wrong_version=wrong_version,
            ignore=ignore,
            vanish=vanish,
            power_cut=power_cut,
            break_download=break_download,
            install_seconds=install,
            bytes_per_second=rate,
            start_spread_seconds=spread,
            reconnect_seconds=reconnect,
            subscribe=subscribe,
            pull=pull,
            strict_http=strict_http,
            connect=ConnectStyle(expects_system_topics=not subscribe),
            seed=seed,
        )
        host, port = _address(mqtt)
        fleet = _fleet(read_devices(devices), host, port, behaviour)
    except (DevicesFileError, ValueError) as error:
        _refuse(console, str(error))
    uvloop.run(_run(fleet, seconds, Console()))


def _refuse(console: Console, sentence: str) -> NoReturn:
    console.print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(_USAGE_ERROR)


def _fleet(identities: list[DeviceIdentity], host: str, port: int, behaviour: Behaviour) -> "Fleet":
    try:
        from skyferry.simulator.fleet import Fleet  # noqa: PLC0415 - its MQTT client is an optional dependency
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed: pip install 'skyferry[simulator]'.") from None
    return Fleet(identities, host, port, behaviour)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(f"--mqtt takes HOST:PORT, not {text!r}.")
    return host.strip("[]"), int(port)


def _failures(options: list[str]) -> dict[str, float]:
    chances = dict.fromkeys(_FAILURES, 0.0)
    for option in options:
        kind, _, chance = option.partition("=")
        if kind not in _FAILURES:
            raise ValueError(f"--fail takes {', '.join(_FAILURES)}, not {kind!r}.")
        try:
            chances[kind] = float(chance)
        except ValueError:
            raise ValueError(f"--fail {kind} takes a probability, such as {kind}=0.1, not {chance!r}.") from None
    return chances


async def _run(fleet: "Fleet", seconds: float | None, console: Console) -> None:
    """Runs the fleet until the time is up or a signal comes."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with fleet:
        with Live(console=console, auto_refresh=False) as live, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not stopped.is_set():
                    live.update(_status(fleet.tally), refresh=True)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stopped.wait(), _REFRESH_SECONDS)
        console.print(_status(fleet.tally))
        for complaint in fleet.tally.complaints:
            console.print(complaint, style="yellow", markup=False, highlight=False)


def _status(tally: Tally) -> Text:
    """One line: who is online, who updates, which versions, what failed."""
    total = tally.states.total()
    parts = [f"{tally.online}/{total} online", f"{tally.states[DeviceState.UPDATING]} updating"]
    parts += [f"{version}: {count}" for version, count in sorted(tally.versions.items()) if count]
    failures = tally.failures.total() + tally.wrong_versions
    parts += [f"{tally.updates} updated", f"{failures} failed"]
    parts += [f"refused with {code}: {count}" for code, count in sorted(tally.refusals.items())]
    optional = (
        (tally.states[DeviceState.GONE], "gone"),
        (tally.unreachable, "unreachable"),
        (tally.violations, "violations"),
    )
    parts += [f"{count} {name}" for count, name in optional if count]
    return Text("  ".join(parts))

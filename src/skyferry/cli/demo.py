"""`skyferry demo`: the main job in under a minute."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console


def demo(
    keep: Annotated[bool, typer.Option(help="Leave the server running, with its data in ./demo-data.")] = False,
) -> None:
    """Start a server, update 200 simulated devices with the official SDK, cancel 20 of them, show the outcome."""
    try:
        # The vendor's SDK is an extra: `pip install skyferry[demo,simulator]`.
        from skyferry.demo.backstage import DemoError  # noqa: PLC0415
        from skyferry.demo.story import tell  # noqa: F401, PLC0415 - only to know that it is there
    except ModuleNotFoundError as error:
        typer.echo(f"{error.name} is missing: install skyferry with its extras demo and simulator.", err=True)
        raise typer.Exit(2) from None
    console = Console()
    try:
        if keep:
            uvloop.run(_play(Path("demo-data"), console, keep=True))
        else:
            with tempfile.TemporaryDirectory(prefix="skyferry-demo-") as directory:
                uvloop.run(_play(Path(directory), console, keep=False))
    except (DemoError, TimeoutError) as error:
        console.print(f"[red]The demo has failed:[/] {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("stopped")


async def _play(directory: Path, console: Console, *, keep: bool) -> None:
    from skyferry.demo.backstage import ServerProcess  # noqa: PLC0415
    from skyferry.demo.story import tell  # noqa: PLC0415

    async with ServerProcess(directory) as server:
        await tell(server, console)
        console.print(f"API http://{server.http}   health http://{server.http}/healthz   metrics /metrics")
        if keep:
            console.print(f"MQTT {server.mqtt}   AccessKey {server.key.access_key_id} {server.key.secret}")
            console.print(f"The server's log is {server.log}. Ctrl-C stops it.")
            await asyncio.shield(server.ended())
        else:
            console.print("Run [bold]make demo KEEP=1[/] to keep it running and look around; README.md goes on.")

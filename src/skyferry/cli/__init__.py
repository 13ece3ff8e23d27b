"""The command line: `skyferry serve` and the commands beside it."""

import typer

from skyferry.cli import account, audit, demo, device, events, serve

app = typer.Typer(
    help="Over-the-air firmware updates for device fleets.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("audit")(audit.audit)
app.add_typer(account.app, name="account")
app.add_typer(device.app, name="device")
app.add_typer(events.app, name="events")


def main() -> None:
    """Entry point of the `skyferry` command."""
    app()

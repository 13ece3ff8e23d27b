"""The command line: `skyferry serve`, `skyferry demo`, `skyferry account`, `skyferry device`."""

import typer

from skyferry.cli import account, demo, device, serve

app = typer.Typer(
    help="Over-the-air firmware updates for device fleets.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.add_typer(account.app, name="account")
app.add_typer(device.app, name="device")


def main() -> None:
    """Entry point of the `skyferry` command."""
    app()

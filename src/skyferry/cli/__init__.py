"""The command line: `skyferry serve` and the commands beside it."""

import typer

from skyferry.cli import account, audit, demo, device, events, moving, serve, signing_keys, tls, tuf

app = typer.Typer(
    help="Over-the-air firmware updates for device fleets.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("audit")(audit.audit)
app.add_typer(account.app, name="account")
app.add_typer(device.app, name="device")
app.add_typer(events.app, name="events")
app.add_typer(moving.app, name="import")
product_app = typer.Typer(help="What a product has beyond the platform's API.", no_args_is_help=True)
product_app.add_typer(signing_keys.app, name="signing-key")
app.add_typer(product_app, name="product")
app.add_typer(tuf.app, name="tuf")
app.add_typer(tls.app, name="tls")


def main() -> None:
    """Entry point of the `skyferry` command."""
    app()

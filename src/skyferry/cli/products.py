"""`skyferry product`: what the API of the platform does not have of a product. Works while the server runs."""

import typer

from skyferry.cli import signing_keys

app = typer.Typer(help="What a product has beyond the platform's API.", no_args_is_help=True)
app.add_typer(signing_keys.app, name="signing-key")

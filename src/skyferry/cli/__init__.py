"""The command line: `skyferry serve` and the commands beside it."""

import gc
from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

_COMMANDS: Final[Mapping[str, str]] = {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "audit": "audit:audit",
    "archive": "archive:app",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "objects": "objects:app",
    "account": "account:app",
    "db": "db:app",
    "device": "device:app",
    "events": "events:app",
    "import": "moving:app",
    "product": "products:app",
    "tuf": "tuf:app",
    "tls": "tls:app",
}
"""The commands in the order of the help: a function or a group of commands in a module here."""


class _Commands(TyperGroup):
    """Imports a command when it is called or explained: a server needs nothing of what the others do."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        return _imported(cmd_name) if cmd_name in _COMMANDS else None


def _imported(name: str) -> Any:
    """The command of this name.

    Two thousand modules make objects that stay: to look again and again for those that do not took a sixth of the
    start, and each later collection would look at them all.
    """
    gc.disable()
    try:
        found = resolve_name(f"skyferry.cli.{_COMMANDS[name]}")
    finally:
        gc.freeze()
        gc.enable()
    group = typer.Typer()
    if isinstance(found, typer.Typer):
        group.add_typer(found, name=name)
    else:
        group.command(name)(found)
    return get_group(group).commands[name]


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(help="Over-the-air firmware updates for device fleets.")
def _skyferry() -> None:
    pass


def main() -> None:
    """Entry point of the `skyferry` command."""
    app()

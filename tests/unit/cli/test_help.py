"""Every command explains itself: brackets in a help text can be markup that is not closed."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from skyferry.cli import app


def commands(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if hasattr(found, "list_commands"):
        for name in found.list_commands(None):
            yield from commands(found.get_command(None, name), (*path, name))


@pytest.mark.parametrize("command", list(commands(get_command(app))), ids=" ".join)
def test_a_command_explains_itself(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0, result.exception
    assert "Usage" in result.output

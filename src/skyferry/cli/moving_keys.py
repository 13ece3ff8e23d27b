"""The access key with which the other platform is asked: from the environment or a file, never from the command line.

What stands on a command line can be read by everybody on the machine.
"""

import os
import stat
import tomllib
from pathlib import Path
from typing import Final

import typer
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from skyferry.cli.database import fail
from skyferry.moving.client import AccessKey

_ENVIRONMENT: Final = {
    "access_key_id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "access_key_secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "security_token": "ALIBABA_CLOUD_SECURITY_TOKEN",
}
"""The names that the vendor's own tools read."""


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")

    access_key_id: str
    access_key_secret: SecretStr
    security_token: SecretStr = SecretStr("")


def access_key(path: Path | None) -> AccessKey:
    """The key in a TOML file or, without one, in the environment; a sentence and exit code 2 where there is none."""
    given = _read(path) if path else {name: os.environ[key] for name, key in _ENVIRONMENT.items() if key in os.environ}
    try:
        key = _Given.model_validate(given)
    except ValidationError:
        fail(
            f"{path} holds access_key_id, access_key_secret and, for a temporary key, security_token."
            if path
            else f"Set {_ENVIRONMENT['access_key_id']} and {_ENVIRONMENT['access_key_secret']}, or give --keys FILE."
        )
    return AccessKey(key.access_key_id, key.access_key_secret.get_secret_value(), key.security_token.get_secret_value())


def _read(path: Path) -> dict[str, object]:
    try:
        text = path.read_text()
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            typer.secho(f"Others can read the key in {path}: chmod 600 {path}", err=True, fg=typer.colors.YELLOW)
        return tomllib.loads(text)
    except (OSError, ValueError) as problem:
        fail(f"{path} cannot be used: {problem}.")

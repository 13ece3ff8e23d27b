"""What `skyferry import aliyun` does not begin with, and what it warns of."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from skyferry.cli import app
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing

KEY = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAItest", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret of it"}
NOBODY = "http://127.0.0.1:1"


def run(directory: Path, *options: str, environment: dict[str, str] | None = None) -> Result:
    given = {**dict.fromkeys(KEY), **(KEY if environment is None else environment)}
    return CliRunner().invoke(app, ["import", "aliyun", "--data-dir", str(directory), *options], env=given)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--without", "devices"), "--without takes tags, modules, packages, groups, not devices."),
        (("--endpoint", "iot.example.com"), "iot.example.com is not http://HOST or https://HOST"),
        (("--endpoint", "https://iot.example.com/path"), "is not http://HOST or https://HOST"),
        (("--keys", "/nowhere.toml"), "/nowhere.toml cannot be used"),
        (("--database", "sqlite:///x", "--objects", "ftp://x"), "The setting objects is not right"),
        (("--config", "/nowhere.toml"), "The settings cannot be used"),
        (("--endpoint", NOBODY), "is not a data directory yet"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    result = run(tmp_path, *options)

    assert result.exit_code == 2
    assert sentence in result.output.replace("\n", " ")


def test_without_a_key_the_names_of_the_variables_are_told(tmp_path: Path) -> None:
    result = run(tmp_path, environment={"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAItest"})

    assert result.exit_code == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in result.output


def test_there_is_no_option_for_the_key(tmp_path: Path) -> None:
    assert "No such option" in run(tmp_path, "--access-key-secret", "x").output


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ('access_key_id = "a"\naccess_key_secret = "b"\n', 0o644, "Others can read the key"),
        ('access_key_id = "a"\n', 0o600, "holds access_key_id, access_key_secret"),
        ("no TOML", 0o600, "cannot be used"),
    ],
)
def test_a_file_with_the_key_is_looked_at(tmp_path: Path, text: str, mode: int, words: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    path.chmod(mode)

    result = run(tmp_path, "--keys", str(path), "--endpoint", NOBODY, environment={})

    assert result.exit_code == 2
    assert words in result.output


def test_secrets_that_travel_in_the_clear_are_warned_of(tmp_path: Path) -> None:
    assert "without encryption" in run(tmp_path, "--endpoint", "http://iot.example.com").output
    assert "without encryption" not in run(tmp_path, "--endpoint", NOBODY).output


def test_a_directory_without_tables_is_told(tmp_path: Path) -> None:
    KeyRing.load_or_create(DataDir(tmp_path).key)

    result = run(tmp_path, "--endpoint", NOBODY)

    assert result.exit_code == 2
    assert "start skyferry serve once" in result.output

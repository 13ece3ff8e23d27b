"""`skyferry serve` says in a sentence what it cannot start with: exit code 2, or 1 where the next start may succeed."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.forking import Forked
from tests.support.program import skyferry


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that someone else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def command(tmp_path: Path, *options: str) -> Sequence[str]:
    given = {"--data-dir": str(tmp_path / "data"), "--http": "127.0.0.1:0", "--mqtt": "127.0.0.1:0"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    arguments = [word for pair in given.items() for word in pair]
    return skyferry("serve", *arguments)


def refusal(tmp_path: Path, *options: str, code: int = 2) -> str:
    # A process of its own: a server that starts after all must not take over the signals of the tests.
    output, errors = tmp_path / "stdout.log", tmp_path / "stderr.log"
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        process = Forked(command(tmp_path, *options), env=os.environ, stdout=stdout, stderr=stderr)
    try:
        assert process.wait(120) == code
    finally:
        process.kill()
    said = errors.read_text()
    assert "Traceback" not in said
    assert "ready" not in output.read_text()
    return said


@pytest.mark.parametrize("option", ["--http", "--mqtt"])
def test_an_address_that_is_taken_is_named(tmp_path: Path, taken: str, option: str) -> None:
    assert f"{taken} cannot be listened on" in refusal(tmp_path, option, taken)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--http", "nonsense", "nonsense is not HOST:PORT"),
        ("--public-url", "ota.example.com", "is not http://HOST or https://HOST"),
        ("--database", "mysql://host/name", "use sqlite or postgresql"),
        ("--objects", "bucket", "bucket is not s3://BUCKET or s3://BUCKET/PREFIX"),
        ("--config", "/does/not/exist.toml", "/does/not/exist.toml cannot be used"),
    ],
)
def test_a_setting_that_is_wrong_is_explained(tmp_path: Path, option: str, value: str, sentence: str) -> None:
    assert sentence in refusal(tmp_path, option, value)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start waits for nothing."""
    monkeypatch.setenv("SKYFERRY_START_WAIT_SECONDS", "0")


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    said = refusal(tmp_path, "--database", "postgresql://user:hidden@127.0.0.1:1/name", code=1)
    assert "cannot be used" in said
    assert "hidden" not in said


def test_half_a_root_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYFERRY_ROOT_ACCESS_KEY_ID", "LTAIonly")
    assert refusal(tmp_path).strip()


def test_a_start_that_waits_ends_when_it_is_told_to(tmp_path: Path) -> None:
    waiting = command(tmp_path, "--database", "postgresql://user:hidden@127.0.0.1:1/name")
    with subprocess.Popen(waiting, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "start.waiting" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.usefixtures("impatient")
def test_a_bucket_that_is_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYFERRY_OBJECTS_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("SKYFERRY_OBJECTS_S3_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("SKYFERRY_OBJECTS_S3_SECRET_ACCESS_KEY", "hidden")
    said = refusal(tmp_path, "--objects", "s3://files", code=1)
    assert "the bucket files of http://127.0.0.1:1" in said
    assert "hidden" not in said

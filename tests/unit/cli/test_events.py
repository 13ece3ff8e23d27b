"""`skyferry events` on a data directory as a server leaves it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from skyferry.cli.events import app
from skyferry.fleet import accounts
from skyferry.keys import KeyRing, SecretBox
from tests.support import databases
from tests.support.rows import START

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    box = SecretBox(KeyRing.load_or_create(tmp_path / "master.key").derive("secrets"))
    with databases.connection(tmp_path / "skyferry.db") as tx:
        accounts.ensure_root(tx, box, key_id="testid", secret="testsecret", now_ms=START)
    runner = CliRunner(
        env={
            "SKYFERRY_DATA_DIR": str(tmp_path),
            "SKYFERRY_DATABASE": databases.url(tmp_path / "skyferry.db"),
            "COLUMNS": "300",
        }
    )

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(app, arguments)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def test_a_subscription_from_its_beginning_to_its_end(run: Run) -> None:
    made = run("create", "--target", "http://10.0.0.7/hook", "--type", "task.ended", "--type", "job.status").stdout
    subscription, secret = (line.partition(": ")[2] for line in made.splitlines())

    listed = run("list").stdout
    assert subscription in listed
    assert "task.ended, job.status" in listed
    assert secret not in listed
    run("update", subscription, "--type", "module.version", "--target", "http://10.0.0.8/hook")
    listed = run("list").stdout
    assert "http://10.0.0.8/hook" in listed
    assert "task.ended" not in listed
    assert run("redeliver", subscription).stdout == "0 go again.\n"
    run("delete", subscription)
    assert subscription not in run("list").stdout


def test_messages_through_nats_have_no_secret(run: Run) -> None:
    made = run("create", "--kind", "nats", "--type", "task.ended").stdout

    assert "Secret" not in made
    assert "skyferry.events" in run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "--target", "nonsense", "--type", "task.ended"), "Target is http://HOST/PATH"),
        (("dead", "unknown"), "The specified subscription does not exist."),
        (("list", "--instance", "iot-other"), "The account root has no instance iot-other."),
        (("list", "--account", "acme"), "There is no account named acme."),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in run(*arguments, code=2).output


def test_a_type_that_does_not_exist_is_refused(run: Run) -> None:
    assert "task.begun" in run("create", "--target", "http://10.0.0.7/", "--type", "task.begun", code=2).output

"""`skyferry audit`, and the commands that it tells of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from skyferry.cli import app
from skyferry.keys import KeyRing
from tests.support import databases

Run = Callable[..., Result]
POLICY = '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Get*", "Resource": "*"}}'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    KeyRing.load_or_create(tmp_path / "master.key")
    runner = CliRunner(
        env={
            "SKYFERRY_DATA_DIR": str(tmp_path),
            "SKYFERRY_DATABASE": databases.url(tmp_path / "skyferry.db"),
            "COLUMNS": "400",
        }
    )

    def invoke(*arguments: str, code: int = 0, given: str | None = None) -> Result:
        result = runner.invoke(app, arguments, input=given)
        assert result.exit_code == code, result.output
        return result

    return invoke


def trail(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """The records, the first one first."""
    return [json.loads(line) for line in reversed(run("audit", "--json", *arguments).stdout.splitlines())]


def key_id(result: Result) -> str:
    return result.stdout.splitlines()[0].partition(": ")[2]


def test_every_change_by_a_command_is_told(run: Run) -> None:
    """Each subcommand of `skyferry account` that is not a list."""
    run("account", "create", "root")
    instance = run("account", "instance", "create").stdout.strip()
    run("account", "instance", "set", instance, "--cancel-by-device", "open")
    run("account", "instance", "rename", instance, "iot-060a0abc")
    run("account", "user", "create", "alice")
    key = key_id(run("account", "key", "create", "--user", "alice"))
    run("account", "key", "deactivate", key)
    run("account", "key", "activate", key)
    run("account", "key", "delete", key)
    run("account", "policy", "put", "look", "-", given=POLICY)
    run("account", "policy", "attach", "look", "alice")
    run("account", "policy", "detach", "look", "alice")
    run("account", "user", "delete", "alice")
    run("account", "role", "create", "updater")
    run("account", "role", "attach", "look", "updater")
    run("account", "assume-role", "updater")
    run("account", "role", "detach", "look", "updater")
    run("account", "role", "delete", "updater")
    run("account", "policy", "delete", "look")
    subscription = run("events", "create", "--type", "task.ended", "--target", "http://127.0.0.1/hook?secret=x")
    run("events", "update", key_id(subscription), "--inactive")
    run("events", "redeliver", key_id(subscription))
    run("events", "delete", key_id(subscription))

    records = trail(run)

    changing = {
        *("account create", "account instance create", "account instance set", "account user create"),
        "account instance rename",
        *("account user delete", "account key create", "account key deactivate", "account key activate"),
        *("account key delete", "account policy put", "account policy attach", "account policy detach"),
        *("account policy delete", "account role create", "account role attach", "account role detach"),
        *("account role delete", "account assume-role"),
        *("events create", "events update", "events redeliver", "events delete"),
    }
    assert {record["action"] for record in records} == changing
    assert len(records) == len(changing)
    assert {record["caller"] for record in records} == {"cli"}
    assert {record["outcome"] for record in records} == {"OK"}
    by_action = {record["action"]: record["parameters"] for record in records}
    assert by_action["account instance set"] == {"Instance": instance, "CancelByDevice": "open"}
    assert by_action["account instance rename"] == {"Instance": instance, "NewId": "iot-060a0abc"}
    assert by_action["account key delete"] == {"AccessKeyId": key}
    assert json.loads(by_action["account policy put"]["Document"]) == json.loads(POLICY)
    assert by_action["events create"]["Target"] == "http://127.0.0.1/…"


def test_what_only_looks_and_what_is_refused_is_not_told(run: Run) -> None:
    run("account", "create", "root")
    for what in ("instance", "user", "key", "policy", "role"):
        run("account", what, "list")
    run("account", "list")
    run("account", "user", "delete", "nobody", code=2)

    assert [record["action"] for record in trail(run)] == ["account create"]


def test_records_can_be_chosen(run: Run) -> None:
    run("account", "create", "root")
    run("account", "create", "acme")
    for name in ("alice", "bob", "carol"):
        run("account", "user", "create", name)

    def users(*arguments: str) -> list[str]:
        return [record["parameters"]["Name"] for record in trail(run, *arguments)]

    assert users() == ["root", "acme", "alice", "bob", "carol"]
    assert users("--limit", "2") == ["bob", "carol"]
    assert users("--account", "acme") == ["acme"]
    assert users("--action", "account create") == ["root", "acme"]
    assert users("--user", "cli", "--account", "root", "--limit", "1") == ["carol"]
    assert users("--user", "alice") == []
    assert users("--since", "2020-01-01") == users()
    assert users("--until", "2020-01-01T12:00:00Z") == []


def test_a_table_for_people(run: Run) -> None:
    run("account", "create", "root")
    run("account", "user", "create", "alice")
    run("account", "policy", "put", "look", "-", given=POLICY)

    lines = run("audit").stdout.splitlines()

    assert "RequestId" in lines[1]
    assert ["account policy put" in lines[3], "account user create" in lines[4]] == [True, True]
    assert "Name=alice" in lines[4]
    assert '"Action": "iot:Get*"' in lines[3]


def test_refusals_are_sentences(run: Run) -> None:
    run("account", "create", "root")
    assert "no account named acme" in run("audit", "--account", "acme", code=2).stderr
    assert "yesterday" in run("audit", "--since", "yesterday", code=2).stderr

"""`skyferry account` on a data directory as a server leaves it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from skyferry.cli.account import app
from skyferry.fleet import principals
from skyferry.keys import KeyRing, SecretBox
from skyferry.ram.principal import Principal
from skyferry.ram.tokens import SecurityTokens
from tests.support import databases

Run = Callable[..., Result]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    KeyRing.load_or_create(tmp_path / "master.key")
    return tmp_path


@pytest.fixture
def run(data_dir: Path) -> Run:
    runner = CliRunner(
        env={
            "SKYFERRY_DATA_DIR": str(data_dir),
            "SKYFERRY_DATABASE": databases.url(data_dir / "skyferry.db"),
            "COLUMNS": "300",
        }
    )

    def invoke(*arguments: str, code: int = 0, given: str | None = None) -> Result:
        result = runner.invoke(app, arguments, input=given)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def key_of(result: Result) -> tuple[str, str]:
    (_, key_id), (_, secret) = (line.split(": ") for line in result.stdout.splitlines())
    return key_id, secret


def owner_of(data_dir: Path, key_id: str) -> Principal | None:
    box = SecretBox(KeyRing.load_or_create(data_dir / "master.key").derive("secrets"))
    with databases.connection(data_dir / "skyferry.db") as tx:
        return principals.find_principal(tx, key_id, box)


def test_an_account_and_its_keys(run: Run, data_dir: Path) -> None:
    key_id, secret = key_of(run("create", "acme"))
    owner = owner_of(data_dir, key_id)
    assert owner is not None
    assert (owner.secret, owner.name, owner.grants) == (secret, "root", ())
    assert owner.account_uid in run("list").stdout

    second, _ = key_of(run("key", "create", "--account", "acme"))
    listed = run("key", "list", "--account", "acme").stdout
    assert key_id in listed
    assert second in listed
    assert secret not in listed
    run("key", "deactivate", second, "--account", "acme")
    found = owner_of(data_dir, second)
    assert found is not None
    assert not found.active
    run("key", "activate", second, "--account", "acme")
    found = owner_of(data_dir, second)
    assert found is not None
    assert found.active
    run("key", "delete", second, "--account", "acme")
    assert owner_of(data_dir, second) is None


def test_instances(run: Run, data_dir: Path) -> None:
    key_id, _ = key_of(run("create", "acme"))
    name = run("instance", "create", "--account", "acme").stdout.strip()
    run("instance", "set", name, "--cancel-by-device", "open", "--account", "acme")
    owner = owner_of(data_dir, key_id)
    assert owner is not None
    assert owner.instances[name].cancel_by_device == "open"
    assert owner.default_instance.cancel_by_device == "pending"
    assert name in run("instance", "list", "--account", "acme").stdout
    refused = run("instance", "set", name, "--cancel-by-device", "all", "--account", "acme", code=2)
    assert "pending or open" in refused.stderr
    run("instance", "rename", name, "iot-060a0abc", "--account", "acme")
    owner = owner_of(data_dir, key_id)
    assert owner is not None
    assert set(owner.instances) == {owner.default_instance.name, "iot-060a0abc"}


def test_users_and_policies(run: Run, data_dir: Path, tmp_path: Path) -> None:
    run("create", "root")
    run("user", "create", "alice")
    key_id, _ = key_of(run("key", "create", "--user", "alice"))
    document = {"Version": "1", "Statement": [{"Effect": "Deny", "Action": "iot:Delete*", "Resource": "*"}]}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document))
    run("policy", "put", "no-deletes", str(file))
    run("policy", "put", "again", "-", given=json.dumps(document))
    run("policy", "attach", "no-deletes", "alice")
    run("policy", "attach", "AliyunIOTReadOnlyAccess", "alice")
    assert "AliyunIOTReadOnlyAccess, no-deletes" in run("user", "list").stdout
    owner = owner_of(data_dir, key_id)
    assert owner is not None
    [grant] = owner.grants
    assert len(grant.statements) == 2
    listed = run("policy", "list").stdout
    assert "AliyunIOTFullAccess" in listed
    assert "iot:Delete*" in listed

    assert "attached to 1 user" in run("policy", "delete", "no-deletes", code=2).stderr
    run("policy", "detach", "no-deletes", "alice")
    run("policy", "delete", "no-deletes")
    run("user", "delete", "alice")
    assert owner_of(data_dir, key_id) is None


def test_roles(run: Run, data_dir: Path, tmp_path: Path) -> None:
    run("create", "acme")
    of = ("--account", "acme")
    arn = run("role", "create", "updater", "--seconds", "7200", "--description", "nightly", *of).stdout.strip()
    run("role", "attach", "AliyunIOTFullAccess", "updater", *of)
    run("role", "attach", "AliyunIOTReadOnlyAccess", "updater", *of)
    run("role", "detach", "AliyunIOTReadOnlyAccess", "updater", *of)
    listed = run("role", "list", *of).stdout
    for text in (arn, "AliyunIOTFullAccess", "7200", "nightly"):
        assert text in listed
    assert "AliyunIOTReadOnlyAccess" not in listed

    limit = tmp_path / "limit.json"
    limit.write_text('{"Version": "1", "Statement": {"Effect": "Allow", "Action": "iot:Get*", "Resource": "*"}}')
    shown = run("assume-role", "updater", "--seconds", "7200", "--policy", str(limit), *of).stdout
    lines = dict(line.split(": ", 1) for line in shown.splitlines())
    session = SecurityTokens(KeyRing.load_or_create(data_dir / "master.key")).open(lines["SecurityToken"])
    assert (session.access_key_id, session.secret) == (lines["AccessKeyId"], lines["AccessKeySecret"])
    assert session.policy["Statement"]["Action"] == "iot:Get*"
    assert lines["Expiration"].endswith("Z")

    assert "of this role is 900 to 7200" in run("assume-role", "updater", "--seconds", "7201", *of, code=2).stderr
    run("role", "delete", "updater", *of)
    assert "no role named updater" in run("assume-role", "updater", *of, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["key", "create"], "no account named root"),
        (["user", "delete", "bob", "--account", "acme"], "no user named bob"),
        (["create", "acme"], "named acme already"),
        (["policy", "put", "x", "-", "--account", "acme"], "not JSON"),
        (["list", "--data-dir", "/nonexistent"], "not a data directory"),
        (["list", "--database", "mysql://x/y"], "not supported"),
        (["list", "--database", "sqlite:////proc/nowhere/x.db"], "cannot be reached"),
    ],
)
def test_refusals_are_sentences(run: Run, arguments: list[str], sentence: str) -> None:
    run("create", "acme")
    result = run(*arguments, code=2, given="{")
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_before_the_first_start(run: Run, data_dir: Path) -> None:
    empty = databases.url(data_dir / "empty.db", empty=True)
    assert "start skyferry serve once" in run("list", "--database", empty, code=2).stderr


def test_a_key_file_that_others_can_read(run: Run, data_dir: Path) -> None:
    (data_dir / "master.key").chmod(0o644)
    assert "chmod 600" in run("list", code=2).stderr

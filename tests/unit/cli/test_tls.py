"""`skyferry tls` on a data directory, with a server or without one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from skyferry.cli.tls import app
from skyferry.tls.certificates import fingerprint_of, names_of, utc_now
from skyferry.tls.files import TlsDirectory, read_certificate

Run = Callable[..., Result]


@pytest.fixture
def directory(tmp_path: Path) -> TlsDirectory:
    return TlsDirectory(tmp_path / "tls")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    runner = CliRunner(env={"SKYFERRY_DATA_DIR": str(tmp_path), "COLUMNS": "300"})

    def invoke(*arguments: str, code: int = 0, given: str = "") -> Result:
        result = runner.invoke(app, arguments, input=given)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke


def test_the_authority_is_there_before_the_server(run: Run, directory: TlsDirectory) -> None:
    exported = run("ca").stdout
    assert exported.encode() == directory.authority.certificate.read_bytes()
    assert run("ca").stdout == exported


def test_the_server_certificate_is_shown_and_renewed_for_the_same_names(run: Run, directory: TlsDirectory) -> None:
    assert "ca.pem cannot be read: No such file or directory" in run("show", code=2).output
    directory.ensure(["ota.example.com", "10.0.0.7"], utc_now())
    before = read_certificate(directory.server.certificate)
    shown = run("show").stdout
    assert "ota.example.com, 10.0.0.7" in shown
    assert fingerprint_of(before) in shown
    run("renew")
    after = read_certificate(directory.server.certificate)
    assert fingerprint_of(after) != fingerprint_of(before)
    assert names_of(after) == names_of(before)


def test_a_new_authority_is_made_after_a_warning_only(run: Run, directory: TlsDirectory) -> None:
    run("renew")
    before = directory.authority.certificate.read_bytes()
    assert "cannot connect over TLS any more" in run("renew", "--ca", code=1, given="n\n").output
    assert directory.authority.certificate.read_bytes() == before
    run("renew", "--ca", "--yes")
    assert directory.authority.certificate.read_bytes() != before


def test_a_certificate_of_the_operator_s_is_checked_and_copied(
    run: Run, directory: TlsDirectory, tmp_path: Path
) -> None:
    other = TlsDirectory(tmp_path / "other")
    other.ensure(["elsewhere.example.com"], utc_now())
    refused = run("use", str(other.server.certificate), str(other.authority.key), code=2).output
    assert "the key belongs to another certificate" in refused
    run("use", str(other.server.certificate), str(other.server.key))
    assert directory.server.certificate.read_bytes() == other.server.certificate.read_bytes()
    assert not directory.ensure(["localhost"], utc_now())

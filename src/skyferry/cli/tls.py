"""`skyferry tls`: the server's authority and certificate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from skyferry.cli.database import DEFAULT_DATA_DIR, Directory, fail, show
from skyferry.datadir import DataDir
from skyferry.tls import certificates, contexts
from skyferry.tls.errors import TlsError
from skyferry.tls.files import TlsDirectory, read_certificate
from skyferry.tls.names import certificate_names

app = typer.Typer(help="The server's authority and certificate.", no_args_is_help=True)


@app.command("ca")
def export_authority(data_dir: Directory = DEFAULT_DATA_DIR) -> None:
    """Print the certificate of the server's authority (PEM), which devices need; made when there is none yet."""
    with _failing():
        print(_directory(data_dir).authority_certificate(certificates.utc_now()), end="")


@app.command("show")
def show_certificates(data_dir: Directory = DEFAULT_DATA_DIR) -> None:
    """Show the certificates in the data directory: for what, until when, and their SHA-256."""
    directory = _directory(data_dir)
    rows = []
    with _failing():
        for pair in (directory.authority, directory.server, directory.device_authority):
            certificate = read_certificate(pair.certificate)
            names = ", ".join(certificates.names_of(certificate)) or certificate.subject.rfc4514_string()
            ends = certificate.not_valid_after_utc.strftime("%Y-%m-%d")
            rows.append((pair.certificate.name, names, ends, certificates.fingerprint_of(certificate)))
    show(("File", "For", "Until", "SHA-256"), rows)


@app.command("renew")
def renew(
    data_dir: Directory = DEFAULT_DATA_DIR,
    authority: Annotated[
        bool, typer.Option("--ca", help="A new authority as well: every device needs its certificate first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a new authority is made.")] = False,
) -> None:
    """Make a new server certificate for the same names. A running server takes it by itself."""
    directory = _directory(data_dir)
    if authority and not yes:
        typer.confirm(
            "Devices that trust the old authority cannot connect over TLS any more, and get no update by which they "
            "could learn of the new one. Go on?",
            abort=True,
        )
    with _failing():
        names = []
        if directory.server.certificate.exists():
            names = certificates.names_of(read_certificate(directory.server.certificate))
        directory.renew(names or certificate_names([], [], []), certificates.utc_now(), authority=authority)


@app.command("use")
def use(
    certificate: Annotated[Path, typer.Argument(help="The certificate with its chain (PEM).")],
    key: Annotated[Path, typer.Argument(help="Its key (PEM, without a password).")],
    data_dir: Directory = DEFAULT_DATA_DIR,
) -> None:
    """Copy a certificate of your own into the data directory. `skyferry tls renew` goes back to the server's."""
    with _failing():
        contexts.check_pair(certificate, key)
        _directory(data_dir).use(certificate.read_bytes(), key.read_bytes())


def _directory(data_dir: Path) -> TlsDirectory:
    return TlsDirectory(DataDir(data_dir).tls)


@contextmanager
def _failing() -> Iterator[None]:
    """Ends the command with a sentence when a file cannot be used."""
    try:
        yield
    except TlsError as error:
        fail(str(error))

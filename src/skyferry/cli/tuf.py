"""`skyferry tuf`: the TUF repository of a product's packages, and its key ceremonies (docs/guide/secure-update.md)."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from securesystemslib.signer import SSlibKey
from sqlalchemy import Connection

from skyferry.cli.database import (
    DEFAULT_DATA_DIR,
    Account,
    Database,
    Directory,
    Target,
    change,
    fail,
    now,
    run,
    show,
    yes,
)
from skyferry.cli.product import Product, product_of
from skyferry.datadir import write_private
from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.store import tuf as statements
from skyferry.store.accounts import AccountRecord
from skyferry.trust.tuf import ceremonies, keys, repository
from skyferry.trust.tuf.ceremonies import Ceremony, RoleKeys
from skyferry.trust.tuf.keys import TufError
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import Summary

app = typer.Typer(help="TUF repositories of packages: docs/guide/secure-update.md.", no_args_is_help=True)

T = TypeVar("T")
_ROOT_FILE: Final = Path("root.json")


class Role(StrEnum):
    """The roles of TUF."""

    ROOT = "root"
    TARGETS = "targets"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


class OfflineRole(StrEnum):
    """Roles that can be signed outside."""

    ROOT = "root"
    TARGETS = "targets"


Output = Annotated[Path, typer.Option(help="Where metadata is written that is to be signed outside.")]
MetadataFile = Annotated[Path, typer.Argument(metavar="FILE", help="Metadata in JSON.")]
Keys = list[Path] | None


@app.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The private key; FILE.pub is the public.")],
) -> None:
    """Make an Ed25519 key pair. It needs no server: do it where the private key is to stay."""
    private_pem, public_pem = keys.generate()
    _check_free(file)
    write_private(file, private_pem)
    file.with_name(f"{file.name}.pub").write_text(public_pem)


@app.command("init")
def init(
    *,
    product: Product,
    root_key: Annotated[Keys, typer.Option(help="A public key of root; repeatable. Kept here if absent.")] = None,
    root_threshold: Annotated[int, typer.Option(min=1, help="How many of them must sign.")] = 1,
    targets_key: Annotated[Keys, typer.Option(help="A public key of targets; repeatable. Kept here if absent.")] = None,
    targets_threshold: Annotated[int, typer.Option(min=1, help="How many of them must sign.")] = 1,
    output: Output = _ROOT_FILE,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Make the repository of a product."""
    root, targets = RoleKeys(_public(root_key), root_threshold), RoleKeys(_public(targets_key), targets_threshold)
    made = _ceremony("init", Target(data_dir, database, account), product, {}, lambda it: it.begin(root, targets))
    _hand_out(made, output)


@app.command("rotate")
def rotate(
    *,
    product: Product,
    role: Role,
    key: Annotated[Keys, typer.Option(help="A public key of the role; repeatable. Kept here if absent.")] = None,
    threshold: Annotated[int, typer.Option(min=1, help="How many of them must sign.")] = 1,
    output: Output = _ROOT_FILE,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Replace the keys of a role by a new root, which the former and the new keys of root sign."""
    given = RoleKeys(_public(key), threshold)
    target = Target(data_dir, database, account)
    made = _ceremony("rotate", target, product, {"Role": role}, lambda it: it.rotate(role, given))
    _hand_out(made, output)


@app.command("export")
def export(
    *,
    product: Product,
    role: OfflineRole,
    output: Annotated[Path | None, typer.Option(help="A file; standard output if absent.")] = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Write the next version of root or targets, to be signed outside."""

    def work(tx: Connection, box: SecretBox) -> bytes:
        owner = accounts.account_named(tx, account)
        return Ceremony(tx, product_of(tx, owner, product), box, now()).export(role)

    data = run(data_dir, database, work)
    if output is None:
        typer.get_binary_stream("stdout").write(data)
    else:
        _check_free(output)
        output.write_bytes(data)


@app.command("sign")
def sign(
    file: MetadataFile,
    key: Annotated[list[Path], typer.Option(help="A file with a private key; repeatable.")],
) -> None:
    """Add signatures to exported metadata. It needs no server: do it where the private keys are."""
    data = _read(file)
    try:
        for key_file in key:
            data = ceremonies.sign(data, _read(key_file).decode(errors="replace"))
    except TufError as problem:
        fail(str(problem))
    file.write_bytes(data)


@app.command("import")
def take_in(
    product: Product,
    file: MetadataFile,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Publish metadata that was signed outside."""
    data = _read(file)
    target = Target(data_dir, database, account)
    typer.echo(f"Published: {_ceremony('import', target, product, {}, lambda it: it.take_in(data))}.")


@app.command("show")
def show_repository(
    product: Product,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Tell what is published."""

    def work(tx: Connection, box: SecretBox) -> Summary:
        owner = accounts.account_named(tx, account)
        record = statements.repository(tx, product_of(tx, owner, product).id)
        if record is None:
            raise TufError("The product has no TUF repository: make one with skyferry tuf init.")
        return repository.summary(repository.load(tx, record), box, now(), TufLimits())

    found = run(data_dir, database, work)
    show(
        ("Role", "Version", "Signed here", "Expires"),
        (
            (role.role, str(role.version), yes(role.online), f"{role.expires:%Y-%m-%d %H:%M:%SZ}")
            for role in found.roles
        ),
    )
    if found.waits_for_targets:
        typer.echo("The list of packages has changed: export targets, sign them, and import them.")


def _ceremony(
    action: str, target: Target, product: str, parameters: dict[str, str], work: Callable[[Ceremony], T]
) -> T:
    def all_of_it(tx: Connection, box: SecretBox, owner: AccountRecord) -> T:
        return work(Ceremony(tx, product_of(tx, owner, product), box, now()))

    return change(target, f"tuf {action}", {"ProductKey": product, **parameters}, all_of_it)


def _hand_out(made: bytes | None, output: Path) -> None:
    if made is None:
        typer.echo("Published.")
        return
    _check_free(output)
    output.write_bytes(made)
    typer.echo(f"Sign {output} (skyferry tuf sign) and import it: nothing is published before.")


def _public(files: Keys) -> list[SSlibKey]:
    try:
        return [keys.public_key(_read(file).decode(errors="replace")) for file in files or ()]
    except TufError as problem:
        fail(str(problem))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        fail(f"{file} cannot be read: {problem.strerror}.")


def _check_free(file: Path) -> None:
    if file.exists():
        fail(f"{file} exists already: choose another name.")

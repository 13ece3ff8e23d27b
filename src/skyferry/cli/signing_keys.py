"""`skyferry product signing-key`: the keys that sign a product's packages (docs/guide/secure-update.md)."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
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
    time,
    yes,
)
from skyferry.cli.product import Product, product_of
from skyferry.errors import ApiError
from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.store import signing as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.signing import SigningKeyRecord
from skyferry.trust import key_pairs, signing_keys
from skyferry.trust.key_pairs import KeyPair

app = typer.Typer(help="Keys that sign a product's packages: docs/guide/secure-update.md.", no_args_is_help=True)

KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="An RSA key of 2,048 bits in PEM; the server makes one if absent.")
]


class Form(StrEnum):
    """In which form a public key is written."""

    PEM = "pem"
    DER = "der"
    C = "c"


@app.command("create")
def create(
    product: Product,
    key_file: KeyFile = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Give a product its first key and print its KeyId."""
    _make("create", Target(data_dir, database, account), product, key_file, signing_keys.create)


@app.command("rotate")
def rotate(
    product: Product,
    key_file: KeyFile = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Let a new key sign from now on and print its KeyId. Devices must know its public part by then."""
    _make("rotate", Target(data_dir, database, account), product, key_file, signing_keys.rotate)


@app.command("list")
def list_keys(
    product: Product,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """List the keys of a product, newest first, with those that sign no more."""
    show(
        ("KeyId", "Signs", "Created", "Retired"),
        (
            (
                key.key_id,
                yes(key.retired_at is None),
                time(key.created_at),
                _retired(key),
            )
            for key in _keys(Target(data_dir, database, account), product)
        ),
    )


@app.command("export")
def export(
    *,
    product: Product,
    form: Annotated[Form, typer.Option("--format", help="PEM, DER, or C arrays for firmware.")] = Form.PEM,
    key: Annotated[str | None, typer.Option(help="The KeyId; the key that signs if absent.")] = None,
    output: Annotated[Path | None, typer.Option(help="A file; standard output if absent.")] = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Write the public part of a key."""
    found = [
        known.public_pem
        for known in _keys(Target(data_dir, database, account), product)
        if (known.retired_at is None if key is None else known.key_id == key)
    ]
    if not found:
        fail("The product has no such key: see skyferry product signing-key list.")
    data = _written(found[0], form)
    if output is None:
        typer.get_binary_stream("stdout").write(data)
    else:
        output.write_bytes(data)


def _retired(key: SigningKeyRecord) -> str:
    return "" if key.retired_at is None else time(key.retired_at)


def _written(public_pem: str, form: Form) -> bytes:
    match form:
        case Form.PEM:
            return public_pem.encode()
        case Form.DER:
            return key_pairs.public_der(public_pem)
        case Form.C:
            return key_pairs.c_source(public_pem).encode()


def _make(
    action: str, target: Target, product: str, key_file: Path | None, work: Callable[..., SigningKeyRecord]
) -> None:
    pair = _pair(key_file)

    def all_of_it(tx: Connection, box: SecretBox, owner: AccountRecord) -> SigningKeyRecord:
        return work(tx, product_of(tx, owner, product), pair, box=box, now=now())

    parameters = {"ProductKey": product, "KeyId": pair.key_id}
    typer.echo(change(target, f"product signing-key {action}", parameters, all_of_it).key_id)


def _pair(key_file: Path | None) -> KeyPair:
    if key_file is None:
        return key_pairs.generate()
    try:
        return key_pairs.parse(key_file.read_text())
    except ApiError as problem:
        fail(problem.text.replace("PrivateKey", str(key_file)))
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"{key_file} cannot be read: {problem}.")


def _keys(target: Target, product: str) -> Sequence[SigningKeyRecord]:
    def work(tx: Connection, _: SecretBox) -> Sequence[SigningKeyRecord]:
        owner = accounts.account_named(tx, target.account)
        return statements.all_of(tx, product_of(tx, owner, product).id)

    return run(target.data_dir, target.database, work)

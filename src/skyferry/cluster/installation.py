"""The key of an installation: all of its processes have the same, and a restored database needs the one it had."""

from pathlib import Path

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry.keys import KeyFileError, KeyRing, SecretBox
from skyferry.store import installation as statements
from skyferry.store.dialect import serialise


def check_key(tx: Connection, ring: KeyRing, path: Path) -> None:
    """Makes sure that the key is the one that secrets in this database are sealed with; the first one that comes is.

    Args:
        tx: the transaction, which does nothing else.
        ring: the key.
        path: where it comes from.

    Raises:
        KeyFileError: it is another one.
    """
    serialise(tx, "installation")
    mine, known = ring.derive("key-check").hex(), statements.key_check(tx)
    if known is None and _opens(ring, statements.any_sealed(tx)):
        statements.set_key_check(tx, mine)
    elif known != mine:
        raise KeyFileError(
            f"The secrets in the database are sealed with another key than {path} holds. Copy the key file of the"
            " process that was started first (master.key in its data directory), or name it with --key-file."
        )


def _opens(ring: KeyRing, sealed: bytes | None) -> bool:
    """True when there is nothing that the key does not open."""
    try:
        return sealed is None or bool(SecretBox(ring.derive("secrets")).open(sealed))
    except InvalidTag:
        return False

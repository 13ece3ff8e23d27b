"""The shape of object keys: the only names that ever reach a file system (control-plane reference §1.6)."""

import re
import secrets
import string
from typing import Final

PATTERN: Final = r"ota/(?P<prefix>[0-9a-f]{32})/[a-z0-9]{25}(?:\.[a-z0-9]{1,8}){1,2}"

BLOB_PATTERN: Final = PATTERN + r"\.[0-9a-f]{64}"
"""The shape of `StoredObject.blob`: a key and the SHA-256 of the content."""
LONGEST_BLOB: Final = 145
"""Characters of the longest such name."""

_ARCHIVE: Final = re.compile(r"archive/[A-Za-z0-9]{1,64}/[0-9]{19}\.[0-9a-f]{64}\.jsonl\.gz", re.ASCII)
_KEY: Final = re.compile(PATTERN, re.ASCII)
_BLOB: Final = re.compile(BLOB_PATTERN, re.ASCII)
_ALPHABET: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 25


def new_key(object_prefix: str, suffix: str) -> str:
    """A key that nobody has used: `ota/{object_prefix}/{25 random characters}.{suffix}`."""
    name = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    return f"ota/{object_prefix}/{name}.{suffix}"


def suffix_of(key: str) -> str:
    """How an object key ends, without the dot: `bin`, `tar.gz`."""
    return key.rpartition("/")[2].partition(".")[2]


def prefix_of(key: str) -> str | None:
    """The instance's part of an object key; None when the text is no object key at all."""
    match = _KEY.fullmatch(key)
    return match["prefix"] if match else None


def is_blob(name: str) -> bool:
    """True when the text is the name of a blob."""
    return _BLOB.fullmatch(name) is not None


def archive_name(job_id: str, first_task: int, sha256: str) -> str:
    """The name of a file with archived tasks: of which job, from which task on, and the SHA-256 of what it says."""
    return f"archive/{job_id}/{first_task:019d}.{sha256}.jsonl.gz"


def is_archive(name: str) -> bool:
    """True when the text is the name of a file with archived tasks."""
    return _ARCHIVE.fullmatch(name) is not None


def checked_blob(name: str) -> str:
    """The name of a blob or an archive as it is: what anything else would lead to is never asked of a store.

    Raises:
        ValueError: it is no such name.
    """
    if not is_blob(name) and not is_archive(name):
        raise ValueError(f"{name!r} is not the name of a blob.")
    return name

"""Identifiers in the shapes that clients know (control-plane reference §1.6)."""

import secrets
import string
from typing import Final

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_TASK_KEY_CHARACTERS: Final = 8
_JOB_CHARACTERS: Final = 12
_TASK_ID_CHARACTERS: Final = 26


def _random(length: int, alphabet: str = _ALPHANUMERIC) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def product_key() -> str:
    """11 characters that begin with `a1`."""
    return "a1" + _random(9)


def product_secret() -> str:
    """16 characters."""
    return _random(16)


def device_name() -> str:
    """20 characters, for devices that are registered without a name."""
    return _random(20)


def gateway_token() -> str:
    """43 characters: 256 bits that no one can guess."""
    return secrets.token_urlsafe(32)


def device_secret() -> str:
    """32 characters."""
    return _random(32, string.ascii_lowercase + string.digits)


def registered_client() -> str:
    """24 characters: the clientId of a device that registered itself; the C SDKs keep it with a suffix in 128 bytes."""
    return _random(24)


def device_token() -> str:
    """40 characters; the C SDKs keep up to 63."""
    return _random(40)


def iot_id() -> str:
    """30 characters: 20 alphanumerics, `0010` and 6 hex digits."""
    return _random(20) + "0010" + secrets.token_hex(3)


def firmware_id() -> str:
    """26 characters: 20 alphanumerics and 6 digits that begin with `03`."""
    return _random(20) + "03" + _random(4, string.digits)


def job_id() -> str:
    """26 characters: 20 alphanumerics and 6 digits that begin with `02`."""
    return _random(20) + "02" + _random(4, string.digits)


def subscription_id() -> str:
    """20 characters."""
    return _random(20)


def message_id() -> str:
    """32 hexadecimal digits."""
    return secrets.token_hex(16)


def downlink_id() -> str:
    """The `id` of a message to a device: digits, for the SDKs read it into 32 bits."""
    return str(secrets.randbelow(1 << 31))


def group_id() -> str:
    """16 characters."""
    return _random(16)


def task_id(job: str, key: int) -> str:
    """The TaskId of a task: 26 characters, the last six digits beginning with `01`.

    It is made of the job's random identifier and the row's key, so that a job of a million tasks needs neither a
    million random texts nor an index over them.

    Args:
        job: the JobId.
        key: the key of the task's row.
    """
    digits = ""
    for _ in range(_TASK_KEY_CHARACTERS):
        key, digit = divmod(key, len(_ALPHANUMERIC))
        digits = _ALPHANUMERIC[digit] + digits
    return job[:_JOB_CHARACTERS] + digits + "01" + job[-4:]


def task_key(task: str) -> int | None:
    """The row's key in a TaskId, or None when the text is no TaskId. Whether the row's job fits is for the caller."""
    if len(task) != _TASK_ID_CHARACTERS or not task.isascii() or not task.isalnum():
        return None
    key = 0
    for character in task[_JOB_CHARACTERS : _JOB_CHARACTERS + _TASK_KEY_CHARACTERS]:
        key = key * len(_ALPHANUMERIC) + _ALPHANUMERIC.index(character)
    return key


def process_name() -> str:
    """12 hexadecimal digits: tells a running process from all others, and from itself before a restart."""
    return secrets.token_hex(6)


def connection_name(process: str, number: int, kind: str | None = None) -> str:
    """The name of a device's connection: it says which process holds it (`process_of`)."""
    return f"{process}-{number:x}" if kind is None else f"{process}-{kind}-{number:x}"


def process_of(connection: str) -> str:
    """The process that holds a connection."""
    return connection.partition("-")[0]

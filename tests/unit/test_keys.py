"""The master key and sealed secrets."""

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from skyferry.keys import KeyFileError, KeyRing, SecretBox


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    first = KeyRing.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyRing.load_or_create(path).derive("secrets") == first.derive("secrets")
    assert first.derive("secrets") != first.derive("download-urls")


def test_a_key_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    KeyRing.load_or_create(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        KeyRing.load_or_create(path)


def test_a_key_file_that_was_named_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.key"
    with pytest.raises(KeyFileError, match="cannot be read: No such file"):
        KeyRing.load(path)
    made = KeyRing.load_or_create(path)
    assert KeyRing.load(path).derive("secrets") == made.derive("secrets")


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.touch(0o600)
    with pytest.raises(KeyFileError, match="32 bytes"):
        KeyRing.load_or_create(path)


def test_a_secret_opens_with_its_own_key_only() -> None:
    box = SecretBox(bytes(32))
    sealed = box.seal("密钥")
    assert box.open(sealed) == "密钥"
    assert box.seal("密钥") != sealed
    with pytest.raises(InvalidTag):
        SecretBox(b"1" * 32).open(sealed)
    with pytest.raises(InvalidTag):
        box.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))

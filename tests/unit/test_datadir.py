"""The data directory."""

from pathlib import Path

import pytest

from skyferry.datadir import DataDir, DataDirError, DataDirLock, write_private


def test_a_second_server_is_kept_out_until_the_first_has_gone(tmp_path: Path) -> None:
    directory = DataDir(tmp_path / "data")
    with DataDirLock(directory), pytest.raises(DataDirError, match="Another server"), DataDirLock(directory):
        pass
    with DataDirLock(directory):
        assert directory.path.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataDirError, match="cannot be used"), DataDirLock(DataDir(file / "data")):
        pass


def test_private_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "one")
    write_private(path, "2")
    assert path.read_text() == "2"
    assert path.stat().st_mode & 0o777 == 0o600

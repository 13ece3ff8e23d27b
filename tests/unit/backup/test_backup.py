"""Backups: made of data that changes meanwhile, checked to the last byte, and put back."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection

from skyferry.backup import making, restoring
from skyferry.backup.copying import Pace
from skyferry.backup.making import MARK, BackupError, Made
from skyferry.cluster.installation import check_key
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.store import backups, migrate
from skyferry.store import objects as object_statements
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject
from tests.support.rows import START, World

SIZE: Final = 1_000


class Installation:
    """A data directory as a server leaves it, with three packages."""

    def __init__(self, path: Path) -> None:
        self.data = DataDir(path)
        self.instance_id = 0
        self.blobs: list[str] = []

    async def begin(self) -> None:
        self.store = Store(str(self.data.database))
        await migrate.upgrade(self.store)
        ring = KeyRing.load_or_create(self.data.key)
        await self.store.write(check_key, ring, self.data.key)
        self.instance_id = await self.store.write(lambda tx: World(tx).instance.id)
        self.data.tls.mkdir()
        (self.data.tls / "ca.key").write_text("key")

    def add(self, number: int) -> str:
        """Uploads a file, as from another process: gives the name of its bytes."""
        content = bytes([number]) * SIZE
        key = f"ota/{'a' * 32}/{number:025d}.bin"
        stored = StoredObject(key, self.instance_id, SIZE, "0" * 32, hashlib.sha256(content).hexdigest(), "1", START)
        path = self.data.objects / stored.blob
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        making.ask(self.data.database, lambda tx: _put(tx, stored))
        self.blobs.append(stored.blob)
        return stored.blob

    def remove(self, blob: str) -> None:
        """Deletes it: the row first, then the file."""
        making.ask(self.data.database, lambda tx: _drop(tx, blob))
        (self.data.objects / blob).unlink()

    def back_up(self, target: Path, pace: Pace | None = None) -> Made:
        return making.make(
            self.data, self.data.key, self.data.database, target, pace or Pace(None), with_files=True, now_ms=START
        )


def _put(tx: Connection, stored: StoredObject) -> None:
    object_statements.put_object(tx, stored)


def _drop(tx: Connection, blob: str) -> None:
    assert object_statements.delete_unused(tx, [blob.rpartition(".")[0]])


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "data")
    made.data.path.mkdir()

    async def begin() -> None:
        await made.begin()
        await made.store.close()

    asyncio.run(begin())
    for number in (1, 2, 3):
        made.add(number)
    return made


def names_in(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


class Meddling(Pace):
    """Does something once, when something was copied for the nth time."""

    def __init__(self, nth: int, work: Callable[[], object]) -> None:
        super().__init__(None)
        self.left = nth
        self.work = work

    def took(self, count: int) -> None:
        super().took(count)
        self.left -= 1
        if self.left == 0:
            self.work()


def test_a_backup_is_a_data_directory_with_a_mark(installation: Installation, tmp_path: Path) -> None:
    made = installation.back_up(tmp_path / "backup")

    expected = ["master.key", "skyferry.db", "tls/ca.key", MARK, *(f"objects/{blob}" for blob in installation.blobs)]
    assert names_in(tmp_path / "backup") == sorted(expected)
    assert (made.files, made.damaged, made.with_files) == (3, (), True)
    assert (tmp_path / "backup" / "master.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert restoring.check(tmp_path / "backup") == []


def test_what_is_restored_is_what_was_backed_up(installation: Installation, tmp_path: Path) -> None:
    installation.back_up(tmp_path / "backup")
    assert restoring.restore(tmp_path / "backup", tmp_path / "new", Pace(None)) == []
    restored = DataDir(tmp_path / "new")
    assert restored.key.read_bytes() == installation.data.key.read_bytes()
    for blob in installation.blobs:
        assert (restored.objects / blob).read_bytes() == (installation.data.objects / blob).read_bytes()
    named = {file.name for file in making.ask(restored.database, backups.files)}
    assert named == set(installation.blobs)


def test_what_comes_and_goes_meanwhile_leaves_a_whole_backup(installation: Installation, tmp_path: Path) -> None:
    first, second, _ = installation.blobs
    came: list[str] = []

    def meddle() -> None:
        installation.remove(first)
        installation.remove(second)
        came.append(installation.add(4))

    made = installation.back_up(tmp_path / "backup", Meddling(1, meddle))
    assert restoring.check(tmp_path / "backup") == []
    assert made.files == 2
    kept = names_in(tmp_path / "backup" / "objects")
    assert kept == sorted([installation.blobs[2], *came])


def test_a_file_that_goes_after_the_database_was_copied_makes_it_be_copied_again(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, copies = backups.copy_database, 0

    def slow(source: Path, target: Path, copied: Callable[[int], None]) -> None:
        nonlocal copies
        copies += 1
        unseen = installation.add(7) if copies == 1 else None
        copy(source, target, copied)
        if unseen:
            installation.remove(unseen)

    monkeypatch.setattr(backups, "copy_database", slow)
    made = installation.back_up(tmp_path / "backup")
    assert copies == 2
    assert made.files == 3
    assert restoring.check(tmp_path / "backup") == []


def test_writers_neither_wait_nor_change_what_is_copied(tmp_path: Path) -> None:
    source, target, steps = tmp_path / "source.db", tmp_path / "target.db", 0
    with closing(sqlite3.connect(source, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE numbers (number, filling)")
        writer.executemany("INSERT INTO numbers VALUES (?, ?)", [(number, "x" * 4_000) for number in range(1_000)])

        def write(_: int) -> None:
            nonlocal steps
            steps += 1
            writer.execute("UPDATE numbers SET number = number + 1000")

        backups.copy_database(source, target, write)
    with closing(sqlite3.connect(target)) as copied:
        assert copied.execute("SELECT min(number), max(number) FROM numbers").fetchone() == (0, 999)
        assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 2 <= steps <= 10, "the copy did not begin anew with each write"


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda data, blobs: (data.objects / blobs[0]).unlink(), "is missing."),
        (lambda data, blobs: (data.objects / blobs[0]).write_bytes(b"x" * SIZE), "is damaged."),
        (lambda data, blobs: (data.objects / blobs[0]).write_bytes(b""), "is damaged."),
        (lambda data, _: data.key.write_bytes(bytes(32)), "sealed with another key"),
        (lambda data, _: data.database.unlink(), "is missing."),
    ],
    ids=["file gone", "file changed", "file cut", "another key", "no database"],
)
def test_a_check_finds_what_is_not_right(
    installation: Installation, tmp_path: Path, harm: Callable[[DataDir, list[str]], object], sentence: str
) -> None:
    installation.back_up(tmp_path / "backup")
    harm(DataDir(tmp_path / "backup"), installation.blobs)
    [fault] = restoring.check(tmp_path / "backup")
    assert fault.endswith(sentence) or sentence in fault


def test_a_damaged_file_is_told_and_the_rest_is_backed_up(installation: Installation, tmp_path: Path) -> None:
    (installation.data.objects / installation.blobs[1]).write_bytes(b"x" * SIZE)
    assert installation.back_up(tmp_path / "backup").damaged == (installation.blobs[1],)


def test_what_was_not_finished_is_no_backup(installation: Installation, tmp_path: Path) -> None:
    def crash() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        installation.back_up(tmp_path / "backup", Meddling(3, crash))
    with pytest.raises(BackupError, match="was not finished"):
        restoring.check(tmp_path / "backup")
    with pytest.raises(BackupError, match="not empty"):
        installation.back_up(tmp_path / "backup")


def test_nothing_is_restored_over_something(installation: Installation, tmp_path: Path) -> None:
    installation.back_up(tmp_path / "backup")
    with pytest.raises(BackupError, match="not empty"):
        restoring.restore(tmp_path / "backup", installation.data.path, Pace(None))


def test_copying_keeps_to_its_pace() -> None:
    slept: list[float] = []
    pace = Pace(1_000, now=lambda: 0.0, sleep=slept.append)
    pace.took(500)
    pace.took(1_000)
    assert slept == [0.5, 1.5]
    assert pace.copied == 1_500

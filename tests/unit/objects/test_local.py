import fcntl
import os
from pathlib import Path

import pytest

from skyferry.objects.local import LocalObjectStore

NAME = f"ota/{'0f' * 16}/{'a1b2c' * 5}.tar.gz.{'9e' * 32}"
OTHER = f"ota/{'1f' * 16}/{'a1b2c' * 5}.bin.{'9e' * 32}"


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def put(store: LocalObjectStore, name: str, content: bytes) -> None:
    writer = await store.create()
    await writer.write(content)
    await writer.commit(name)


async def read(store: LocalObjectStore, name: str, start: int, count: int) -> bytes:
    reader = await store.open(name)
    try:
        return b"".join([block async for block in reader.blocks(start, count)])
    finally:
        await reader.close()


async def test_blob_is_visible_after_commit_only(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    writer = await store.create()
    await writer.write(b"abc")
    with pytest.raises(FileNotFoundError):
        await store.open(NAME)
    await writer.write(b"def")
    await writer.commit(NAME)
    await writer.abort()
    assert await read(store, NAME, 1, 4) == b"bcde"
    assert files(tmp_path / "objects") == [NAME]


async def test_blocks_cover_large_files_and_say_when_one_is_too_short(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    content = os.urandom((2 << 20) + 17)
    await put(store, NAME, content)
    assert await read(store, NAME, 5, len(content) - 5) == content[5:]
    with pytest.raises(OSError, match="shorter"):
        await read(store, NAME, 5, len(content))


async def test_abort_leaves_nothing(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    writer = await store.create()
    await writer.write(b"abc")
    await writer.abort()
    await writer.abort()
    assert files(tmp_path) == []
    with pytest.raises(OSError, match="ended"):
        await writer.write(b"late")


async def test_delete_is_about_one_blob_and_may_come_twice(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    await put(store, NAME, b"abc")
    await put(store, OTHER, b"abc")
    await store.delete(NAME)
    await store.delete(NAME)
    assert files(tmp_path) == [OTHER]


async def test_sweep_removes_what_nobody_holds(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    assert await store.sweep() == 0
    await put(store, NAME, b"abc")
    running = await store.create()
    (tmp_path / "incoming" / "crashed").write_bytes(b"half of a file")
    assert await store.sweep() == 1
    await running.write(b"def")
    await running.commit(OTHER)
    assert files(tmp_path) == sorted([NAME, OTHER])


async def test_lock_on_an_upload_ends_with_its_process(tmp_path: Path) -> None:
    """What the sweep relies on: the kernel gives up the lock when the file is closed, however the process ended."""
    store = LocalObjectStore(tmp_path)
    left = tmp_path / "incoming" / "left"
    left.parent.mkdir()
    with left.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert await store.sweep() == 0
    assert await store.sweep() == 1


async def test_blobs_lists_blobs_and_nothing_else(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    assert [blob async for blob in store.blobs()] == []
    await put(store, NAME, b"abc")
    await put(store, OTHER, b"abc")
    os.utime(tmp_path / NAME, ns=(0, 1_234_000_000))
    (tmp_path / "ota" / "README").write_text("not a blob")
    (tmp_path / "ota" / ("0f" * 16) / "README").write_text("not a blob")
    found = {blob.name: blob.modified_ms async for blob in store.blobs()}
    assert set(found) == {NAME, OTHER}
    assert found[NAME] == 1_234


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../escape",
        f"/{NAME}",
        f"{NAME}/..",
        f"{NAME}\n",
        NAME.upper(),
        NAME.replace("ota/", "ota/../ota/"),
        NAME.removesuffix("." + "9e" * 32),
        NAME.replace("0f0f", "..%2f"),
    ],
)
async def test_other_names_never_reach_the_file_system(name: str, tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path)
    writer = await store.create()
    for use in (store.open(name), store.delete(name), writer.commit(name)):
        with pytest.raises(ValueError, match="not the name of a blob"):
            await use
    await writer.abort()
    assert files(tmp_path) == []

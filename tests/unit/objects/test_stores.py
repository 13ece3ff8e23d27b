"""What holds for every object store."""

import os
from collections.abc import AsyncIterator

import pytest

from skyferry.objects.interface import ObjectStore
from tests.unit.objects.storages import Storage

NAME = f"ota/{'0f' * 16}/{'a1b2c' * 5}.tar.gz.{'9e' * 32}"
OTHER = f"ota/{'1f' * 16}/{'a1b2c' * 5}.bin.{'9e' * 32}"


@pytest.fixture
async def store(storage: Storage) -> AsyncIterator[ObjectStore]:
    await storage.objects.start()
    yield storage.objects
    await storage.objects.close()


async def put(store: ObjectStore, name: str, content: bytes) -> None:
    writer = await store.create()
    await writer.write(content)
    await writer.commit(name)


async def read(store: ObjectStore, name: str, start: int, count: int) -> bytes:
    reader = await store.open(name)
    try:
        return b"".join([block async for block in reader.blocks(start, count)])
    finally:
        await reader.close()


@pytest.mark.parametrize("size", [1, 700], ids=["small", "large"])
async def test_blob_is_visible_after_commit_only(size: int, store: ObjectStore, storage: Storage) -> None:
    writer = await store.create()
    await writer.write(b"abc" * size)
    with pytest.raises(FileNotFoundError):
        await store.open(NAME)
    await writer.write(b"def" * size)
    await writer.commit(NAME)
    await writer.abort()
    assert await read(store, NAME, 1, 6 * size - 2) == (b"abc" * size + b"def" * size)[1:-1]
    assert storage.files() == [NAME]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 513, 3_001])
async def test_blob_is_what_was_written_whatever_its_size(size: int, store: ObjectStore, storage: Storage) -> None:
    content = os.urandom(size)
    await put(store, NAME, content)
    reader = await store.open(NAME)
    await reader.close()
    assert reader.size == size
    assert await read(store, NAME, 0, size) == content
    assert storage.files() == [NAME]


async def test_blocks_cover_large_files_and_say_when_one_is_too_short(roomy_storage: Storage) -> None:
    store = roomy_storage.objects
    await store.start()
    content = os.urandom((10 << 20) + 17)
    await put(store, NAME, content)
    assert await read(store, NAME, 5, len(content) - 5) == content[5:]
    with pytest.raises(OSError, match="shorter"):
        await read(store, NAME, 5, len(content))
    await store.close()


async def test_blob_that_vanishes_while_it_is_read_is_an_error(store: ObjectStore, storage: Storage) -> None:
    await put(store, NAME, b"x" * 4_000)
    reader = await store.open(NAME)
    storage.put(NAME, b"x")
    with pytest.raises(OSError, match="shorter"):
        _ = [block async for block in reader.blocks(1, 3_999)]
    await reader.close()


@pytest.mark.parametrize("size", [3, 700], ids=["small", "large"])
async def test_abort_leaves_nothing(size: int, store: ObjectStore, storage: Storage) -> None:
    writer = await store.create()
    await writer.write(b"a" * size)
    await writer.abort()
    await writer.abort()
    assert storage.files() == []
    with pytest.raises(OSError, match="ended"):
        await writer.write(b"late")
    with pytest.raises(OSError, match="ended"):
        await writer.commit(NAME)
    assert storage.files() == []


async def test_blob_of_the_same_name_is_replaced(store: ObjectStore, storage: Storage) -> None:
    for content in (b"a" * 600, b"b" * 600, b"c"):
        await put(store, NAME, content)
        assert await read(store, NAME, 0, len(content)) == content
    assert storage.files() == [NAME]


async def test_delete_is_about_one_blob_and_may_come_twice(store: ObjectStore, storage: Storage) -> None:
    await put(store, NAME, b"abc")
    await put(store, OTHER, b"abc")
    await store.delete(NAME)
    await store.delete(NAME)
    assert storage.files() == [OTHER]


async def test_sweep_removes_what_was_left_and_no_blob(store: ObjectStore, storage: Storage) -> None:
    assert await store.sweep() == 0
    await put(store, NAME, b"abc")
    storage.put("incoming/crashed", b"half of a file")
    assert await store.sweep() == 1
    assert storage.files() == [NAME]


async def test_blobs_lists_blobs_and_nothing_else(store: ObjectStore, storage: Storage) -> None:
    assert [blob async for blob in store.blobs()] == []
    storage.put(NAME, b"abc", modified_s=1_234)
    await put(store, OTHER, b"abc")
    storage.put("ota/README", b"not a blob")
    storage.put(f"ota/{'0f' * 16}/README", b"not a blob")
    found = {blob.name: blob.modified_ms async for blob in store.blobs()}
    assert set(found) == {NAME, OTHER}
    assert found[NAME] == 1_234_000


async def test_archives_are_listed_apart_from_blobs(store: ObjectStore, storage: Storage) -> None:
    name = f"archive/{'aB3' * 8}02/{7:019d}.{'9e' * 32}.jsonl.gz"
    await put(store, name, b"content")
    storage.put("archive/x/y.gz", b"")
    assert [item.name async for item in store.archives()] == [name]
    assert [item async for item in store.blobs()] == []
    assert await read(store, name, 0, 7) == b"content"
    await store.delete(name)
    assert [item async for item in store.archives()] == []


async def test_check_is_content_with_a_store_that_works(store: ObjectStore) -> None:
    await store.check()


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
async def test_other_names_never_reach_the_store(name: str, store: ObjectStore, storage: Storage) -> None:
    writer = await store.create()
    for use in (store.open(name), store.delete(name), writer.commit(name)):
        with pytest.raises(ValueError, match="not the name of a blob"):
            await use
    await writer.abort()
    assert storage.files() == []

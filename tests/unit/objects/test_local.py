import fcntl
from pathlib import Path

from skyferry.objects.local import LocalObjectStore

NAME = f"ota/{'0f' * 16}/{'a1b2c' * 5}.tar.gz.{'9e' * 32}"
OTHER = f"ota/{'1f' * 16}/{'a1b2c' * 5}.bin.{'9e' * 32}"


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def put(store: LocalObjectStore, name: str, content: bytes) -> None:
    writer = await store.create()
    await writer.write(content)
    await writer.commit(name)


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

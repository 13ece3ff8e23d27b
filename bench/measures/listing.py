"""Lists of devices: a page of 50, and the whole fleet."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from bench import goosebit
from bench.figures import Figure, ratios
from bench.sides import OurSide, Side, TheirSide, sides

_DEVICES: Final = 1_000
_PAGE: Final = 50
_LARGEST_PAGE: Final = 200
_ROUNDS: Final = 5
_PAGES_EACH: Final = 10
_WHOLE_ROUNDS: Final = 3


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices; in turn pages of the server and of gooseBit's own pages, whose API has none."""
    ours, theirs, our_whole, their_whole = [], [], [], []
    async with sides(directory, [_DEVICES]) as (own, peer):
        for _ in range(_ROUNDS):
            ours.append(await _spent(own, lambda: _page(own)))
            if peer:
                theirs.append(await _spent(peer, lambda: _their_page(peer)))
        for _ in range(_WHOLE_ROUNDS):
            our_whole.append(await _spent(own, lambda: _whole(own), 1))
            if peer:
                their_whole.append(await _spent(peer, lambda: _their_whole(peer), 1))
    figures = [
        Figure(f"page of {_PAGE} devices", "CPU ms", ours, f"ListDevices, of {_DEVICES:,}; versions and tags included"),
        Figure(f"list of {_DEVICES:,} devices", "CPU ms", our_whole, f"in pages of {_LARGEST_PAGE}"),
    ]
    if peer:
        figures += [
            Figure(f"page of {_PAGE} devices, {goosebit.NAME}", "CPU ms", theirs, "of its own pages; its API has none"),
            Figure(f"list of {_DEVICES:,} devices, {goosebit.NAME}", "CPU ms", their_whole, "one answer"),
            Figure(f"page of {_PAGE} devices, to {goosebit.NAME}", "ratio", ratios(ours, theirs)),
            Figure(f"list of {_DEVICES:,} devices, to {goosebit.NAME}", "ratio", ratios(our_whole, their_whole)),
        ]
    return figures


async def _spent(side: Side, act: Callable[[], Awaitable[None]], times: int = _PAGES_EACH) -> float:
    """CPU milliseconds of one."""
    before = side.process.cpu_seconds()
    for _ in range(times):
        await act()
    return (side.process.cpu_seconds() - before) * 1_000 / times


async def _page(own: OurSide) -> None:
    answer = await own.app.call("ListDevices", PageSize=_PAGE)
    assert len(answer["Data"]["Device"]) == _PAGE, answer


async def _their_page(peer: TheirSide) -> None:
    asked = {"draw": 1, "start": 0, "length": _PAGE, "columns": [], "order": []}
    answer = await peer.server.call("POST", "/ui/bff/devices", json=asked)
    assert len(answer["data"]) == _PAGE, answer


async def _whole(own: OurSide) -> None:
    found, following = 0, dict[str, Any]()
    while True:
        answer = await own.app.call("ListDevices", PageSize=_LARGEST_PAGE, **following)
        found += len(answer["Data"]["Device"])
        if not answer.get("NextToken"):
            break
        following = {"NextToken": answer["NextToken"]}
    assert found == _DEVICES, found


async def _their_whole(peer: TheirSide) -> None:
    answer = await peer.server.call("GET", "/api/v1/devices")
    assert len(answer["devices"]) == _DEVICES, len(answer["devices"])

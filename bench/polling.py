"""Devices that speak hawkBit's device API, as SWUpdate does: they do what the answer to their poll names."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiohttp

_CONNECTIONS: Final = 16
"""Devices that ask at once, each on a connection that later devices use again."""
_PATIENCE_SECONDS: Final = 120
_BLOCK_BYTES: Final = 1 << 18
_ATTRIBUTES: Final = {"hw_boardname": "default", "hw_revision": "default"}

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class PollingDevice:
    """One device.

    Attributes:
        http: makes its requests.
        url: what it polls.
        token: its TargetToken.
        version: what it says that it runs, besides its hardware; None when it does not say.
    """

    http: aiohttp.ClientSession
    url: str
    token: str
    version: str | None = None

    async def poll(self) -> Mapping[str, str]:
        """The links of one poll, by their names."""
        answer = await self._json("GET", self.url)
        return {name: link["href"] for name, link in answer["_links"].items()}

    async def settle(self) -> Mapping[str, str]:
        """Polls, and tells its attributes where it is asked for them."""
        links = await self.poll()
        if "configData" in links:
            versions = {"version": self.version, "sw_version": self.version} if self.version else {}
            body = {"mode": "merge", "data": _ATTRIBUTES | versions}
            await self._json("PUT", links["configData"], body)
        return links

    async def update(self) -> None:
        """Polls, reads what to install, downloads it, says that it installs, says that it is done, polls again."""
        links = await self.settle()
        told = await self._json("GET", links["deploymentBase"])
        [artifact] = [item for chunk in told["deployment"]["chunks"] for item in chunk["artifacts"]]
        offered = artifact["_links"]
        received = await self._download((offered.get("download-http") or offered["download"])["href"])
        assert received == artifact["size"], f"{received} bytes came"
        feedback = f"{self.url}/deploymentBase/{told['id']}/feedback"
        await self._json("POST", feedback, _feedback(told["id"], "proceeding", "none", "Installing"))
        await self._json("POST", feedback, _feedback(told["id"], "closed", "success", "Installed"))
        links = await self.settle()
        assert "deploymentBase" not in links, "the update is over"

    async def _json(self, method: str, url: str, body: object = None) -> Any:
        async with self.http.request(method, url, json=body, headers=self._headers()) as response:
            assert response.ok, f"{method} {url}: {response.status} {await response.text()}"
            return await response.json(content_type=None) if response.content_type.endswith("json") else None

    async def _download(self, url: str) -> int:
        received = 0
        async with self.http.get(url, headers=self._headers()) as response:
            response.raise_for_status()
            async for block in response.content.iter_chunked(_BLOCK_BYTES):
                received += len(block)
        return received

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"TargetToken {self.token}"}


def _feedback(action: str, execution: str, finished: str, detail: str) -> dict[str, Any]:
    status = {"execution": execution, "result": {"finished": finished}, "details": [detail]}
    return {"id": action, "status": status}


async def each(
    devices: Iterable[PollingDevice],
    act: Callable[[PollingDevice], Awaitable[ResultT]],
    *,
    per_second: float | None = None,
) -> list[ResultT]:
    """Lets every device do something, a few at once; gives the results in no order.

    Args:
        devices: who.
        act: what.
        per_second: no more of them begin in a second.
    """
    waiting, results = enumerate(devices), list[ResultT]()
    began = time.perf_counter()

    async def go_on() -> None:
        for number, device in waiting:
            if per_second:
                await asyncio.sleep(began + number / per_second - time.perf_counter())
            results.append(await act(device))

    await asyncio.gather(*(go_on() for _ in range(_CONNECTIONS)))
    return results


@asynccontextmanager
async def polling() -> AsyncIterator[aiohttp.ClientSession]:
    """What devices make their requests with."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_CONNECTIONS), timeout=timeout) as http:
        yield http

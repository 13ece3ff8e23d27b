"""The application's side: signed calls and uploads, without an SDK, so that the caller costs little."""

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from bench.server import KEY_ID, SECRET, Server
from skyferry.rpc.signature_v1 import sign, string_to_sign

_POLL_SECONDS: Final = 0.01
_PATIENCE_SECONDS: Final = 120


class Application:
    """Calls operations of one server."""

    def __init__(self, http: aiohttp.ClientSession, server: Server) -> None:
        self._http = http
        self._url = f"http://{server.http}/"

    async def call(self, action: str, **parameters: Any) -> dict[str, Any]:
        """One operation. Lists become `Name.1`, `Name.2` and so on.

        Raises:
            RuntimeError: it was refused.
        """
        async with self._http.post(self._url, data=signed(action, parameters)) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        if not answer.get("Success"):
            raise RuntimeError(f"{action}: {answer}")
        return answer

    async def upload(self, content: bytes | AsyncIterable[bytes]) -> str:
        """Posts a file as the vendor's form has it; answers its FirmwareUrl."""
        ticket = (await self.call("GenerateOTAUploadURL"))["Data"]
        form = aiohttp.FormData()
        for name in ("Key", "Policy", "OSSAccessKeyId", "Signature"):
            form.add_field(name if name.startswith("OSS") else name.lower(), ticket[name])
        form.add_field("success_action_status", "200")
        form.add_field("file", content, filename="firmware.bin", content_type="application/octet-stream")
        async with self._http.post(ticket["Host"], data=form) as response:
            response.raise_for_status()
        return str(ticket["FirmwareUrl"])

    async def create_package(self, product_key: str, url: str, version: str) -> str:
        """A package of an uploaded file that counts as verified; answers its FirmwareId."""
        answer = await self.call(
            "CreateOTAFirmware",
            ProductKey=product_key,
            FirmwareName=f"{product_key}-{version}".replace(".", "_"),
            DestVersion=version,
            FirmwareUrl=url,
            NeedToVerify="false",
        )
        return str(answer["Data"]["FirmwareId"])

    async def update_all(self, product_key: str, firmware_id: str, protocol: str = "HTTPS") -> str:
        """A job for all devices of a product at the highest rate that the API allows; answers its JobId."""
        answer = await self.call(
            "CreateOTAStaticUpgradeJob",
            FirmwareId=firmware_id,
            ProductKey=product_key,
            TargetSelection="ALL",
            MaximumPerMinute=10_000,
            DownloadProtocol=protocol,
        )
        return str(answer["Data"]["JobId"])

    async def wait_for_tasks(self, job_id: str, count: int) -> None:
        """Waits until a job has its tasks."""

        async def all_there() -> bool:
            answer = await self.call("ListOTATaskByJob", JobId=job_id, CurrentPage=1, PageSize=1)
            return bool(answer["Total"] >= count)

        await _until(all_there)

    async def wait_for_end(self, job_id: str) -> None:
        """Waits until a job is complete."""

        async def complete() -> bool:
            return bool((await self.call("QueryOTAJob", JobId=job_id))["Data"]["JobStatus"] == "COMPLETED")

        await _until(complete)


async def _until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            if await reached():
                return
            await asyncio.sleep(_POLL_SECONDS)


def signed(action: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The form of a call."""
    form = {
        "Action": action,
        "Version": "2018-01-20",
        "Format": "JSON",
        "RegionId": "cn-shanghai",
        "AccessKeyId": KEY_ID,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": secrets.token_hex(16),
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for name, value in parameters.items():
        if isinstance(value, Sequence) and not isinstance(value, str):
            form |= {f"{name}.{number}": str(item) for number, item in enumerate(value, start=1)}
        else:
            form[name] = str(value)
    return form | {"Signature": sign(string_to_sign("POST", form), SECRET)}


@asynccontextmanager
async def application(server: Server) -> AsyncIterator[Application]:
    """An application that keeps its connection to a server."""
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        yield Application(http, server)

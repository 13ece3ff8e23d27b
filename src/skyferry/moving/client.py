"""A client of the API as far as moving needs it: signed calls, paced, tried again when it makes sense.

It signs with the functions that the server verifies with (`rpc/signature_v3.py`). The vendor's SDK would bring a dozen
packages for the dozen calls that are made here, and no pacing.
"""

import asyncio
import hashlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from skyferry.moving.errors import AwayError, DownloadError, RefusedError
from skyferry.moving.limits import MovingLimits
from skyferry.moving.pace import Pace
from skyferry.rpc import signature_v3
from skyferry.rpc.encoding import canonical_query
from skyferry.rpc.operation import VERSION
from skyferry.rpc.signature import SignedRequest

_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)
_OK: Final = 200
_EMPTY: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class AccessKey:
    """With what the other platform is asked; `token` goes with a temporary key and is empty with another one."""

    access_key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


class ApiClient:
    """Calls operations of one instance of one account."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoint: str,
        key: AccessKey,
        pace: Pace,
        *,
        instance: str | None = None,
        limits: MovingLimits | None = None,
    ) -> None:
        """Calls nothing yet.

        Args:
            http: makes the connections.
            endpoint: the API's URL, without a path.
            key: whose calls they are.
            pace: how fast operations are called.
            instance: the IotInstanceId; None for the account's default instance.
            limits: how often and how long is tried.
        """
        self._http = http
        self._url = URL(endpoint).with_path("/")
        self._key = key
        self._pace = pace
        self._instance = instance
        self._limits = limits or MovingLimits()
        self._attempts = self._limits.first_attempts

    async def call(self, action: str, **parameters: str | int) -> Mapping[str, Any]:
        """Calls an operation, again and again while the platform is busy or away.

        Raises:
            RefusedError: it was refused.
            AwayError: it came to nothing however often it was tried.
        """
        sent = {name: str(value) for name, value in parameters.items()}
        if self._instance is not None:
            sent["IotInstanceId"] = self._instance
        failed = throttled = 0
        while True:
            await self._pace.wait(action)
            try:
                answer = await self._once(action, sent)
            except RefusedError as error:
                problem = str(error)
                self._attempts = self._limits.attempts
                if error.is_throttling:
                    throttled += 1
                    self._pace.hold(action, self.wait_after(throttled - 1))
                elif error.is_passing:
                    failed += 1
                    await asyncio.sleep(self.wait_after(failed - 1))
                else:
                    raise
            except _FAILURES as error:
                problem = str(error) or type(error).__name__
                failed += 1
                await asyncio.sleep(self.wait_after(failed - 1))
            else:
                self._attempts = self._limits.attempts
                self._pace.went_well(action)
                return answer
            if failed >= self._attempts or throttled >= self._limits.throttled_attempts:
                raise AwayError(f"{self._url.origin()} does not answer {action}: {problem}.")

    def wait_after(self, attempt: int) -> float:
        """How long to wait after a failure, in seconds: twice as long each time, and not all callers alike."""
        longest = min(self._limits.first_wait_s * float(2**attempt), self._limits.most_wait_s)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - no secret

    @asynccontextmanager
    async def download(self, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Begins a download; the URL says by itself that it is allowed.

        Raises:
            DownloadError: it is refused.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_s, sock_read=self._limits.stall_s)
        # Signed by whoever made it: not a character of it may change.
        async with self._http.get(URL(url, encoded=True), timeout=timeout) as response:
            if response.status != _OK:
                raise DownloadError(f"{URL(url).host} answers a download with HTTP {response.status}.")
            yield response

    async def _once(self, action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        query = canonical_query(parameters)
        url = URL(f"{self._url}?{query}" if query else str(self._url), encoded=True)
        timeout = aiohttp.ClientTimeout(total=self._limits.answer_s, sock_connect=self._limits.connect_s)
        headers = self._headers(action, parameters)
        async with self._http.post(url, headers=headers, timeout=timeout, allow_redirects=False) as response:
            body = await _read(response, self._limits.most_answer_bytes)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise RefusedError(action, "", f"HTTP {response.status} without a JSON object.", response.status)
        if response.status != _OK or answer.get("Success") is not True:
            text = str(answer.get("ErrorMessage") or answer.get("Message") or "no reason is given")
            raise RefusedError(action, str(answer.get("Code") or ""), text, response.status)
        return answer

    def _headers(self, action: str, parameters: Mapping[str, str]) -> CIMultiDict[str]:
        headers = CIMultiDict(
            {
                "Host": self._url.authority,
                "x-acs-action": action,
                "x-acs-version": VERSION,
                "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "x-acs-signature-nonce": uuid.uuid4().hex,
                "x-acs-content-sha256": _EMPTY,
            }
        )
        if self._key.token:
            headers["x-acs-security-token"] = self._key.token
        signed = ";".join(sorted(name.lower() for name in headers))
        request = SignedRequest("POST", parameters, parameters, headers, b"")
        text = signature_v3.string_to_sign(signature_v3.canonical_request(request, signed))
        headers["Authorization"] = (
            f"{signature_v3.ALGORITHM} Credential={self._key.access_key_id},SignedHeaders={signed},"
            f"Signature={signature_v3.sign(text, self._key.secret)}"
        )
        headers["Accept"] = "application/json"
        return headers


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > most:
            raise aiohttp.ClientPayloadError(f"The answer has more than {most} bytes.")
    return bytes(body)

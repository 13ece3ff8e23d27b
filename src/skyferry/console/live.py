"""Tells open pages that something has changed, by server-sent events; what it is they ask for themselves."""

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from skyferry.clock import Clock
from skyferry.console.signing_in import SigningIn

EVENT: Final = "changed"
_PAUSE_SECONDS: Final = 1.0
"""The least time between two events of a page: what happens in between is one event."""
_LONGEST_SECONDS: Final = 15.0
"""A page is told to look so often in any case: what another process has changed makes no event here."""
_MOST_PAGES: Final = 500
_HEADERS: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Live:
    """The pages that are open now."""

    def __init__(self, signing_in: SigningIn, clock: Clock) -> None:
        """No page is open yet.

        Args:
            signing_in: who may still look.
            clock: names events, so that a page can tell them apart.
        """
        self._signing_in = signing_in
        self._clock = clock
        self._waiting: set[asyncio.Event] = set()
        self._closed = False

    def changed(self) -> None:
        """Something has changed that a page may show."""
        for event in self._waiting:
            event.set()

    async def close(self, _: web.Application) -> None:
        """Ends all streams: the server stops."""
        self._closed = True
        self.changed()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The stream of one page; it ends when the person signs out, and the page asks for another."""
        if await self._signing_in.person(request) is None:
            return web.Response(status=401)
        if len(self._waiting) >= _MOST_PAGES:
            return web.Response(status=503, headers={"Retry-After": "30"})
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            with suppress(ConnectionError):  # the page is closed
                await self._tell(request, response, event)
        finally:
            self._waiting.discard(event)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, event: asyncio.Event) -> None:
        while not self._closed:
            try:
                async with asyncio.timeout(_LONGEST_SECONDS):
                    await event.wait()
            except TimeoutError:
                if await self._signing_in.person(request) is None:
                    return
            event.clear()
            if not self._closed:
                await response.write(f"event: {EVENT}\ndata: {self._clock.now_ms()}\n\n".encode())
                await asyncio.sleep(_PAUSE_SECONDS)

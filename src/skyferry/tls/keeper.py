"""Keeps the certificate of a running server in order: made, renewed, and read anew when its files change."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from ssl import SSLContext
from typing import Final

import structlog

from skyferry.tls import certificates, contexts, metrics
from skyferry.tls.contexts import Contexts, ContextSources
from skyferry.tls.errors import TlsError
from skyferry.tls.files import TlsDirectory, read_certificate

_LOOK_SECONDS: Final = 30.0
"""Seconds between two looks at the files. A look costs a few file reads."""

_log = structlog.get_logger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class TlsKeeper:
    """Holds the SSL contexts; listeners ask it for the current one at each connection."""

    def __init__(self, directory: TlsDirectory, sources: ContextSources, names: Sequence[str]) -> None:
        """Reads nothing yet.

        Args:
            directory: the server's own certificates.
            sources: what the contexts are made of.
            names: what the server's own certificate should be for.
        """
        self._directory = directory
        self._sources = sources
        self._names = names
        self._contexts: Contexts | None = None
        self._ends_ms: int | None = None
        self._stamp: _Stamp = ()
        self._looker: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """Makes the certificates that are missing, reads them, and watches them from then on.

        Raises:
            TlsError: a file cannot be used.
        """
        await asyncio.to_thread(self._look)
        self._looker = asyncio.get_running_loop().create_task(self._keep_looking())

    async def stop(self) -> None:
        """Watches no more."""
        if self._looker is not None:
            self._looker.cancel()
            await asyncio.wait([self._looker])

    def wake(self) -> None:
        """Looks at the files now and not when it is time."""
        self._woken.set()

    def https(self) -> SSLContext:
        """The context for applications and browsers."""
        assert self._contexts, "not started"
        return self._contexts.https

    def devices(self) -> SSLContext:
        """The context for devices."""
        assert self._contexts, "not started"
        return self._contexts.devices

    def certificate_end_ms(self) -> int | None:
        """When the server's certificate is valid no more, in milliseconds since the Unix epoch."""
        return self._ends_ms

    async def _keep_looking(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await asyncio.to_thread(self._look)
            except TlsError as error:  # what was read before stays in use
                _log.warning("tls.not_reloaded", reason=str(error))

    def _look(self) -> None:
        now = certificates.utc_now()
        if self._directory.ensure(self._names, now):
            _log.info("tls.certificate_made", names=list(self._names))
        stamp = tuple(_stamp(file) for file in self._sources.files())
        if stamp == self._stamp:
            return
        self._contexts = contexts.load(self._sources)
        self._stamp = stamp
        certificate = read_certificate(self._sources.server.certificate)
        ends = certificate.not_valid_after_utc.timestamp()
        self._ends_ms = round(ends * 1_000)
        metrics.CERTIFICATE_ENDS.set(ends)
        fingerprint = certificates.fingerprint_of(certificate)
        _log.info("tls.certificate", sha256=fingerprint, ends=certificate.not_valid_after_utc.isoformat())


def _stamp(file: Path) -> tuple[int, int, int]:
    """What changes when a file is written or replaced."""
    try:
        status = file.stat()
    except OSError as error:
        raise TlsError(f"{file} cannot be read: {error.strerror}.") from None
    return status.st_mtime_ns, status.st_size, status.st_ino

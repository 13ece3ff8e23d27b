"""Copies packages with their files, which are checked on the way."""

import asyncio
import contextlib
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import Connection

from skyferry.moving.answers import SourceFile, SourcePackage, milliseconds
from skyferry.moving.errors import DownloadError
from skyferry.moving.move import Move
from skyferry.moving.report import Kind, Outcome
from skyferry.objects import urls
from skyferry.objects.errors import ObjectError
from skyferry.objects.tickets import DEFAULT_FIRMWARE_SUFFIX, FIRMWARE_SUFFIXES
from skyferry.ota import packages
from skyferry.ota.models import NewFile, NewPackage, PackageChanges
from skyferry.ota.packages import DIFFERENTIAL, PackageIdentity
from skyferry.ota.states import PackageStatus
from skyferry.store import packages as statements
from skyferry.store.objects import StoredObject
from skyferry.store.packages import PackageRecord

_LOCAL: Final = "http://localhost"
"""The host in the URLs by which files are named to the engine: it looks at the path alone."""
_SHA256_DIGITS: Final = 64
_KEPT: Final = frozenset({PackageStatus.NOT_NEEDED, PackageStatus.VERIFIED, PackageStatus.FAILED})


async def copy(move: Move, firmware_id: str, name: str) -> None:
    """Copies a package, or brings its name, description and custom information up to date.

    Raises:
        AwayError: the platform does not answer.
        RefusedError: nothing else will fare better.
        OSError: the object store failed.
    """
    with move.attempt(Kind.PACKAGES, name):
        source = await move.source.package(firmware_id)
        there = await move.target.store.read(statements.find, move.target.instance_id, firmware_id)
        if there is not None:
            move.report.count(Kind.PACKAGES, await _refresh(move, there, source))
        elif not source.files:
            move.report.fail(Kind.PACKAGES, name, "The API gives no URL of its file.", "Upload the file here.")
        else:
            await _bring(move, source)


async def _refresh(move: Move, there: PackageRecord, source: SourcePackage) -> Outcome:
    texts = source.firmware_name, source.firmware_desc or "", source.udi or ""
    if texts == (there.name, there.description or "", there.udi or ""):
        return Outcome.PRESENT
    await move.target.store.write(
        packages.modify,
        move.target.instance_id,
        there.firmware_id,
        source.product_key or "",
        PackageChanges(*texts),
        now=move.target.clock.now_ms(),
    )
    return Outcome.CHANGED


async def _bring(move: Move, source: SourcePackage) -> None:
    stored = []
    for position in range(len(source.files)):
        try:
            stored.append(await _file(move, source, position))
        except ObjectError as error:
            remedy = "Allow larger files (upload_most_bytes), and run the import again."
            move.report.fail(Kind.PACKAGES, source.firmware_name, error.message, remedy)
            return
        except DownloadError as error:
            remedy = "Run the import again; if it stays so, upload the file here from your build."
            move.report.fail(Kind.PACKAGES, source.firmware_name, str(error), remedy)
            return
        move.report.count(Kind.FILES, Outcome.COPIED)
    await move.target.store.write(_create, move, source, stored)
    move.report.count(Kind.PACKAGES, Outcome.COPIED)


async def _file(move: Move, source: SourcePackage, position: int) -> StoredObject:
    """Downloads a file and stores it. Each attempt begins with a new URL: they end, and so do connections.

    Raises:
        DownloadError: it does not arrive, or not as the platform says it is.
        ObjectError: it is larger than package files may be here.
        OSError: the object store failed.
    """
    problem = DownloadError("It was never tried.")
    for attempt in range(move.limits.download_attempts):
        if attempt:
            await asyncio.sleep(move.source.client.wait_after(attempt))
            source = await move.source.package(source.firmware_id)
        try:
            return await _fetch(move, source.files[position])
        except DownloadError as error:
            problem = error
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = DownloadError(f"A download breaks off: {str(error) or type(error).__name__}.")
    raise problem


async def _fetch(move: Move, file: SourceFile) -> StoredObject:
    async def check(found: StoredObject) -> None:
        _check(file, found)

    uploads = move.target.uploads
    async with contextlib.AsyncExitStack() as stack:
        response = await stack.enter_async_context(move.source.client.download(file.url))
        return await uploads.fetch(move.target.instance_id, _suffix(file.url), response.content.readany, check)


def _check(file: SourceFile, found: StoredObject) -> None:
    if file.size is not None and file.size != found.size:
        raise DownloadError(f"A file has {found.size} bytes and should have {file.size}.")
    for given in (file.sign_value, file.file_md5):
        actual = found.sha256 if len(given or "") == _SHA256_DIGITS else found.md5
        if given and given.lower() != actual:
            raise DownloadError(f"The digest of a file is {actual} and should be {given.lower()}.")


def _suffix(url: str) -> str:
    suffix = urlsplit(url).path.rpartition("/")[2].partition(".")[2]
    return suffix if suffix in FIRMWARE_SUFFIXES else DEFAULT_FIRMWARE_SUFFIX


def _create(tx: Connection, move: Move, source: SourcePackage, stored: list[StoredObject]) -> None:
    files = [
        NewFile(url=urls.object_url(_LOCAL, item.key), name=file.name)
        for file, item in zip(source.files, stored, strict=True)
    ]
    several = bool(source.multi_files)
    new = NewPackage(
        name=source.firmware_name,
        dest_version=source.dest_version,
        product_key=source.product_key,
        file=None if several else files[0],
        files=files if several else (),
        module=source.module_name,
        src_version=source.src_version if source.type == DIFFERENTIAL else None,
        type=source.type,
        sign_method=source.sign_method,
        description=source.firmware_desc or None,
        udi=source.udi or None,
    )
    status = source.status if source.status in _KEPT else PackageStatus.UNVERIFIED
    packages.create(
        tx,
        new,
        instance_id=move.target.instance_id,
        limits=move.target.engine_limits,
        now=milliseconds(source.utc_create) or move.target.clock.now_ms(),
        identity=PackageIdentity(source.firmware_id, PackageStatus(status)),
    )

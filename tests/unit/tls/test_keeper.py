"""The contexts of a running server, and how they follow their files."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from skyferry.tls import contexts, keeper
from skyferry.tls.certificates import utc_now
from skyferry.tls.contexts import ContextSources
from skyferry.tls.errors import TlsError
from skyferry.tls.files import TlsDirectory
from skyferry.tls.keeper import TlsKeeper
from tests.unit.devices.support import until

NAMES = ["localhost", "127.0.0.1"]


def sources_of(directory: TlsDirectory, *, static_rsa: bool = True) -> ContextSources:
    return ContextSources(directory.server, [directory.device_authority.certificate], static_rsa)


@asynccontextmanager
async def keeping(directory: TlsDirectory) -> AsyncIterator[TlsKeeper]:
    made = TlsKeeper(directory, sources_of(directory), NAMES)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def suites(context: ssl.SSLContext) -> set[str]:
    return {suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"}


def test_only_devices_get_static_rsa_and_only_if_the_settings_say_so(certified: TlsDirectory) -> None:
    made = contexts.load(sources_of(certified))
    assert suites(made.devices) > suites(made.https)
    assert {"AES128-SHA", "AES256-SHA256"} <= suites(made.devices)
    assert all(name.startswith("ECDHE-") for name in suites(made.https))
    strict = contexts.load(sources_of(certified, static_rsa=False))
    assert suites(strict.devices) == suites(strict.https)


def test_nothing_below_tls_1_2_and_a_certificate_is_asked_of_devices_only(certified: TlsDirectory) -> None:
    made = contexts.load(sources_of(certified))
    assert {made.https.minimum_version, made.devices.minimum_version} == {ssl.TLSVersion.TLSv1_2}
    assert (made.https.verify_mode, made.devices.verify_mode) == (ssl.CERT_NONE, ssl.CERT_OPTIONAL)


def test_what_cannot_be_used_is_named(own: TlsDirectory) -> None:
    with pytest.raises(TlsError, match="belongs to another certificate"):
        contexts.check_pair(own.server.certificate, own.authority.key)
    with pytest.raises(TlsError, match="No such file"):
        contexts.check_pair(own.server.certificate, own.path / "missing")
    own.device_authority.certificate.write_text("nonsense")
    with pytest.raises(TlsError, match=r"device-ca\.pem cannot be used as authority"):
        contexts.load(sources_of(own))


async def test_a_new_certificate_is_taken_when_woken(own: TlsDirectory) -> None:
    async with keeping(own) as kept:
        before = kept.devices(), kept.https()
        kept.wake()
        await asyncio.sleep(0)
        assert (kept.devices(), kept.https()) == before, "nothing has changed"
        await asyncio.to_thread(own.renew, NAMES, utc_now())
        kept.wake()
        await until(lambda: kept.devices() is not before[0])
        assert kept.https() is not before[1]


async def test_files_are_looked_at_without_being_told(own: TlsDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_LOOK_SECONDS", 0.01)
    async with keeping(own) as kept:
        before = kept.devices()
        await asyncio.to_thread(own.renew, NAMES, utc_now())
        await until(lambda: kept.devices() is not before)


async def test_what_cannot_be_read_leaves_the_old_in_use(own: TlsDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_LOOK_SECONDS", 0.01)
    async with keeping(own) as kept:
        before, right = kept.devices(), own.device_authority.certificate.read_bytes()
        own.device_authority.certificate.write_text("nonsense")
        await asyncio.sleep(0.1)
        assert kept.devices() is before
        own.device_authority.certificate.write_bytes(right)
        await until(lambda: kept.devices() is not before)


async def test_a_start_with_files_that_cannot_be_used_fails(own: TlsDirectory) -> None:
    own.authority.certificate.write_text("nonsense")
    with pytest.raises(TlsError):
        await TlsKeeper(own, sources_of(own), NAMES).start()

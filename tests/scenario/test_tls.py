"""Devices over TLS (device-plane reference §1.1, §1.6): old suites, ports for downloads, new certificates."""

import hashlib
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.scenario.support import Accounts, Fleet
from tests.support.api import root
from tests.support.device import CDevice
from tests.support.registering import RefusedError, register_by_http
from tests.support.server import Address, Server, wait_until
from tests.support.tuf import TufClient

pytestmark = pytest.mark.rule("devices")

CONTENT = b"firmware over TLS"
PORTS = ("mqtt", "mqtts", "https", "downloads")
NO_TLS = 403


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every kind of port."""
    with Server(tmp_path_factory.mktemp("secure"), further=PORTS[1:]) as started:
        yield started
        started.stop()


@pytest.fixture
def fleet(secure: Server) -> Iterator[Fleet]:
    """A product whose devices download over https, from the port for downloads."""
    api = root(secure.http)
    with ExitStack() as stack:
        fleet = Fleet(secure, api, api.upload(CONTENT), stack)
        base = f"https://{secure.address('downloads')}"
        api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase=base, DynamicRegistration="REGISTERED")
        yield fleet


def modern(server: Server) -> ssl.SSLContext:
    """What a device offers whose TLS is of today."""
    return ssl.create_default_context(cafile=str(server.authority))


def static_rsa(server: Server) -> ssl.SSLContext:
    """What the vendor's C SDK offers: TLS 1.2 with RSA key exchange, and nothing else."""
    context = modern(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    return context


def attempt(address: Address, context: ssl.SSLContext) -> None:
    """Shakes hands and leaves.

    Raises:
        OSError: the server wants no such connection.
    """
    with (
        socket.create_connection(address, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost"),
    ):
        pass


def refused(server: Server, port: str) -> bool:
    """True when a port refuses a client of static RSA, and the log says that it is for its suites."""

    def said() -> int:
        return server.logs().count("NO_SHARED_CIPHER")

    before = said()
    with pytest.raises(OSError):
        attempt(server.address(port), static_rsa(server))
    return wait_until(lambda: said() == before + 1, interval=0.02, what="NO_SHARED_CIPHER in the log")


def shown(address: Address) -> str:
    """The certificate that a new connection is shown."""
    return ssl.get_server_certificate(address)


def secret_of(fleet: Fleet) -> str:
    return str(fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductSecret"])


@pytest.mark.parametrize("port", ["mqtt", "mqtts"])
def test_a_device_that_knows_only_static_rsa_is_updated(fleet: Fleet, secure: Server, port: str) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    with CDevice(secure.address(port), device, static_rsa(secure)) as client:
        client.report_version("1.0.0", stored=True)
        job = fleet.job(fleet.package("2.0.0"), [device])
        content = client.update()

        assert content == CONTENT
        fleet.wait_for_state(job, device, "SUCCEEDED")


def test_static_rsa_is_for_devices_only(secure: Server) -> None:
    assert refused(secure, "https")

    attempt(secure.address("https"), modern(secure))


def test_static_rsa_can_be_switched_off(tmp_path: Path) -> None:
    with Server(tmp_path, {"SKYFERRY_TLS_STATIC_RSA": "false"}, further=PORTS[1:]) as server:
        for port in PORTS:
            assert refused(server, port)
            attempt(server.address(port), modern(server))
        server.stop()


def test_a_new_certificate_is_for_new_connections(fleet: Fleet, secure: Server) -> None:
    """The connections that stand go on with the certificate with which they began."""
    device, other = (fleet.api.register(fleet.product, name) for name in ("device-1", "device-2"))
    before = {port: shown(secure.address(port)) for port in PORTS}
    with CDevice(secure.mqtt, device, modern(secure)) as client:
        client.report_version("1.0.0", stored=True)
        Accounts(secure).command("tls", "renew")
        os.kill(secure.pid, signal.SIGHUP)
        wait_until(lambda: shown(secure.mqtt) != before["mqtt"], interval=0.02, what="the new certificate")

        after = {port: shown(secure.address(port)) for port in PORTS}
        assert len({*before.values()}) == len({*after.values()}) == 1
        with CDevice(secure.mqtt, other, modern(secure)) as newcomer:
            newcomer.report_version("1.0.0", stored=True)
            job = fleet.job(fleet.package("2.0.0"), [device, other])
            assert [client.update(), newcomer.update()] == [CONTENT, CONTENT]
            for each in (device, other):
                fleet.wait_for_state(job, each, "SUCCEEDED")


def test_a_device_registers_where_it_downloads(fleet: Fleet, secure: Server) -> None:
    """C SDKs register on port 443, where only the port for downloads listens; never in clear."""
    device = fleet.api.register(fleet.product, "device-1")
    address, secret = secure.address("downloads"), secret_of(fleet)

    answer = register_by_http(f"https://{address}", fleet.product, device.name, secret, authority=secure.authority)
    with pytest.raises(RefusedError) as caught:
        register_by_http(f"http://{address}", fleet.product, device.name, secret)

    told = fleet.api.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["DeviceSecret"]
    assert answer["deviceSecret"] == told
    assert caught.value.code == NO_TLS


@pytest.mark.rule("QueryTufRepository")
def test_a_tuf_client_needs_only_the_place_of_downloads(
    fleet: Fleet, secure: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metadata and packages, to the end of each redirect: nothing else need be reachable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    base = f"https://{secure.address('downloads')}/"
    fleet.package("2.0.0")
    Accounts(secure).command("tuf", "init", fleet.product)
    name = f"{hashlib.sha256(CONTENT).hexdigest()}.0-package.bin"

    def get(path: str) -> requests.Response:
        return requests.get(f"{base}tuf/{path}", verify=str(secure.authority), allow_redirects=False, timeout=30)

    wait_until(lambda: get(f"{fleet.product}/metadata/timestamp.json").ok, interval=0.05, what="the repository")
    told = fleet.api.call("QueryTufRepository", ProductKey=fleet.product)["Data"]
    first_root = get(f"{fleet.product}/metadata/1.root.json").content
    client = TufClient(tmp_path, told["MetadataUrl"], told["TargetsUrl"], first_root)
    redirected = get(f"{told['TargetsUrl'].partition('/tuf/')[2]}/default/2.0.0/{name}")

    assert client.download("default/2.0.0/0-package.bin") == CONTENT
    assert {told[url].startswith(base) for url in ("MetadataUrl", "TargetsUrl")} == {True}
    assert redirected.headers["Location"].startswith(f"{base}objects/ota/")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("POST", "/objects"), ("GET", "/metrics"), ("GET", "/mqtt")]
)
def test_nothing_else_is_served_where_devices_download(secure: Server, method: str, path: str) -> None:
    answer = requests.request(method, f"http://{secure.address('downloads')}{path}", timeout=30)

    assert answer.status_code == 404

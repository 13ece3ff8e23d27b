"""Over TLS: devices log in with certificates, and register themselves (device-plane reference §1.3, §1.8)."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Application, Device, root
from tests.support.authority import Authority
from tests.support.device import CDevice
from tests.support.registering import CertifiedDevice, RefusedError, register
from tests.support.server import Server

pytestmark = pytest.mark.rule("devices")

BAD_CREDENTIALS, NOT_AUTHORIZED = 4, 5


@dataclass(frozen=True)
class Secure:
    """A server whose devices come with certificates of two authorities: its own and a device maker's."""

    server: Server
    api: Application
    maker: Authority
    folder: Path

    def context(self, certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
        """What a device trusts, and what it shows."""
        context = ssl.create_default_context(cafile=str(self.server.authority))
        context.check_hostname = False
        if certificate is not None and key is not None:
            path = self.folder / "device.pem"
            path.write_text(certificate + key)
            context.load_cert_chain(path)
        return context

    def certified(self, device: Device, *, named: bool = False) -> CertifiedDevice:
        """The device with the certificate that the server issues."""
        given = {"ProductKey": device.product_key, "DeviceName": device.name}
        info = self.api.call("QueryDeviceCert", **given)["DeviceCertInfo"]
        context = self.context(info["Certificate"], info["PrivateKey"])
        return CertifiedDevice(self.server.mqtt, device, context, named=named)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    folder = tmp_path_factory.mktemp("secure")
    maker = Authority()
    authority = folder / "maker.pem"
    authority.write_text(maker.certificate)
    with Server(folder / "server", {"SKYFERRY_DEVICE_CA": str(authority)}) as server:
        yield Secure(server, root(server.http), maker, folder)
        server.stop()


@pytest.fixture
def fleet(secure: Secure) -> Iterator[Fleet]:
    """A product whose devices log in with certificates."""
    with ExitStack() as stack:
        fleet = Fleet(secure.server, secure.api, "", stack)
        made = secure.api.call("CreateProduct", ProductName=f"x509_{fleet.product}", NodeType=0, AuthType="x509")
        fleet.product = made["ProductKey"]
        yield fleet


def code_of(device: CDevice) -> int:
    """With which code the device's log-in is answered."""
    try:
        return device.connect()
    finally:
        device.drop()


@pytest.mark.rule("QueryDeviceCert")
def test_a_device_learns_from_its_certificate_who_it_is(secure: Secure, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")

    with secure.certified(device) as client:
        assert client.identity() == {"productKey": fleet.product, "deviceName": "device-1"}
        client.report_version("1.0.0", stored=True)
        assert fleet.status(device) == "ONLINE"
    with secure.certified(device, named=True) as client:
        assert client.identity()["deviceName"] == "device-1"
    assert fleet.api.version(device) == "1.0.0"


def test_a_certificate_is_good_for_its_own_device(secure: Secure, fleet: Fleet) -> None:
    device, other = fleet.api.register(fleet.product, "device-1"), fleet.api.register(fleet.product, "device-2")
    client = secure.certified(device, named=True)
    client._device = other

    assert code_of(client) == BAD_CREDENTIALS


def test_a_secret_or_no_certificate_is_not_enough(secure: Secure, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")

    assert code_of(CDevice(secure.server.mqtt, device)) == BAD_CREDENTIALS
    assert code_of(CertifiedDevice(secure.server.mqtt, device, secure.context(), named=True)) == BAD_CREDENTIALS
    assert code_of(CertifiedDevice(secure.server.mqtt, device, secure.context())) == BAD_CREDENTIALS


def test_a_disabled_device_stays_out(secure: Secure, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    client = secure.certified(device)
    fleet.api.call("DisableThing", IotId=device.iot_id)

    assert code_of(client) == NOT_AUTHORIZED


@pytest.mark.rule("SetDeviceCertificate")
def test_a_makers_certificate_takes_the_place_of_the_issued_one(secure: Secure, fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    before = secure.certified(device)
    own, stranger = secure.maker.issue("device-1"), secure.maker.issue("device-1")
    with before:
        fleet.api.call("SetDeviceCertificate", IotId=device.iot_id, Certificate=own.certificate)
        with pytest.raises(ConnectionError):
            before.ping()

    assert code_of(before) == BAD_CREDENTIALS
    with CertifiedDevice(secure.server.mqtt, device, secure.context(own.certificate, own.key)) as client:
        assert client.identity()["deviceName"] == "device-1"
    context = secure.context(stranger.certificate, stranger.key)
    assert code_of(CertifiedDevice(secure.server.mqtt, device, context, named=True)) == BAD_CREDENTIALS


@pytest.mark.parametrize("auth_type", ["register", "regnwl"])
def test_devices_register_themselves_over_tls_and_not_without(secure: Secure, auth_type: str) -> None:
    product = secure.api.create_product(f"over_tls_{auth_type}")
    secure.api.register(product, "device-1")
    secure.api.call("UpdateProductSettings", ProductKey=product, DynamicRegistration="ANY")
    secret = secure.api.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"]

    with pytest.raises(RefusedError) as caught:
        register(secure.server.mqtt, product, "device-1", secret, auth_type)
    answer = register(secure.server.mqtt, product, "device-1", secret, auth_type, tls=secure.context())

    assert caught.value.code == NOT_AUTHORIZED
    assert answer["deviceName"] == "device-1"


def test_devices_with_certificates_do_not_register_themselves(secure: Secure, fleet: Fleet) -> None:
    fleet.api.register(fleet.product, "device-1")
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DynamicRegistration="ANY")
    secret = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductSecret"]

    with pytest.raises(RefusedError) as caught:
        register(secure.server.mqtt, fleet.product, "device-1", secret, tls=secure.context())

    assert caught.value.code == NOT_AUTHORIZED

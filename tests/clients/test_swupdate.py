"""Debian's SWUpdate as a device of a hawkBit product: it takes an update from a job, installs it, and says so."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.api import Application, Device, root
from tests.support.hawkbit import HawkbitDevice
from tests.support.server import Server, wait_until

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(shutil.which("swupdate") is None, reason="swupdate is not installed"),
]

CONTENT: Final = b"the new firmware of a device with SWUpdate\n" * 1_000
_CONFIGURATION: Final = """
globals : {{ verbose = false; loglevel = 3; }};
suricatta : {{ tenant = "{tenant}"; id = "{name}"; url = "{url}"; targettoken = "{token}"; polldelay = 1; {tls} }};
identify : ( {{ name = "version"; value = "{version}"; }} );
"""
_DESCRIPTION: Final = """software = {{
  version = "{version}"; hardware-compatibility: [ "1.0" ];
  files: ( {{ filename = "firmware.bin"; path = "{target}"; sha256 = "{digest}"; }} );
}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose devices poll every second, without TLS."""
    settings = {"SKYFERRY_HAWKBIT_PLAIN": "true", "SKYFERRY_HAWKBIT_POLL_SECONDS": "1"}
    with Server(tmp_path_factory.mktemp("server"), settings) as started:
        yield started
        started.stop()


@pytest.fixture
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is when nobody allows HTTP; its devices poll every second."""
    with Server(tmp_path_factory.mktemp("tls"), {"SKYFERRY_HAWKBIT_POLL_SECONDS": "1"}, further=("https",)) as started:
        yield started
        started.stop()


@pytest.fixture
def device(root_application: Application, request: pytest.FixtureRequest) -> Device:
    """A device of a product of its own."""
    return board(root_application, request.node.name.removeprefix("test_")[:30])


def board(application: Application, product_name: str) -> Device:
    """A device of a new product for hawkBit's protocol."""
    product = application.create_product(product_name)
    application.call("UpdateProductSettings", ProductKey=product, DeviceProtocol="hawkbit")
    return application.register(product, "board")


@dataclass(frozen=True)
class Signer:
    """Who signs images: Debian's SWUpdate installs nothing that is not signed."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """What the device trusts."""
        return self.certificate.public_bytes(Encoding.PEM)

    def sign(self, content: bytes) -> bytes:
        """A detached CMS signature in DER."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(self.certificate, self.key, SHA256())
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
        return builder.sign(Encoding.DER, options)


@pytest.fixture(scope="module")
def signer() -> Signer:
    """A key with a certificate that it has signed itself."""
    key, now = rsa.generate_private_key(65_537, 2_048), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Image signer")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    return Signer(key, builder.add_extension(purposes, critical=False).sign(key, SHA256()))


def image(folder: Path, signer: Signer, target: Path, version: str, digest: str) -> bytes:
    """What SWUpdate installs: an archive with a signed description and one file."""
    folder.mkdir()
    description = _DESCRIPTION.format(version=version, target=target, digest=digest).encode()
    (folder / "firmware.bin").write_bytes(CONTENT)
    (folder / "sw-description").write_bytes(description)
    (folder / "sw-description.sig").write_bytes(signer.sign(description))
    packed = subprocess.run(
        ["cpio", "-o", "-H", "crc", "--quiet"],
        input=b"sw-description\nsw-description.sig\nfirmware.bin\n",
        cwd=folder,
        capture_output=True,
        check=True,
    )
    return packed.stdout


@contextmanager
def swupdate(
    server: Server,
    device: Device,
    signer: Signer,
    folder: Path,
    *,
    installed: str | None = None,
    tls: bool = False,
) -> Iterator[None]:
    """SWUpdate as a daemon that polls; its log is in the folder.

    What it has installed it tells of after a restart only, when the system says that it works.

    Args:
        server: where it polls.
        device: who it is.
        signer: whose images it takes.
        folder: where its files are.
        installed: the version that it has installed and that works; None before an installation.
        tls: it polls over HTTPS and trusts the server's authority only.
    """
    configuration, trusted = folder / "swupdate.cfg", folder / "trusted.pem"
    trusted.write_bytes(signer.pem)
    configuration.write_text(
        _CONFIGURATION.format(
            tenant=device.product_key,
            name=device.name,
            url=f"https://{server.address('https')}" if tls else f"http://{server.http}",
            token=device.secret,
            version=installed or "1.0.0",
            tls=f'cafile = "{server.authority}";' if tls else "",
        )
    )
    confirmation = "-c 2" if installed else ""
    environment = {**os.environ, "TMPDIR": str(folder), "RUNTIME_DIRECTORY": str(folder)}
    with (folder / "swupdate.log").open("ab") as output:
        daemon = subprocess.Popen(
            [
                "swupdate",
                "-f",
                str(configuration),
                "-H",
                "board:1.0",
                "-k",
                str(trusted),
                "-u",
                confirmation,
            ],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait(30)


def update(application: Application, device: Device, content: bytes, version: str = "2.0.0") -> str:
    """A job with an image for a device. SWUpdate takes files by the ending of their names."""
    url = application.upload(content, "swu")
    firmware = application.create_package(device.product_key, content, version, FirmwareUrl=url, NeedToVerify=False)
    return application.create_job(firmware, device.product_key, [device.name])


def test_swupdate_installs_and_succeeds(
    root_application: Application, server: Server, device: Device, signer: Signer, tmp_path: Path
) -> None:
    target = tmp_path / "installed"
    content = image(tmp_path / "image", signer, target, "2.0.0", hashlib.sha256(CONTENT).hexdigest())

    with swupdate(server, device, signer, tmp_path):
        root_application.wait_for_version(device, "1.0.0")
        job = update(root_application, device, content)
        wait_until(lambda: target.exists() and target.read_bytes() == CONTENT, what="the installed file")
        root_application.wait_for_states(job, {device.name: "IN_PROGRESS"})
    with swupdate(server, device, signer, tmp_path, installed="2.0.0"):
        root_application.wait_for_states(job, {device.name: "SUCCEEDED"})

    assert target.read_bytes() == CONTENT
    assert root_application.version(device) == "2.0.0"


def test_swupdate_over_https(encrypted: Server, signer: Signer, tmp_path: Path) -> None:
    application, target = root(encrypted.http), tmp_path / "installed"
    device = board(application, "over_https")
    refused = HawkbitDevice.of(encrypted.http, device).send("GET", "")
    assert refused.status == 403
    assert "Use HTTPS" in refused.json["message"]

    content = image(tmp_path / "image", signer, target, "2.0.0", hashlib.sha256(CONTENT).hexdigest())
    with swupdate(encrypted, device, signer, tmp_path, tls=True):
        application.wait_for_version(device, "1.0.0")
        job = update(application, device, content)
        application.wait_for_states(job, {device.name: "IN_PROGRESS"})
    with swupdate(encrypted, device, signer, tmp_path, installed="2.0.0", tls=True):
        application.wait_for_states(job, {device.name: "SUCCEEDED"})
    assert target.read_bytes() == CONTENT


def test_swupdate_tells_why_it_failed(
    root_application: Application, server: Server, device: Device, signer: Signer, tmp_path: Path
) -> None:
    content = image(tmp_path / "image", signer, tmp_path / "installed", "2.0.0", hashlib.sha256(b"other").hexdigest())

    with swupdate(server, device, signer, tmp_path):
        root_application.wait_for_version(device, "1.0.0")
        job = update(root_application, device, content)
        root_application.wait_for_states(job, {device.name: "FAILED"})

    assert root_application.tasks(job)[0]["TaskDesc"]
    assert root_application.version(device) == "1.0.0"


def test_swupdate_does_not_see_what_was_cancelled(
    root_application: Application, server: Server, device: Device, signer: Signer, tmp_path: Path
) -> None:
    target = tmp_path / "installed"
    content = image(tmp_path / "image", signer, target, "2.0.0", hashlib.sha256(CONTENT).hexdigest())
    with swupdate(server, device, signer, tmp_path):
        root_application.wait_for_version(device, "1.0.0")
    job = update(root_application, device, content)
    root_application.wait_for_states(job, {device.name: "QUEUED"})
    root_application.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)
    root_application.wait_for_states(job, {device.name: "CANCELED"})

    with swupdate(server, device, signer, tmp_path):
        second = update(root_application, device, content, "2.0.1")
        root_application.wait_for_states(second, {device.name: "IN_PROGRESS"})

    assert root_application.states(job) == {device.name: "CANCELED"}

"""Operations on the certificates of devices of products with AuthType x509."""

import asyncio
from typing import Annotated, Final

from pydantic import Field

from skyferry.bus.messages import DisconnectDevice
from skyferry.errors import ApiError
from skyferry.fleet import certificates
from skyferry.fleet.certificates import Holder
from skyferry.fleet.devices import DeviceReference
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, ResponseModel, Shortened, operation

_ISSUED: Final = 2


def _kept_of(pem: str) -> str:
    """What the audit trail keeps of a certificate."""
    try:
        return f"SHA-256 {certificates.read(pem).digest}"
    except ApiError:
        return "no certificate"


class QueryDeviceCertRequest(InstanceRequest):
    """Parameters of QueryDeviceCert."""

    product_key: str
    device_name: str
    """A device of the product, whose AuthType is x509."""


class DeviceCertInfo(ResponseModel):
    """The certificate of a device."""

    cert_sn: str = Field(alias="CertSN")
    """Its serial number in hexadecimal."""
    certificate: str
    """The certificate in PEM."""
    private_key: str | None
    """Its private key in PEM; absent when the certificate was given to the server."""
    status: int
    """Always 2: issued."""


class QueryDeviceCertResponse(ResponseModel):
    """Answer of QueryDeviceCert."""

    device_cert_info: DeviceCertInfo


@operation(
    "QueryDeviceCert",
    qps=10,
    access=Access.WRITE,
    deviations=(
        "The certificate is issued when it is first asked for: Status is never 0 (being issued) or 1 (failed).",
        "A certificate that SetDeviceCertificate has given has no PrivateKey.",
    ),
)
async def query_device_cert(call: Call, request: QueryDeviceCertRequest) -> QueryDeviceCertResponse:
    """Tells the certificate of a device of a product with AuthType x509, and issues it at the first time."""
    services, instance_id = call.services, call.instance.id
    reference = DeviceReference(None, request.product_key, request.device_name)
    holder = await services.store.read(certificates.find, instance_id, reference)
    if holder.certificate is None:
        issued = await asyncio.to_thread(
            services.issue_certificate, holder.product_key, holder.device.name, holder.device.iot_id
        )
        holder = await services.store.write(
            certificates.keep_issued,
            instance_id,
            reference,
            issued,
            box=services.box,
            now=services.clock.now_ms(),
        )
    return QueryDeviceCertResponse(device_cert_info=_told(call, holder))


def _told(call: Call, holder: Holder) -> DeviceCertInfo:
    certificate = holder.certificate
    assert certificate is not None
    sealed = certificate.key_sealed
    return DeviceCertInfo(
        cert_sn=certificate.serial,
        certificate=certificate.pem,
        private_key=None if sealed is None else call.services.box.open(sealed),
        status=_ISSUED,
    )


class SetDeviceCertificateRequest(DeviceRequest):
    """Parameters of SetDeviceCertificate."""

    certificate: Annotated[str | None, Shortened(_kept_of)] = None
    """The device's certificate in PEM, from an authority that the server trusts for devices; absent to void the
    certificate that the device has: the next QueryDeviceCert issues a new one."""


@operation("SetDeviceCertificate", qps=50, access=Access.WRITE, vendor=False)
async def set_device_certificate(call: Call, request: SetDeviceCertificateRequest) -> Empty:
    """Lets a device log in with this certificate and no other, and ends its connection."""
    services = call.services
    given = certificates.read(request.certificate) if request.certificate else None
    key = await services.store.write(
        certificates.replace, call.instance.id, request.reference, given, now=services.clock.now_ms()
    )
    await services.bus.command([DisconnectDevice(key)])
    return Empty()

"""Tickets with which applications upload files (control-plane reference §3)."""

from pydantic import Field

from skyferry.objects import tickets
from skyferry.objects.tickets import UploadTicket
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation

_STORAGE = "OSS"


async def _issue(call: Call, suffix: str, most_bytes: int) -> UploadTicket:
    services = call.services
    return await tickets.issue_ticket(
        services.store,
        services.box,
        services.clock,
        services.object_limits,
        instance_id=call.instance.id,
        public_url=services.public_url,
        suffix=suffix,
        most_bytes=most_bytes,
    )


class GenerateOTAUploadURLRequest(InstanceRequest):
    """Parameters of GenerateOTAUploadURL."""

    file_suffix: str | None = None
    """`bin` (when absent), `dav`, `apk`, `tar`, `gz`, `tar.gz`, `zip`, `gzip`; and `swu` and `raucb`, which only this
    server takes."""


class Ticket(ResponseModel):
    """`Data` of GenerateOTAUploadURL: the fields of the upload form, and the URL of the file afterwards."""

    key: str
    host: str
    policy: str
    oss_access_key_id: str = Field(alias="OSSAccessKeyId")
    signature: str
    object_storage: str
    firmware_url: str
    utc_create: str


class GenerateOTAUploadURLResponse(ResponseModel):
    """Answer of GenerateOTAUploadURL."""

    data: Ticket


@operation(
    "GenerateOTAUploadURL",
    qps=10,
    access=Access.WRITE,
    deviations=("Host is this server; OSSAccessKeyId and Signature are good for this one ticket.",),
)
async def generate_ota_upload_url(call: Call, request: GenerateOTAUploadURLRequest) -> GenerateOTAUploadURLResponse:
    """Issues a ticket for the upload of one package file."""
    suffix = tickets.firmware_suffix(request.file_suffix)
    ticket = await _issue(call, suffix, call.services.object_limits.most_file_bytes)
    return GenerateOTAUploadURLResponse(
        data=Ticket(
            key=ticket.key,
            host=ticket.host,
            policy=ticket.policy,
            oss_access_key_id=ticket.access_key_id,
            signature=ticket.signature,
            object_storage=_STORAGE,
            firmware_url=ticket.url,
            utc_create=formats.utc(ticket.created_ms),
        )
    )


class ListTicket(ResponseModel):
    """`Data` of GenerateDeviceNameListURL: as `Ticket`, under the names that this operation has for key and URL."""

    key: str
    host: str
    policy: str
    access_key_id: str
    signature: str
    object_storage: str
    file_url: str
    utc_create: str


class GenerateDeviceNameListURLResponse(ResponseModel):
    """Answer of GenerateDeviceNameListURL."""

    data: ListTicket


@operation(
    "GenerateDeviceNameListURL",
    qps=10,
    access=Access.WRITE,
    deviations=("Host is this server; AccessKeyId and Signature are good for this one ticket.",),
)
async def generate_device_name_list_url(
    call: Call,
    request: InstanceRequest,  # noqa: ARG001 - the instance is known already
) -> GenerateDeviceNameListURLResponse:
    """Issues a ticket for the upload of a list of device names."""
    ticket = await _issue(call, tickets.LIST_SUFFIX, call.services.object_limits.most_list_bytes)
    return GenerateDeviceNameListURLResponse(
        data=ListTicket(
            key=ticket.key,
            host=ticket.host,
            policy=ticket.policy,
            access_key_id=ticket.access_key_id,
            signature=ticket.signature,
            object_storage=_STORAGE,
            file_url=ticket.url,
            utc_create=formats.utc(ticket.created_ms),
        )
    )

"""Operations on packages (control-plane reference §4)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import deletion, packages
from skyferry.ota.models import NewFile, NewPackage, PackageChanges
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.rpc.operation import Access, Empty, RequestModel, ResponseModel, operation
from skyferry.store import packages as statements
from skyferry.store.packages import FileRecord, PackageRecord

_LARGEST_PAGE: Final = 100


class PackageFile(RequestModel):
    """`MultiFiles.N` of CreateOTAFirmware."""

    name: str | None = None
    """1 to 32 characters, once in the package."""
    url: str | None = None
    """The uploaded file, as GenerateOTAUploadURL answered it."""
    size: int | None = None
    """Bytes; checked against the upload when given."""
    file_md5: str | None = None
    """MD5 in hexadecimal; checked when given."""
    sign_value: str | None = None
    """Digest in hexadecimal, by SignMethod; checked when given."""


class CreateOTAFirmwareRequest(InstanceRequest):
    """Parameters of CreateOTAFirmware."""

    firmware_name: str
    """1 to 40 letters, digits, - _ ( ), beginning with a letter or digit; once in the instance."""
    dest_version: str
    """The version of the package: 1 to 64 of A-Z a-z 0-9 . _ -, once in the product."""
    product_key: str | None = None
    """The product that the package is for."""
    firmware_url: str | None = None
    """The uploaded file, as GenerateOTAUploadURL answered it: packages of one file only."""
    firmware_size: int | None = None
    """Bytes of the one file; checked against the upload when given."""
    firmware_sign: str | None = None
    """Digest of the one file in hexadecimal, by SignMethod; checked when given."""
    sign_method: str | None = None
    """`MD5` (when absent) or `SHA256`."""
    firmware_desc: str | None = None
    """Up to 100 characters."""
    type: int = 0
    """0: the whole firmware, 1: a differential package."""
    src_version: str | None = None
    """The version that the package updates: required when Type is 1, other than DestVersion."""
    module_name: str | None = None
    """A module of the product, in any letter case; the device's firmware as a whole (`default`) when absent.

    Devices must report the module in the letters in which it was made.
    """
    need_to_verify: bool = True
    """Whether CreateOTAVerifyJob must succeed before the package goes to a fleet."""
    udi: str | None = None
    """Text for the devices, up to 4096 characters, sent with the upgrade notice."""
    multi_files: list[PackageFile] = Field(default_factory=list)
    """Up to 20 files, instead of FirmwareUrl."""


class CreatedPackage(ResponseModel):
    """`Data` of CreateOTAFirmware."""

    firmware_id: str
    utc_create: str


class CreateOTAFirmwareResponse(ResponseModel):
    """Answer of CreateOTAFirmware."""

    data: CreatedPackage


def _new_package(request: CreateOTAFirmwareRequest) -> NewPackage:
    single = None
    if request.firmware_url is not None:
        single = NewFile(url=request.firmware_url, size=request.firmware_size, sign=request.firmware_sign)
    return NewPackage(
        name=request.firmware_name,
        dest_version=request.dest_version,
        product_key=request.product_key,
        file=single,
        files=[
            NewFile(url=file.url or "", name=file.name, size=file.size, sign=file.sign_value, md5=file.file_md5)
            for file in request.multi_files
        ],
        module=request.module_name,
        src_version=request.src_version,
        type=request.type,
        sign_method=request.sign_method,
        description=request.firmware_desc,
        udi=request.udi,
        need_to_verify=request.need_to_verify,
    )


@operation("CreateOTAFirmware", qps=10, access=Access.WRITE)
async def create_ota_firmware(call: Call, request: CreateOTAFirmwareRequest) -> CreateOTAFirmwareResponse:
    """Makes a package of one or several uploaded files."""
    services = call.services
    now = services.clock.now_ms()
    firmware_id = await services.store.write(
        packages.create,
        _new_package(request),
        instance_id=call.instance.id,
        limits=services.engine_limits,
        now=now,
    )
    return CreateOTAFirmwareResponse(data=CreatedPackage(firmware_id=firmware_id, utc_create=formats.utc(now)))


class ModifyOTAFirmwareRequest(InstanceRequest):
    """Parameters of ModifyOTAFirmware."""

    firmware_id: str
    product_key: str
    firmware_name: str | None = None
    """A new name, once in the instance; absent: the name stays."""
    firmware_desc: str | None = None
    """Up to 100 characters; absent: the description stays; empty: it is removed."""
    firmware_udi: str | None = None
    """Up to 4,096 characters for the devices; absent: they stay; empty: they are removed."""


@operation(
    "ModifyOTAFirmware",
    qps=5,
    access=Access.WRITE,
    deviations=("The name of a package can be changed, which the documentation of CreateOTAFirmware denies.",),
)
async def modify_ota_firmware(call: Call, request: ModifyOTAFirmwareRequest) -> Empty:
    """Changes the name, the description or the custom information of a package."""
    await call.services.store.write(
        packages.modify,
        call.instance.id,
        request.firmware_id,
        request.product_key,
        PackageChanges(request.firmware_name, request.firmware_desc, request.firmware_udi),
        now=call.services.clock.now_ms(),
    )
    return Empty()


class DeleteOTAFirmwareRequest(InstanceRequest):
    """Parameters of DeleteOTAFirmware."""

    firmware_id: str


@operation(
    "DeleteOTAFirmware",
    qps=10,
    access=Access.WRITE,
    deviations=(
        "A package is kept while a job of it has not ended: the documentation does not say what happens then.",
    ),
)
async def delete_ota_firmware(call: Call, request: DeleteOTAFirmwareRequest) -> Empty:
    """Deletes a package whose jobs have all ended, with its jobs and its files."""
    services = call.services
    await services.store.write(
        deletion.delete_package, call.instance.id, request.firmware_id, now=services.clock.now_ms()
    )
    services.bus.wake()
    return Empty()


class ListOTAFirmwareRequest(InstanceRequest):
    """Parameters of ListOTAFirmware."""

    current_page: int
    page_size: int
    """1 to 100."""
    product_key: str | None = None
    """Only packages of this product."""
    dest_version: str | None = None
    """Only packages of this version."""


class SimpleFirmwareInfo(ResponseModel):
    """One package in a list. Size and digest are those of a package of one file."""

    firmware_id: str
    firmware_name: str
    firmware_desc: str | None
    firmware_sign: str | None
    firmware_size: int | None
    sign_method: str
    dest_version: str
    src_version: str | None
    module_name: str
    product_key: str
    product_name: str
    status: int
    type: int
    utc_create: str
    utc_modified: str


class FirmwareInfos(ResponseModel):
    """Wraps the list."""

    simple_firmware_info: list[SimpleFirmwareInfo]


class ListOTAFirmwareResponse(ResponseModel):
    """Answer of ListOTAFirmware."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    firmware_info: FirmwareInfos


Files = dict[int, list[FileRecord]]


def _package_page(
    tx: Connection, instance_id: int, request: ListOTAFirmwareRequest, offset: int
) -> tuple[int, Sequence[PackageRecord], Files]:
    filters = {"product_key": request.product_key or None, "dest_version": request.dest_version or None}
    total = statements.count(tx, instance_id, **filters)
    page = statements.page(tx, instance_id, offset=offset, limit=request.page_size, **filters)
    return total, page, statements.files_of(tx, [package.id for package in page])


def _src_version(package: PackageRecord) -> str | None:
    """The source version of a differential package; a full one has none to tell (§4.4, §4.5)."""
    return package.src_version if package.type == DIFFERENTIAL else None


def _only_file(package: PackageRecord, files: Sequence[FileRecord]) -> FileRecord | None:
    return None if package.multi_file else files[0]


@operation("ListOTAFirmware", qps=10, access=Access.READ)
async def list_ota_firmware(call: Call, request: ListOTAFirmwareRequest) -> ListOTAFirmwareResponse:
    """Pages the packages, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    total, page, files = await call.services.store.read(_package_page, call.instance.id, request, offset)
    infos = []
    for package in page:
        only = _only_file(package, files[package.id])
        infos.append(
            SimpleFirmwareInfo(
                firmware_id=package.firmware_id,
                firmware_name=package.name,
                firmware_desc=package.description,
                firmware_sign=only.sign if only else None,
                firmware_size=only.size if only else None,
                sign_method=package.sign_method,
                dest_version=package.dest_version,
                src_version=_src_version(package),
                module_name=package.module,
                product_key=package.product_key,
                product_name=package.product_name,
                status=package.status,
                type=package.type,
                utc_create=formats.utc(package.created_at),
                utc_modified=formats.utc(package.modified_at),
            )
        )
    return ListOTAFirmwareResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        firmware_info=FirmwareInfos(simple_firmware_info=infos),
    )


class QueryOTAFirmwareRequest(InstanceRequest):
    """Parameters of QueryOTAFirmware."""

    firmware_id: str


class FileInfo(ResponseModel):
    """One file of a package of several. `Url` is signed and expires."""

    name: str | None
    size: int
    url: str
    file_md5: str
    sign_value: str


class FirmwareInfo(ResponseModel):
    """`FirmwareInfo` of QueryOTAFirmware: either the fields of the one file, or `MultiFiles`."""

    firmware_id: str
    firmware_name: str
    firmware_desc: str | None
    dest_version: str
    src_version: str | None
    module_name: str
    product_key: str
    product_name: str
    sign_method: str
    udi: str | None
    status: int
    type: int
    verify_progress: int
    firmware_sign: str | None
    firmware_size: int | None
    firmware_url: str | None
    multi_files: list[FileInfo] | None
    utc_create: str
    utc_modified: str


class QueryOTAFirmwareResponse(ResponseModel):
    """Answer of QueryOTAFirmware."""

    firmware_info: FirmwareInfo


def _package(tx: Connection, instance_id: int, firmware_id: str) -> tuple[PackageRecord, Sequence[FileRecord], int]:
    package = packages.find(tx, instance_id, firmware_id)
    return package, statements.files_of(tx, [package.id])[package.id], packages.verify_progress(tx, package)


@operation(
    "QueryOTAFirmware",
    qps=20,
    access=Access.READ,
    deviations=("VerifyProgress is the percentage of the verification's tasks that have ended.",),
)
async def query_ota_firmware(call: Call, request: QueryOTAFirmwareRequest) -> QueryOTAFirmwareResponse:
    """Tells everything about one package, with signed URLs of its files."""
    urls, now = call.services.urls, call.services.clock.now_ms()
    package, files, progress = await call.services.store.read(_package, call.instance.id, request.firmware_id)
    only = _only_file(package, files)
    several = [
        FileInfo(
            name=file.name,
            size=file.size,
            url=urls.sign(file.object_key, now),
            file_md5=file.md5,
            sign_value=file.sign,
        )
        for file in files
    ]
    return QueryOTAFirmwareResponse(
        firmware_info=FirmwareInfo(
            firmware_id=package.firmware_id,
            firmware_name=package.name,
            firmware_desc=package.description,
            dest_version=package.dest_version,
            src_version=_src_version(package),
            module_name=package.module,
            product_key=package.product_key,
            product_name=package.product_name,
            sign_method=package.sign_method,
            udi=package.udi,
            status=package.status,
            type=package.type,
            verify_progress=progress,
            firmware_sign=only.sign if only else None,
            firmware_size=only.size if only else None,
            firmware_url=urls.sign(only.object_key, now) if only else None,
            multi_files=None if only else several,
            utc_create=formats.utc(package.created_at),
            utc_modified=formats.utc(package.modified_at),
        )
    )

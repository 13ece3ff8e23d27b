"""Operations that register devices (control-plane reference §9.2)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry.fleet import devices, products, registrations
from skyferry.keys import SecretBox
from skyferry.operations import formats
from skyferry.operations.name_checks import InvalidDetail
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import registrations as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.registrations import NameRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 50


class RegisterDeviceRequest(InstanceRequest):
    """Parameters of RegisterDevice."""

    product_key: str
    device_name: str | None = None
    """4 to 32 of A-Z a-z 0-9 - _ @ . :, once in the product; generated when absent."""
    nickname: str | None = None
    """4 to 64 letters, digits and _ (a Chinese character counts two)."""
    dev_eui: str | None = None
    """Of LoRa devices: answered, without effect."""
    pin_code: str | None = None
    """Of LoRa devices: without effect."""
    join_eui: str | None = None
    """Of LoRa devices: answered, without effect."""
    app_key: str | None = None
    """Of LoRa devices: without effect."""
    lora_node_type: str | None = None
    """Of LoRa devices: without effect."""


class RegisteredDevice(ResponseModel):
    """`Data` of RegisterDevice."""

    product_key: str
    device_name: str
    device_secret: str
    iot_id: str
    nickname: str | None
    dev_eui: str | None
    join_eui: str | None


class RegisterDeviceResponse(ResponseModel):
    """Answer of RegisterDevice."""

    data: RegisteredDevice


def _register(
    tx: Connection,
    instance_id: int,
    product_key: str,
    name: str | None,
    nickname: str | None,
    *,
    box: SecretBox,
    now: int,
) -> tuple[DeviceRecord, str]:
    product = products.find(tx, instance_id, product_key)
    return devices.register(tx, product, name, nickname, box=box, now=now)


@operation(
    "RegisterDevice",
    qps=30,
    access=Access.WRITE,
    deviations=("There is no LoRaWAN: its parameters are answered or without effect.",),
)
async def register_device(call: Call, request: RegisterDeviceRequest) -> RegisterDeviceResponse:
    """Registers one device, by a given name or a generated one."""
    services = call.services
    device, secret = await services.store.write(
        _register,
        call.instance.id,
        request.product_key,
        request.device_name or None,
        request.nickname or None,
        box=services.box,
        now=services.clock.now_ms(),
    )
    return RegisterDeviceResponse(
        data=RegisteredDevice(
            product_key=request.product_key,
            device_name=device.name,
            device_secret=secret,
            iot_id=device.iot_id,
            nickname=device.nickname,
            dev_eui=request.dev_eui,
            join_eui=request.join_eui,
        )
    )


class BatchRegisterDeviceRequest(InstanceRequest):
    """Parameters of BatchRegisterDevice."""

    product_key: str
    count: int
    """How many: 1 to 10000. Their names are generated."""


class Application(ResponseModel):
    """`Data` of the operations that start an asynchronous registration."""

    apply_id: int


class BatchRegisterDeviceResponse(ResponseModel):
    """Answer of BatchRegisterDevice."""

    data: Application


def _start_batch(tx: Connection, instance_id: int, product_key: str, wanted: int, now: int) -> int:
    return registrations.start(tx, products.find(tx, instance_id, product_key), wanted, now=now)


@operation("BatchRegisterDevice", qps=10, access=Access.WRITE)
async def batch_register_device(call: Call, request: BatchRegisterDeviceRequest) -> BatchRegisterDeviceResponse:
    """Starts the registration of many devices with generated names."""
    services = call.services
    apply_id = await services.store.write(
        _start_batch, call.instance.id, request.product_key, request.count, services.clock.now_ms()
    )
    services.bus.wake()
    return BatchRegisterDeviceResponse(data=Application(apply_id=apply_id))


class BatchRegisterDeviceWithApplyIdRequest(InstanceRequest):
    """Parameters of BatchRegisterDeviceWithApplyId."""

    product_key: str
    apply_id: int


class BatchRegisterDeviceWithApplyIdResponse(ResponseModel):
    """Answer of BatchRegisterDeviceWithApplyId."""

    data: Application


def _start_checked(tx: Connection, instance_id: int, product_key: str, apply_id: int) -> None:
    registrations.start_checked(tx, products.find(tx, instance_id, product_key), apply_id)


@operation(
    "BatchRegisterDeviceWithApplyId",
    qps=500,
    access=Access.WRITE,
    deviations=("Names that were taken since the check do not hinder the other devices from being made.",),
)
async def batch_register_device_with_apply_id(
    call: Call, request: BatchRegisterDeviceWithApplyIdRequest
) -> BatchRegisterDeviceWithApplyIdResponse:
    """Starts the registration of the devices whose names BatchCheckDeviceNames has checked."""
    services = call.services
    await services.store.write(_start_checked, call.instance.id, request.product_key, request.apply_id)
    services.bus.wake()
    return BatchRegisterDeviceWithApplyIdResponse(data=Application(apply_id=request.apply_id))


class QueryBatchRegisterDeviceStatusRequest(InstanceRequest):
    """Parameters of QueryBatchRegisterDeviceStatus."""

    product_key: str
    apply_id: int


class Names(ResponseModel):
    """Wraps a list of device names."""

    name: list[str]


class InvalidDetails(ResponseModel):
    """Wraps the list; its name begins with a small letter on the wire."""

    invalid_detail_list: list[InvalidDetail] = Field(alias="invalidDetailList")


class BatchState(ResponseModel):
    """`Data` of QueryBatchRegisterDeviceStatus. The lists are filled in failed states only."""

    status: str
    valid_list: Names
    invalid_list: Names
    invalid_detail_list: InvalidDetails


class QueryBatchRegisterDeviceStatusResponse(ResponseModel):
    """Answer of QueryBatchRegisterDeviceStatus."""

    data: BatchState


def _batch_status(
    tx: Connection, instance_id: int, product_key: str, apply_id: int
) -> tuple[str, Sequence[NameRecord]]:
    batch = registrations.find_of_product(tx, products.find(tx, instance_id, product_key), apply_id)
    return batch.status, registrations.names_of_failed(tx, batch)


@operation("QueryBatchRegisterDeviceStatus", qps=30, access=Access.READ)
async def query_batch_register_device_status(
    call: Call, request: QueryBatchRegisterDeviceStatusRequest
) -> QueryBatchRegisterDeviceStatusResponse:
    """Tells how far an asynchronous registration is, and which names have failed."""
    status, entries = await call.services.store.read(
        _batch_status, call.instance.id, request.product_key, request.apply_id
    )
    details = [
        InvalidDetail(device_name=entry.name, nick_name=entry.nickname, error_msg=entry.problem)
        for entry in entries
        if entry.problem is not None
    ]
    return QueryBatchRegisterDeviceStatusResponse(
        data=BatchState(
            status=status,
            valid_list=Names(name=[entry.name for entry in entries if entry.problem is None]),
            invalid_list=Names(name=[detail.device_name for detail in details]),
            invalid_detail_list=InvalidDetails(invalid_detail_list=details),
        )
    )


class QueryPageByApplyIdRequest(InstanceRequest):
    """Parameters of QueryPageByApplyId."""

    apply_id: int
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 50."""


class ApplyDeviceInfo(ResponseModel):
    """One device of a registration."""

    device_id: str
    device_name: str
    device_secret: str
    iot_id: str


class ApplyDevices(ResponseModel):
    """Wraps the list."""

    apply_device_info: list[ApplyDeviceInfo]


class QueryPageByApplyIdResponse(ResponseModel):
    """Answer of QueryPageByApplyId."""

    page: int
    page_size: int
    page_count: int
    total: int
    apply_device_list: ApplyDevices


def _batch_page(
    tx: Connection, instance_id: int, apply_id: int, offset: int, limit: int
) -> tuple[int, Sequence[DeviceRecord]]:
    batch = registrations.find(tx, instance_id, apply_id)
    total = statements.count_of_devices(tx, batch.id)
    return total, statements.page_of_devices(tx, batch.id, offset=offset, limit=limit)


@operation("QueryPageByApplyId", qps=50, access=Access.READ)
async def query_page_by_apply_id(call: Call, request: QueryPageByApplyIdRequest) -> QueryPageByApplyIdResponse:
    """Pages the devices that a registration has made, with their secrets."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(
        _batch_page, call.instance.id, request.apply_id, offset, request.page_size
    )
    infos = [
        ApplyDeviceInfo(
            device_id=device.iot_id,
            device_name=device.name,
            device_secret=call.services.box.open(device.secret_sealed),
            iot_id=device.iot_id,
        )
        for device in page
    ]
    return QueryPageByApplyIdResponse(
        page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        apply_device_list=ApplyDevices(apply_device_info=infos),
    )

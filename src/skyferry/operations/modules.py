"""Operations on modules (control-plane reference §5.1-5.5)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry.fleet import devices, products
from skyferry.operations import formats
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import modules
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation
from skyferry.store import modules as statements
from skyferry.store import products as product_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.modules import ModuleRecord
from skyferry.store.products import ProductRecord

_LARGEST_PAGE: Final = 200


class ModuleRequest(InstanceRequest):
    """Names a module."""

    product_key: str
    module_name: str
    """1 to 64 of A-Z a-z 0-9 . _ -, once in the product in any letter case."""


class DescribedModuleRequest(ModuleRequest):
    """Names a module and describes it: parameters of CreateOTAModule and UpdateOTAModule."""

    alias_name: str | None = None
    """1 to 64 letters, digits and . - _; UpdateOTAModule keeps an absent one and removes it for an empty one."""
    desc: str | None = None
    """Up to 100 characters; UpdateOTAModule keeps an absent one and removes it for an empty one."""


def _create(tx: Connection, instance_id: int, request: DescribedModuleRequest, now: int) -> None:
    product = products.find(tx, instance_id, request.product_key)
    modules.create(tx, product, request.module_name, alias=request.alias_name, description=request.desc, now=now)


@operation("CreateOTAModule", qps=10, access=Access.WRITE)
async def create_ota_module(call: Call, request: DescribedModuleRequest) -> Empty:
    """Makes a module of a product."""
    await call.services.store.write(_create, call.instance.id, request, call.services.clock.now_ms())
    return Empty()


def _update(tx: Connection, instance_id: int, request: DescribedModuleRequest, now: int) -> None:
    product = products.find(tx, instance_id, request.product_key)
    modules.update(tx, product, request.module_name, alias=request.alias_name, description=request.desc, now=now)


@operation("UpdateOTAModule", qps=10, access=Access.WRITE)
async def update_ota_module(call: Call, request: DescribedModuleRequest) -> Empty:
    """Changes the alias and the description of a module."""
    await call.services.store.write(_update, call.instance.id, request, call.services.clock.now_ms())
    return Empty()


def _delete(tx: Connection, instance_id: int, request: ModuleRequest) -> None:
    modules.delete(tx, products.find(tx, instance_id, request.product_key), request.module_name)


@operation("DeleteOTAModule", qps=10, access=Access.WRITE)
async def delete_ota_module(call: Call, request: ModuleRequest) -> Empty:
    """Deletes a module that has no packages."""
    await call.services.store.write(_delete, call.instance.id, request)
    return Empty()


class ListOTAModuleByProductRequest(InstanceRequest):
    """Parameters of ListOTAModuleByProduct."""

    product_key: str


class ModuleInfo(ResponseModel):
    """One module of a product."""

    module_name: str
    alias_name: str | None
    desc: str | None
    product_key: str
    gmt_create: str
    gmt_modified: str


class ListOTAModuleByProductResponse(ResponseModel):
    """Answer of ListOTAModuleByProduct."""

    data: list[ModuleInfo]


def _of_product(tx: Connection, instance_id: int, product_key: str) -> Sequence[ModuleRecord]:
    return modules.of_product(tx, products.find(tx, instance_id, product_key))


@operation(
    "ListOTAModuleByProduct",
    qps=10,
    access=Access.READ,
    deviations=("The `default` module, which every product has, is listed.",),
)
async def list_ota_module_by_product(
    call: Call, request: ListOTAModuleByProductRequest
) -> ListOTAModuleByProductResponse:
    """Lists the modules of a product, `default` first."""
    found = await call.services.store.read(_of_product, call.instance.id, request.product_key)
    infos = [
        ModuleInfo(
            module_name=module.name,
            alias_name=module.alias,
            desc=module.description,
            product_key=request.product_key,
            gmt_create=formats.minute(module.created_at),
            gmt_modified=formats.minute(module.modified_at),
        )
        for module in found
    ]
    return ListOTAModuleByProductResponse(data=infos)


class ListOTAModuleVersionsByDeviceRequest(DeviceRequest):
    """Parameters of ListOTAModuleVersionsByDevice."""

    current_page: int
    page_size: int
    """1 to 200."""


class SimpleOTAModuleInfo(ResponseModel):
    """The version of one module of a device, as the device last reported it."""

    iot_id: str
    product_key: str
    device_name: str
    module_name: str
    module_version: str


class ModuleVersions(ResponseModel):
    """Wraps the list."""

    simple_ota_module_info: list[SimpleOTAModuleInfo] = Field(alias="SimpleOTAModuleInfo")


class ListOTAModuleVersionsByDeviceResponse(ResponseModel):
    """Answer of ListOTAModuleVersionsByDevice."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: ModuleVersions


Reported = tuple[DeviceRecord, ProductRecord, int, Sequence[tuple[str, str]]]


def _versions(tx: Connection, instance_id: int, request: ListOTAModuleVersionsByDeviceRequest, offset: int) -> Reported:
    device = devices.find(tx, instance_id, request.reference)
    product = product_statements.by_id(tx, device.product_id)
    page = statements.versions(tx, device.id, offset=offset, limit=request.page_size)
    return device, product, statements.count_versions(tx, device.id), page


@operation("ListOTAModuleVersionsByDevice", qps=10, access=Access.READ)
async def list_ota_module_versions_by_device(
    call: Call, request: ListOTAModuleVersionsByDeviceRequest
) -> ListOTAModuleVersionsByDeviceResponse:
    """Pages the versions that a device has reported, by the names of the modules."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    device, product, total, page = await call.services.store.read(_versions, call.instance.id, request, offset)
    infos = [
        SimpleOTAModuleInfo(
            iot_id=device.iot_id,
            product_key=product.product_key,
            device_name=device.name,
            module_name=module,
            module_version=version,
        )
        for module, version in page
    ]
    return ListOTAModuleVersionsByDeviceResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=ModuleVersions(simple_ota_module_info=infos),
    )

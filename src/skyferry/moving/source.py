"""The fleet on the other platform, read page by page."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from skyferry.moving.answers import (
    Answer,
    DeviceDetail,
    GroupMember,
    ListedPackage,
    SourceCertificate,
    SourceDevice,
    SourceGroup,
    SourceModule,
    SourcePackage,
    SourceProduct,
)
from skyferry.moving.client import ApiClient
from skyferry.moving.errors import RefusedError

AnswerT = TypeVar("AnswerT", bound=Answer)

_PAGE: Final = 50
"""What the lists of devices give at most."""
_LARGE_PAGE: Final = 100
"""What the lists of products, groups and packages give alike."""
_DYNAMIC: Final = "LINK_PLATFORM_DYNAMIC"


class Source:
    """Reads what there is to copy. Nothing but a page of a list is in memory, and the products.

    Every method raises `AwayError`, and `RefusedError` also when an answer is not what the reference says.
    """

    def __init__(self, client: ApiClient) -> None:
        """Args: client: asks the platform."""
        self.client = client

    async def products(self) -> AsyncIterator[str]:
        """The ProductKeys, newest first."""
        async for item in self._numbered("QueryProductList", _LARGE_PAGE, ("Data", "List", "ProductInfo"), ("Data",)):
            yield str(item.get("ProductKey"))

    async def product(self, product_key: str) -> SourceProduct:
        """One product with its secret."""
        answer = await self.client.call("QueryProduct", ProductKey=product_key)
        return _read(SourceProduct, "QueryProduct", answer.get("Data"))

    async def modules(self, product_key: str) -> Sequence[SourceModule]:
        """The modules of a product."""
        answer = await self.client.call("ListOTAModuleByProduct", ProductKey=product_key)
        return [_read(SourceModule, "ListOTAModuleByProduct", item) for item in _items(answer, "Data")]

    async def devices(self, product_key: str) -> AsyncIterator[Sequence[SourceDevice]]:
        """The devices of a product, a page at a time: by token where the platform gives one, else by number."""
        number, token = 1, None
        while True:
            where: dict[str, str | int] = {"CurrentPage": number} if token is None else {"NextToken": token}
            answer = await self.client.call("QueryDevice", ProductKey=product_key, PageSize=_PAGE, **where)
            page = [_read(SourceDevice, "QueryDevice", item) for item in _items(answer, "Data", "DeviceInfo")]
            if page:
                yield page
            token = answer.get("NextToken") or None
            number += 1
            if not page or (token is None and number > int(answer.get("PageCount") or 0)):
                return

    async def details(self, product_key: str, names: Sequence[str]) -> Mapping[str, DeviceDetail]:
        """What a list does not tell of devices, by their names; a page of them at most."""
        numbered = {f"DeviceName.{number}": name for number, name in enumerate(names, 1)}
        answer = await self.client.call("BatchQueryDeviceDetail", ProductKey=product_key, **numbered)
        found = [_read(DeviceDetail, "BatchQueryDeviceDetail", item) for item in _items(answer, "Data", "Data")]
        return {detail.device_name: detail for detail in found}

    async def tags(self, product_key: str, device_name: str) -> str:
        """The tags of a device, as the text of a JSON object."""
        answer = await self.client.call("QueryDeviceProp", ProductKey=product_key, DeviceName=device_name)
        return str(answer.get("Props") or "{}")

    async def certificate(self, product_key: str, device_name: str) -> SourceCertificate:
        """The X.509 certificate of a device whose product has them."""
        answer = await self.client.call("QueryDeviceCert", ProductKey=product_key, DeviceName=device_name)
        return _read(SourceCertificate, "QueryDeviceCert", answer.get("DeviceCertInfo"))

    async def groups(self, below: str | None = None) -> AsyncIterator[SourceGroup]:
        """The static groups: all that the platform lists without a parent, or those directly below a group."""
        where = {"SuperGroupId": below} if below else {}
        async for item in self._numbered("QueryDeviceGroupList", _LARGE_PAGE, ("Data", "GroupInfo"), (), **where):
            yield _read(SourceGroup, "QueryDeviceGroupList", item)

    async def dynamic_groups(self) -> AsyncIterator[SourceGroup]:
        """The dynamic groups."""
        where = {"GroupTypes.1": _DYNAMIC}
        async for item in self._numbered("QueryDeviceGroupList", _LARGE_PAGE, ("Data", "GroupInfo"), (), **where):
            yield _read(SourceGroup, "QueryDeviceGroupList", item)

    async def expression(self, group_id: str) -> str | None:
        """Which devices a dynamic group has; None when the platform does not tell."""
        answer = await self.client.call("QueryDeviceGroupInfo", GroupId=group_id, GroupType=_DYNAMIC)
        return _inner(answer, "Data").get("DynamicGroupExpression") or None

    async def group_tags(self, group_id: str) -> int:
        """How many tags a group has."""
        answer = await self.client.call("QueryDeviceGroupTagList", GroupId=group_id)
        return len(_items(answer, "Data", "GroupTagInfo"))

    async def members(self, group_id: str) -> AsyncIterator[Sequence[GroupMember]]:
        """The devices of a static group, a page at a time."""
        page: list[GroupMember] = []
        path = ("Data", "SimpleDeviceInfo")
        async for item in self._numbered("QueryDeviceListByDeviceGroup", _PAGE, path, (), GroupId=group_id):
            page.append(_read(GroupMember, "QueryDeviceListByDeviceGroup", item))
            if len(page) == _PAGE:
                yield page
                page = []
        if page:
            yield page

    async def packages(self) -> AsyncIterator[ListedPackage]:
        """The packages of all products, newest first."""
        path = ("FirmwareInfo", "SimpleFirmwareInfo")
        async for item in self._numbered("ListOTAFirmware", _LARGE_PAGE, path, ()):
            yield _read(ListedPackage, "ListOTAFirmware", item)

    async def package(self, firmware_id: str) -> SourcePackage:
        """One package, with URLs of its files that are valid for a while."""
        answer = await self.client.call("QueryOTAFirmware", FirmwareId=firmware_id)
        return _read(SourcePackage, "QueryOTAFirmware", answer.get("FirmwareInfo"))

    async def _numbered(
        self, action: str, size: int, path: Sequence[str], paging: Sequence[str], **parameters: str | int
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The items of a list whose pages have numbers, and that says how many there are."""
        number, pages = 1, 1
        while number <= pages:
            answer = await self.client.call(action, CurrentPage=number, PageSize=size, **parameters)
            items = _items(answer, *path)
            for item in items:
                yield item
            pages = int(_inner(answer, *paging).get("PageCount") or 0) if items else 0
            number += 1


def _inner(answer: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Any = answer
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _items(answer: Mapping[str, Any], *path: str) -> Sequence[Mapping[str, Any]]:
    """The items of a list, wrapped or not; an empty one may be absent."""
    found = _inner(answer, *path[:-1]).get(path[-1])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _read(model: type[AnswerT], action: str, data: object) -> AnswerT:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise RefusedError(action, "", f"{where} is not what the reference says: {first['msg']}", 200) from None

"""BatchCheckDeviceNames (control-plane reference §9.2): registers nothing yet, so that bad lists do no harm."""

from collections.abc import Sequence

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import products, registrations
from skyferry.fleet.registrations import Misfits, WantedDevice
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, RequestModel, ResponseModel, operation


class NamedDevice(RequestModel):
    """One item of DeviceNameList."""

    device_name: str
    """The name: 4 to 32 of A-Z a-z 0-9 - _ @ . :"""
    device_nickname: str | None = None
    """The nickname: 4 to 64 letters, digits and _ (a Chinese character counts two)."""


class BatchCheckDeviceNamesRequest(InstanceRequest):
    """Parameters of BatchCheckDeviceNames. When both lists are given, the one with nicknames counts."""

    product_key: str
    device_name: list[str] = Field(default_factory=list)
    """Up to 10000 names; or use DeviceNameList."""
    device_name_list: list[NamedDevice] = Field(default_factory=list)
    """Up to 10000 names with nicknames, instead of DeviceName."""

    @property
    def wanted(self) -> Sequence[WantedDevice]:
        """What the request asks for."""
        if self.device_name_list:
            return [WantedDevice(item.device_name, item.device_nickname) for item in self.device_name_list]
        return [WantedDevice(name) for name in self.device_name]


class InvalidDeviceNames(ResponseModel):
    """Wraps the names that are not of the form."""

    invalid_device_name: list[str]


class InvalidDeviceNicknames(ResponseModel):
    """Wraps the nicknames that are not of the form."""

    invalid_device_nickname: list[str]


class RepeatedDeviceNames(ResponseModel):
    """Wraps the names that occur more than once; the list's name is misspelt on the wire."""

    repeat_devie_name_list: list[str]


class InvalidDetail(ResponseModel):
    """Why a device cannot be as it is wanted."""

    device_name: str
    nick_name: str | None
    error_msg: str


class InvalidDetails(ResponseModel):
    """Wraps the list."""

    invalid_detail_list: list[InvalidDetail]


class NameCheck(ResponseModel):
    """`Data` of BatchCheckDeviceNames: the ApplyId when the list looks right, otherwise what is wrong with it."""

    apply_id: int | None = None
    invalid_device_name_list: InvalidDeviceNames | None = None
    invalid_device_nickname_list: InvalidDeviceNicknames | None = None
    repeated_device_name_list: RepeatedDeviceNames | None = None
    invalid_detail_list: InvalidDetails | None = None


class BatchCheckDeviceNamesResponse(ResponseModel):
    """Answer of BatchCheckDeviceNames."""

    data: NameCheck


def _start(tx: Connection, instance_id: int, product_key: str, wanted: Sequence[WantedDevice], now: int) -> int:
    return registrations.start_check(tx, products.find(tx, instance_id, product_key), wanted, now=now)


@operation(
    "BatchCheckDeviceNames",
    qps=10,
    access=Access.WRITE,
    deviations=("A longer list is refused; the original service drops what is beyond 10000 names.",),
)
async def batch_check_device_names(call: Call, request: BatchCheckDeviceNamesRequest) -> BatchCheckDeviceNamesResponse:
    """Starts the check of up to 10,000 names that devices are to have."""
    services = call.services
    wanted = request.wanted
    if misfits := registrations.misfits(wanted):
        raise _refusal(misfits)
    apply_id = await services.store.write(
        _start, call.instance.id, request.product_key, wanted, services.clock.now_ms()
    )
    services.bus.wake()
    return BatchCheckDeviceNamesResponse(data=NameCheck(apply_id=apply_id))


def _refusal(misfits: Misfits) -> ApiError:
    data = NameCheck(
        invalid_device_name_list=InvalidDeviceNames(invalid_device_name=list(misfits.bad_names)),
        invalid_device_nickname_list=InvalidDeviceNicknames(invalid_device_nickname=list(misfits.bad_nicknames)),
        repeated_device_name_list=RepeatedDeviceNames(repeat_devie_name_list=list(misfits.repeated_names)),
        invalid_detail_list=InvalidDetails(
            invalid_detail_list=[
                InvalidDetail(device_name=misfit.name, nick_name=misfit.nickname, error_msg=misfit.reason)
                for misfit in misfits.details
            ]
        ),
    )
    only_nicknames = not misfits.bad_names and not misfits.repeated_names
    kind = codes.INVALID_DEVICE_NICKNAME_EXISTED if only_nicknames else codes.INVALID_DEVICE_NAME_EXISTED
    return ApiError(kind, data=data.model_dump(mode="json", by_alias=True, exclude_none=True))

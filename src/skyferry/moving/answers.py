"""What the other platform tells, as far as it is copied (control-plane reference §4, §5, §9).

Members that are absent are taken as unknown: the platform leaves out what has no value.
"""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_pascal


class Answer(BaseModel):
    """Members by the names of the wire; unknown ones are ignored."""

    model_config = ConfigDict(alias_generator=to_pascal, extra="ignore", frozen=True, coerce_numbers_to_str=True)


class SourceProduct(Answer):
    """`Data` of QueryProduct."""

    product_key: str
    product_name: str
    product_secret: str | None = None
    node_type: int = 0
    auth_type: str | None = None
    data_format: int | None = None
    net_type: int | None = None
    device_count: int = 0
    gmt_create: int | None = None
    id2: bool | None = None
    aliyun_commodity_code: str | None = None
    category_key: str | None = None
    description: str | None = None
    protocol_type: str | None = None
    validate_type: int | None = None


class SourceModule(Answer):
    """An item of ListOTAModuleByProduct."""

    module_name: str
    alias_name: str | None = None
    desc: str | None = None


class SourceDevice(Answer):
    """An item of QueryDevice."""

    device_name: str
    device_secret: str | None = None
    iot_id: str | None = None
    device_status: str | None = None
    nickname: str | None = None
    utc_create: str | None = None


class DeviceDetail(Answer):
    """An item of BatchQueryDeviceDetail."""

    device_name: str
    device_secret: str | None = None
    utc_active: str | None = None


class SourceCertificate(Answer):
    """`DeviceCertInfo` of QueryDeviceCert."""

    certificate: str
    private_key: str | None = None


class SourceGroup(Answer):
    """An item of QueryDeviceGroupList."""

    group_id: str
    group_name: str
    group_desc: str | None = None
    utc_create: str | None = None


class GroupMember(Answer):
    """An item of QueryDeviceListByDeviceGroup."""

    product_key: str
    device_name: str


class SourceFile(Answer):
    """One file of a package: an item of `MultiFiles`, or what a package of one file says of it."""

    name: str | None = None
    size: int | None = None
    url: str
    file_md5: str | None = None
    sign_value: str | None = None


class SourcePackage(Answer):
    """`FirmwareInfo` of QueryOTAFirmware."""

    firmware_id: str
    firmware_name: str
    dest_version: str
    firmware_desc: str | None = None
    src_version: str | None = None
    module_name: str | None = None
    product_key: str | None = None
    sign_method: str | None = None
    udi: str | None = None
    status: int = 0
    type: int = 0
    firmware_sign: str | None = None
    firmware_size: int | None = None
    firmware_url: str | None = None
    multi_files: tuple[SourceFile, ...] = Field(default=())
    utc_create: str | None = None

    @field_validator("multi_files", mode="before")
    @classmethod
    def _absent_is_none(cls, value: object) -> object:
        return value or ()

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Its files, one or several."""
        if self.multi_files or not self.firmware_url:
            return self.multi_files
        only = SourceFile(Url=self.firmware_url, Size=self.firmware_size, SignValue=self.firmware_sign)
        return (only,)


class ListedPackage(Answer):
    """An item of ListOTAFirmware."""

    firmware_id: str
    firmware_name: str
    product_key: str | None = None
    firmware_size: int | None = None


def milliseconds(text: str | None) -> int | None:
    """A time of the wire (`2019-11-04T06:22:19.566Z`) in milliseconds since the Unix epoch; None when it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)

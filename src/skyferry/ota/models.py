"""What callers hand to the update engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skyferry.fleet.products import MOST_PRODUCTS
from skyferry.ota.controls import NONE, Controls


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a package to be made; absent values are taken from the uploaded object.

    Attributes:
        url: where the file was uploaded to, as the ticket gave it.
        name: its name inside a package of several files.
        size: bytes.
        sign: digest by the package's sign method, hexadecimal.
        md5: MD5, hexadecimal.
    """

    url: str
    name: str | None = None
    size: int | None = None
    sign: str | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class NewPackage:
    """What CreateOTAFirmware says (control-plane reference §4.1)."""

    name: str
    dest_version: str
    product_key: str | None
    file: NewFile | None = None
    files: Sequence[NewFile] = ()
    module: str | None = None
    src_version: str | None = None
    type: int = 0
    sign_method: str | None = None
    description: str | None = None
    udi: str | None = None
    need_to_verify: bool = True


@dataclass(frozen=True, slots=True)
class PackageChanges:
    """What ModifyOTAFirmware says; None leaves a value as it is, an empty text removes description and udi."""

    name: str | None = None
    description: str | None = None
    udi: str | None = None


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What every kind of job can be told (control-plane reference §5.7)."""

    timeout_minutes: int | None = None
    maximum_per_minute: int | None = None
    overwrite_mode: int | None = None
    need_push: bool = True
    need_confirm: bool = False
    multi_module: bool = False
    download_protocol: str | None = None
    retry_interval_minutes: int | None = None
    retry_count: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NameList:
    """An uploaded list of device names.

    Attributes:
        key: the uploaded object.
        size: its length in bytes.
        head: its first bytes, all of them when it is short.
    """

    key: str
    size: int
    head: bytes


@dataclass(frozen=True, slots=True)
class NewStaticJob:
    """What CreateOTAStaticUpgradeJob says; times are milliseconds since the Unix epoch."""

    firmware_id: str
    product_key: str
    target_selection: str
    src_versions: Sequence[str] = ()
    device_names: Sequence[str] = ()
    name_list: NameList | None = None
    gray_percent: str | None = None
    group_id: str | None = None
    group_type: str | None = None
    schedule_at: int | None = None
    finish_at: int | None = None
    options: JobOptions = JobOptions()
    controls: Controls = NONE


@dataclass(frozen=True, slots=True)
class NewDynamicJob:
    """What CreateOTADynamicUpgradeJob says."""

    firmware_id: str
    product_key: str
    src_versions: Sequence[str] = ()
    group_id: str | None = None
    group_type: str | None = None
    dynamic_mode: int | None = None
    options: JobOptions = JobOptions()
    controls: Controls = NONE


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Numbers of the engine that an operator may change.

    Attributes:
        chunk_devices: how many devices one transaction turns into tasks.
        chunk_tasks: how many tasks of a stopped job one transaction ends.
        push_jitter_ms: over how many milliseconds the first pushes of a job are spread.
        connect_delay_ms: how long after its log-in a device that reports no version is pushed to.
        repush_after_ms: how long after a push the same connection may be pushed to again.
        patient_pushes: how often a device is pushed the same task, or gets a task of the same dynamic job, without a
            delay in between.
        push_backoff_ms: the first delay after that, each further one is twice as long; 0 for no delays.
        push_backoff_most_ms: the longest of these delays.
        history_ms: how many milliseconds what happened to tasks is kept.
        most_packages: how many packages an instance has.
        most_products: how many products an account has.
    """

    chunk_devices: int = 10_000
    chunk_tasks: int = 5_000
    push_jitter_ms: int = 1_000
    connect_delay_ms: int = 5_000
    repush_after_ms: int = 600_000
    patient_pushes: int = 3
    push_backoff_ms: int = 60_000
    push_backoff_most_ms: int = 21_600_000
    history_ms: int = 31_536_000_000
    most_packages: int = 500
    most_products: int = MOST_PRODUCTS

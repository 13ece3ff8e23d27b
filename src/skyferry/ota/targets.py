"""Which devices a job is asked to update: what the parameters say, checked (control-plane reference §5.6, §5.7)."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError, ErrorKind
from skyferry.fleet import names
from skyferry.fleet.groups import GroupType
from skyferry.ota import packages
from skyferry.ota.models import NewStaticJob
from skyferry.store import devices as device_statements
from skyferry.store.packages import PackageRecord

MOST_NAMED: Final = 200
MOST_SRC_VERSIONS: Final = 10
BY_KEY: Final = frozenset({"ALL", "GRAY", "GROUP"})
"""Selections that look at the fleet device by device; SPECIFIC names its devices."""


def check_selection(new: NewStaticJob) -> None:
    """Checks that TargetSelection and what goes with it fit together.

    Raises:
        ApiError: the documented error of the first thing that does not fit.
    """
    selected = new.target_selection
    if not selected:
        raise ApiError(codes.NULL_TARGET_SELECTION)
    if selected not in BY_KEY | {"SPECIFIC"}:
        raise ApiError(codes.INVALID_TARGET_SELECTION)
    if selected != "SPECIFIC" and (new.device_names or new.name_list):
        raise ApiError(codes.TARGET_DEVICE_NAMES_NOT_ALLOWED)
    if selected in {"SPECIFIC", "GROUP"} and new.src_versions:
        raise ApiError(codes.SRC_VERSIONS_NOT_ALLOWED)
    if selected == "SPECIFIC" and not new.device_names and not new.name_list:
        raise ApiError(codes.NULL_TARGET_DEVICE_NAMES)
    if new.device_names and new.name_list:
        raise ApiError(codes.TARGET_DEVICE_NAMES_NOT_ALLOWED, "Give TargetDeviceName.N or DnListFileUrl, not both.")
    if selected != "GRAY" and new.gray_percent:
        raise ApiError(codes.INVALID_GRAY_PERCENT, "GrayPercent goes with TargetSelection GRAY only.")
    if selected != "GROUP" and (new.group_id or new.group_type):
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "GroupId and GroupType go with TargetSelection GROUP only.")
    if selected == "GROUP":
        check_group_type(new.group_type, GroupType.STATIC)


def check_group_type(given: str | None, wanted: GroupType) -> None:
    """Checks GroupType, of which each kind of job takes one value.

    Raises:
        ApiError: it is another one, or absent.
    """
    if given != wanted:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"GroupType is {wanted} for this kind of job.")


def src_versions(package: PackageRecord, given: Sequence[str], *, name: str = "SrcVersion") -> list[str]:
    """The source versions that devices must have, which the parameter `name` gives; empty when any will do.

    Raises:
        ApiError: a version is malformed, given twice, or does not fit the package.
    """
    if len(given) > MOST_SRC_VERSIONS:
        raise ApiError(codes.SRC_VERSIONS_SIZE_EXCEED_MAX)
    if not all(names.is_version(version) for version in given):
        raise ApiError(codes.INCORRECT_FORMATTED_SRC_VERSION)
    check_unique(given, name)
    if package.dest_version in given:
        raise ApiError(codes.SRC_DEST_VERSION_MATCHED)
    if package.type == packages.DIFFERENTIAL and package.src_version is not None:
        if len(given) > 1:
            raise ApiError(codes.MORE_THAN_ONE_SRC_VERSION)
        if given and given[0] != package.src_version:
            raise ApiError(codes.UPGRADE_SRC_VERSION_MISMATCH)
        return [package.src_version]
    return list(given)


def check_unique(items: Sequence[str], name: str) -> None:
    """Checks that a list repeats nothing.

    Raises:
        ApiError: it does; the sentence names the item.
    """
    seen: set[str] = set()
    for item in items:
        if item in seen:
            raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"{name} holds {item} twice; give each one once.")
        seen.add(item)


def named_devices(tx: Connection, package: PackageRecord, device_names: Sequence[str], *, most: int) -> list[int]:
    """The keys of named devices, all of which must be able to take the package (control-plane reference §12, 10).

    Raises:
        ApiError: one of them is not; the sentence names it.
    """
    if not device_names:
        raise ApiError(codes.NULL_TARGET_DEVICE_NAMES)
    if len(device_names) > most:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"TargetDeviceName has at most {most} names.")
    check_unique(device_names, "TargetDeviceName")
    versions = device_statements.versions_by_name(tx, package.product_id, device_names, package.module)
    _refuse_any(codes.NOT_EXISTED_DEVICE, "does not exist", [name for name in device_names if name not in versions])
    _refuse_any(
        codes.NON_VERSIONED_DEVICE_IN_ARRAY,
        f"has not reported a version of the module {package.module}",
        [name for name, (_, version) in versions.items() if version is None],
    )
    _refuse_any(
        codes.DEVICE_WITH_DESTINATION_VERSION_IN_ARRAY,
        f"runs {package.dest_version} already",
        [name for name, (_, version) in versions.items() if version == package.dest_version],
    )
    if package.type == packages.DIFFERENTIAL:
        _refuse_any(
            codes.SRC_VERSION_MISMATCH,
            f"does not run {package.src_version}, the source version of the package",
            [name for name, (_, version) in versions.items() if version != package.src_version],
        )
    return [device_id for device_id, _ in versions.values()]


def _refuse_any(kind: ErrorKind, reason: str, found: Sequence[str]) -> None:
    if found:
        others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ApiError(kind, f"The device {found[0]}{others} {reason}.")

"""Packages: made of uploaded files, verified by a job, and found again."""

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import names, products
from skyferry.objects.keys import suffix_of
from skyferry.objects.tickets import LIST_SUFFIX
from skyferry.objects.urls import object_key_of
from skyferry.ota import modules
from skyferry.ota.models import EngineLimits, NewFile, NewPackage, PackageChanges
from skyferry.ota.states import JobType, PackageStatus
from skyferry.store import jobs as job_statements
from skyferry.store import objects as object_statements
from skyferry.store import packages as statements
from skyferry.store import task_counts
from skyferry.store.packages import PackageRecord

MOST_FILES: Final = 20
DIFFERENTIAL: Final = 1
_LONGEST_DESCRIPTION: Final = 100
_LONGEST_UDI: Final = 4_096
_NAME: Final = re.compile(r"[^\W_][\w()\-]{0,39}")
_LETTERS: Final = re.compile(r"[A-Za-z0-9_()\-\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff々]*")
_FILE_NAME: Final = re.compile(r".{1,32}")


@dataclass(frozen=True, slots=True)
class PackageIdentity:
    """What a package that moves in from another platform keeps: applications know its FirmwareId."""

    firmware_id: str
    status: PackageStatus


def create(
    tx: Connection,
    new: NewPackage,
    *,
    instance_id: int,
    limits: EngineLimits,
    now: int,
    identity: PackageIdentity | None = None,
) -> str:
    """Makes a package and returns its FirmwareId. Without an identity it gets a random one, and is not verified.

    Raises:
        sqlalchemy.exc.IntegrityError: the FirmwareId of the identity is taken.
        ApiError: a value that is not allowed, a file that was not uploaded, a module that the product does not have,
            a name or version that is taken, as many packages as an instance may have.
    """
    sign_method = _sign_method(new.sign_method)
    _check_name(new.name)
    _check_versions(new)
    _check_texts(new.description, new.udi, udi_name="Udi")
    if new.module and not names.is_version(new.module):
        raise ApiError(codes.INCORRECT_FORMATTED_MODULE_NAME)
    product = products.find(tx, instance_id, new.product_key or "")
    if statements.name_is_taken(tx, instance_id, new.name):
        raise ApiError(codes.ALREADY_EXISTED_FIRMWARE_NAME)
    if statements.version_is_taken(tx, product.id, new.dest_version):
        raise ApiError(codes.ALREADY_EXISTED_FIRMWARE_VERSION)
    if statements.count(tx, instance_id) >= limits.most_packages:
        raise ApiError(codes.FIRMWARE_COUNT_EXCEED_MAX)
    files = [
        _file(tx, file, position, instance_id=instance_id, sign_method=sign_method)
        for position, file in enumerate(_files(new))
    ]
    fresh = PackageStatus.UNVERIFIED if new.need_to_verify else PackageStatus.NOT_NEEDED
    own = identity or PackageIdentity(identifiers.firmware_id(), fresh)
    values = {
        "instance_id": instance_id,
        "product_id": product.id,
        "firmware_id": own.firmware_id,
        "name": new.name,
        "module": modules.name_for_package(tx, product, new.module),
        "dest_version": new.dest_version,
        "src_version": new.src_version or None,
        "type": new.type,
        "sign_method": sign_method,
        "description": new.description or None,
        "udi": new.udi or None,
        "status": own.status,
        "multi_file": bool(new.files),
        "created_at": now,
        "modified_at": now,
    }
    statements.insert(tx, values, files)
    return own.firmware_id


def find(tx: Connection, instance_id: int, firmware_id: str) -> PackageRecord:
    """The package of this FirmwareId.

    Raises:
        ApiError: the instance has none.
    """
    if not firmware_id.strip():
        raise ApiError(codes.NULL_FIRMWARE_ID)
    package = statements.find(tx, instance_id, firmware_id)
    if package is None:
        raise ApiError(codes.FIRMWARE_NOT_FOUND)
    return package


def find_of_product(tx: Connection, instance_id: int, firmware_id: str, product_key: str) -> PackageRecord:
    """The package of this FirmwareId, when it belongs to the product.

    Raises:
        ApiError: no such product, no such package, or they do not belong together.
    """
    product = products.find(tx, instance_id, product_key)
    package = find(tx, instance_id, firmware_id)
    if package.product_id != product.id:
        raise ApiError(codes.FIRMWARE_AND_PRODUCT_KEY_MISMATCH)
    return package


def modify(
    tx: Connection, instance_id: int, firmware_id: str, product_key: str, changes: PackageChanges, *, now: int
) -> None:
    """Changes the name, the description or the custom information of a package (control-plane reference §4.2).

    Raises:
        ApiError: a value that is not allowed, a name that is taken, or no such package: `iot.ota.FirmwareNotFound`.
    """
    product = products.find(tx, instance_id, product_key)
    package = statements.find(tx, instance_id, firmware_id)
    if package is None:
        raise ApiError(codes.OTA_FIRMWARE_NOT_FOUND)
    if package.product_id != product.id:
        raise ApiError(codes.FIRMWARE_AND_PRODUCT_KEY_MISMATCH)
    _check_texts(changes.description, changes.udi, udi_name="FirmwareUdi")
    values: dict[str, Any] = {"modified_at": now}
    if changes.name is not None and changes.name != package.name:
        _check_name(changes.name)
        if statements.name_is_taken(tx, instance_id, changes.name):
            raise ApiError(codes.ALREADY_EXISTED_FIRMWARE_NAME)
        values["name"] = changes.name
    if changes.description is not None:
        values["description"] = changes.description or None
    if changes.udi is not None:
        values["udi"] = changes.udi or None
    if not statements.change(tx, package.id, values):
        raise ApiError(codes.OTA_FIRMWARE_NOT_FOUND)


def verify_progress(tx: Connection, package: PackageRecord) -> int:
    """Percent of the verification: the ended tasks of the newest verify job (control-plane reference §12, 21)."""
    if package.status == PackageStatus.VERIFIED:
        return 100
    job = job_statements.latest_of_package(tx, package.id, JobType.VERIFY)
    if job is None or package.status == PackageStatus.UNVERIFIED:
        return 0
    counts = task_counts.count_by_status(tx, job.id)
    total = sum(counts.values())
    ended = task_counts.ended_of(counts)
    return ended * 100 // total if total else 0


def _sign_method(given: str | None) -> str:
    method = (given or "MD5").upper()
    if method not in {"MD5", "SHA256"}:
        raise ApiError(codes.INVALID_FIRMWARE_SIGN_METHOD)
    return method


def _check_name(name: str) -> None:
    if not name:
        raise ApiError(codes.NULL_FIRMWARE_NAME)
    if not name.strip():
        raise ApiError(codes.BLANK_FIRMWARE_NAME)
    if not _NAME.fullmatch(name) or not _LETTERS.fullmatch(name):
        raise ApiError(codes.INCORRECT_FORMATTED_FIRMWARE_NAME)


def _check_versions(new: NewPackage) -> None:
    if not new.dest_version:
        raise ApiError(codes.NULL_FIRMWARE_VERSION)
    if not names.is_version(new.dest_version):
        raise ApiError(codes.INCORRECT_FORMATTED_FIRMWARE_VERSION)
    if new.type not in {0, DIFFERENTIAL}:
        raise ApiError(codes.INVALID_FIRMWARE_TYPE)
    if new.type == DIFFERENTIAL and not new.src_version:
        raise ApiError(codes.SRC_VERSION_IS_MANDATORY)
    if new.src_version and not names.is_version(new.src_version):
        raise ApiError(codes.INCORRECT_FORMATTED_SRC_VERSION)
    if new.src_version == new.dest_version:
        raise ApiError(codes.SRC_DEST_VERSION_MATCHED)


def _check_texts(description: str | None, udi: str | None, *, udi_name: str) -> None:
    if description and len(description) > _LONGEST_DESCRIPTION:
        raise ApiError(codes.FIRMWARE_DESCRIPTION_EXCEED_MAX_LENGTH)
    if udi and len(udi) > _LONGEST_UDI:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"{udi_name} has at most {_LONGEST_UDI} characters.")


def _files(new: NewPackage) -> list[NewFile]:
    if not new.files:
        if new.file is None or not new.file.url:
            raise ApiError(codes.NULL_FIRMWARE_URL)
        return [new.file]
    if new.file is not None and new.file.url:
        raise ApiError(codes.INVALID_FIRMWARE_URL, "Give either FirmwareUrl or MultiFiles, not both.")
    if len(new.files) > MOST_FILES:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"A package has at most {MOST_FILES} files.")
    file_names = [file.name or "" for file in new.files]
    if not all(_FILE_NAME.fullmatch(name) for name in file_names) or len(set(file_names)) < len(file_names):
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER, "MultiFiles.N.Name has 1 to 32 characters and is unique in the package."
        )
    return list(new.files)


def _file(tx: Connection, file: NewFile, position: int, *, instance_id: int, sign_method: str) -> dict[str, Any]:
    if not file.url:
        raise ApiError(codes.NULL_FIRMWARE_URL)
    if "://" not in file.url:
        raise ApiError(codes.MALFORMED_FIRMWARE_URL)
    key = object_key_of(file.url)
    stored = None if key is None else object_statements.hold_object(tx, instance_id, key)
    if stored is None:
        raise ApiError(codes.INVALID_FIRMWARE_URL)
    if suffix_of(stored.key) == LIST_SUFFIX:
        raise ApiError(codes.INVALID_FIRMWARE_URL, "This URL is of a list of devices (GenerateDeviceNameListURL).")
    if stored.size == 0:
        raise ApiError(codes.EMPTY_FIRMWARE_FILE)
    if file.size is not None and file.size != stored.size:
        raise ApiError(codes.INVALID_FIRMWARE_SIZE, f"The uploaded file has {stored.size} bytes, not {file.size}.")
    sign = stored.sha256 if sign_method == "SHA256" else stored.md5
    for given, actual in ((file.sign, sign), (file.md5, stored.md5)):
        if given and given.lower() != actual:
            raise ApiError(codes.INVALID_FIRMWARE_SIGN, f"The digest of the uploaded file is {actual}, not {given}.")
    return {
        "position": position,
        "object_key": stored.key,
        "name": file.name,
        "size": stored.size,
        "sign": sign,
        "md5": stored.md5,
    }

"""What the list of packages says: a target for each file of each package that jobs may be made for."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tuf.api.metadata import TargetFile

from skyferry.objects.keys import suffix_of
from skyferry.store.tuf import ListedFile

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def listed(files: Iterable[ListedFile]) -> Mapping[str, TargetFile]:
    """The targets by their names."""
    targets = (_target(file) for file in files)
    return {target.path: target for target in targets}


def name_of(file: ListedFile) -> str:
    """The name of a target: `MODULE/VERSION/FILE`, in characters that need no escape in URLs.

    A file of several begins with its number, so that no two have one name whatever they are called.
    """
    own = f"package.{suffix_of(file.object_key)}" if file.name is None else _UNSAFE.sub("_", file.name)
    return f"{_part(file.module)}/{_part(file.dest_version)}/{file.position}-{own}"


def _part(text: str) -> str:
    """Modules and versions may be `.` and `..`, which would lead elsewhere in a URL; none of them has a `~`."""
    return text if text.strip(".") else f"~{text}"


def _target(file: ListedFile) -> TargetFile:
    custom: dict[str, Any] = {
        "FirmwareId": file.firmware_id,
        "ModuleName": file.module,
        "DestVersion": file.dest_version,
        "Type": file.type,
    }
    if file.src_version is not None:
        custom["SrcVersion"] = file.src_version
    return TargetFile(file.size, {"sha256": file.sha256}, name_of(file), {"custom": custom})

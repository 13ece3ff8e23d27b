"""What names may look like (control-plane reference §9.1, §9.2, §5.1)."""

import re
from typing import Final

DEFAULT_MODULE: Final = "default"
"""The module that stands for the whole device's firmware."""

_CHINESE: Final = r"\u4e00-\u9fff"
_TITLE: Final = re.compile(rf"[{_CHINESE}A-Za-z0-9_]+")
_DEVICE_NAME: Final = re.compile(r"[A-Za-z0-9_@.:-]{4,32}")
_VERSION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CHINESE_CHARACTER: Final = re.compile(rf"[{_CHINESE}]")


def is_title(text: str, *, most: int) -> bool:
    """True for a product name or nickname: 4 to `most` letters, digits and `_`, where a Chinese character counts 2."""
    width = len(text) + len(_CHINESE_CHARACTER.findall(text))
    return _TITLE.fullmatch(text) is not None and 4 <= width <= most  # noqa: PLR2004 - the documented minimum


def is_device_name(text: str) -> bool:
    """True for a DeviceName: 4 to 32 of letters, digits and `-_@.:`."""
    return _DEVICE_NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """True for a version or module name: 1 to 64 of letters, digits and `._-`."""
    return _VERSION.fullmatch(text) is not None

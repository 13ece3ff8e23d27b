"""Tags of jobs as parameters (control-plane reference §6.6)."""

from collections.abc import Iterable

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.rpc.operation import RequestModel


class Tag(RequestModel):
    """`Tag.N`."""

    key: str | None = None
    """1 to 30 letters, digits and dots, once in the job; not the name of a field of notices, such as url or module."""
    value: str | None = None
    """1 to 1024 characters. Old C SDKs have room for notices of 2 KB: for 1,000 characters of tags in all."""


def read(given: Iterable[Tag]) -> dict[str, str]:
    """The values of the tags by their keys.

    Raises:
        ApiError: a tag without its key or value, or a key twice.
    """
    tags: dict[str, str] = {}
    for tag in given:
        if not tag.key or not tag.value:
            raise ApiError(codes.INVALID_TAG, "Each tag needs its Key and its Value.")
        if tag.key in tags:
            raise ApiError(codes.TAG_KEY_DUPLICATED, f"The tag {tag.key} is given twice.")
        tags[tag.key] = tag.value
    return tags

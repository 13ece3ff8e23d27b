"""How the dialect writes times and pages (control-plane reference §1.5)."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from skyferry import error_codes as codes
from skyferry.errors import ApiError

_KEYS: Final = 2**63
_MOST_BY_PAGE: Final = 10_000
"""Beyond this many items a list goes on by NextToken."""
_LAST_PAGE: Final = 2**31 - 1
"""Numbers of pages have 32 bits in the vendor's SDKs."""
_CHINA: Final = timezone(timedelta(hours=8))


def utc(ms: int) -> str:
    """`2019-11-04T06:22:19.566Z`: the fields named `Utc…`."""
    time = datetime.fromtimestamp(ms // 1_000, UTC)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03d}Z"


def utc_seconds(ms: int) -> str:
    """`2015-04-09T11:52:19Z`: when a temporary access key ends."""
    return f"{datetime.fromtimestamp(ms // 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def utc_or_none(ms: int | None) -> str | None:
    """As `utc`; None for a time that has not come."""
    return None if ms is None else utc(ms)


def gmt(ms: int) -> str:
    """`Wed, 20-Feb-2019 02:16:09 GMT`: `GmtCreate` and `GmtModified` of QueryDevice."""
    return f"{datetime.fromtimestamp(ms // 1_000, UTC):%a, %d-%b-%Y %H:%M:%S} GMT"


def minute(ms: int) -> str:
    """`2020-10-13T09:46Z`: `GmtCreate` and `GmtModified` of modules."""
    return f"{datetime.fromtimestamp(ms // 1_000, UTC):%Y-%m-%dT%H:%MZ}"


def china(ms: int | None) -> str | None:
    """`2018-08-06 10:48:41` in UTC+8: the `Gmt…` fields of QueryDeviceDetail."""
    return None if ms is None else f"{datetime.fromtimestamp(ms // 1_000, _CHINA):%Y-%m-%d %H:%M:%S}"


def china_exact(ms: int | None) -> str | None:
    """`2020-04-04 16:38:18.607` in UTC+8: the times of QueryDeviceBySQL."""
    return None if ms is None else f"{china(ms)}.{ms % 1_000:03d}"


def next_token(key: int) -> str:
    """The `NextToken` that leads on after the item of this key."""
    return _token(str(key))


def next_named_token(name: str, key: int) -> str:
    """The `NextToken` of a list in the order of names that leads on after the item of this name and key."""
    return _token(f"{key} {name}")


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def place(current_page: int, page_size: int, token: str | None, *, most: int) -> tuple[int, int | None]:
    """Where a page begins in a list that is paged by number, and by `NextToken` when it is deep.

    Args:
        current_page: the page's number, from 1; it says nothing when there is a token.
        page_size: items on a page.
        token: the NextToken of the page before, if any.
        most: the largest page that the operation allows.

    Returns:
        How many items to pass over, and the key of the item after which the list goes on, if any.

    Raises:
        ApiError: a number out of range, or a token that was not made by `next_token`.
    """
    before = offset(current_page, page_size, most=most)
    if token:
        return 0, key_of(token)
    if before + page_size > _MOST_BY_PAGE:
        raise ApiError(codes.INVALID_PAGE_PARAMS, f"Beyond {_MOST_BY_PAGE} items, go on with NextToken.")
    return before, None


def key_of(token: str) -> int:
    """The key of the item after which a list goes on.

    Raises:
        ApiError: the token was not made by `next_token`.
    """
    key, name = _key_and_name(token)
    if name is not None:
        raise _not_answered()
    return key


def name_and_key_of(token: str) -> tuple[str, int]:
    """Name and key of the item after which a list in the order of names goes on.

    Raises:
        ApiError: the token was not made by `next_named_token`.
    """
    key, name = _key_and_name(token)
    if name is None:
        raise _not_answered()
    return name, key


def _key_and_name(token: str) -> tuple[int, str | None]:
    try:
        digits, blank, name = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        key = int(digits)
    except ValueError:  # no base64, no UTF-8 or no number
        raise _not_answered() from None
    if not 0 <= key < _KEYS:
        raise _not_answered()
    return key, name if blank else None


def _not_answered() -> ApiError:
    return ApiError(codes.INVALID_PAGE_PARAMS, "NextToken is not one that the operation answered.")


def offset(current_page: int, page_size: int, *, most: int, deepest: int | None = None) -> int:
    """How many items come before a page.

    Args:
        current_page: the page's number, from 1.
        page_size: items on a page.
        most: the largest page that the operation allows.
        deepest: the last item that a page may hold, counted from 1; any when absent.

    Raises:
        ApiError: a number out of range.
    """
    if not 1 <= current_page <= _LAST_PAGE or not 1 <= page_size <= most:
        raise ApiError(codes.INVALID_PAGE_PARAMS, f"CurrentPage begins with 1, PageSize is a number from 1 to {most}.")
    if deepest is not None and current_page * page_size > deepest:
        raise ApiError(codes.INVALID_PAGE_PARAMS, f"CurrentPage times PageSize is at most {deepest}.")
    return (current_page - 1) * page_size


def page_count(total: int, page_size: int) -> int:
    """How many pages there are."""
    return -(-total // page_size)

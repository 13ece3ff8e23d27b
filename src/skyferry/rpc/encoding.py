"""Percent-encoding as signatures need it, and reading of query strings and form bodies (gateway reference §1.3)."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from skyferry.errors import ApiError
from skyferry.rpc import gateway_errors


def percent_encode(text: str) -> str:
    """UTF-8 and `%XX` for everything but `A-Z a-z 0-9 - _ . ~` (RFC 3986)."""
    return quote(text, safe="")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """`name=value` pairs, encoded, sorted by the bytes of the name and joined by `&`.

    Code points sort like their UTF-8 bytes, so the names are sorted as text.
    """
    return "&".join(f"{percent_encode(name)}={percent_encode(value)}" for name, value in sorted(parameters.items()))


def read_form(raw: str, *, most: int) -> dict[str, str]:
    """The parameters in a query string or form body. `+` means a blank, blank values are kept.

    Args:
        raw: the text as sent, still encoded.
        most: how many parameters are read at most.

    Raises:
        ApiError: there are more than `most`, one is named twice, or something is not UTF-8 text.
    """
    if raw.count("&") >= most:
        raise ApiError(gateway_errors.TOO_MANY_PARAMETERS, f"The request has more than {most} parameters.")
    try:
        raw.encode()
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict")
    except UnicodeError:
        raise ApiError(gateway_errors.MALFORMED_REQUEST, "The parameters are not UTF-8 text.") from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise ApiError(gateway_errors.MALFORMED_REQUEST, f"{_first_repeated(pairs)} is given twice.")
    if "%00" in raw or "\0" in raw:
        raise ApiError(gateway_errors.MALFORMED_REQUEST, "A parameter contains the character NUL.")
    return parameters


def _first_repeated(pairs: list[tuple[str, str]]) -> str:
    seen: set[str] = set()
    return next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]

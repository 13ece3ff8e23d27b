"""What devices send: bodies of JSON, in bounded time and memory, and what they say."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NoReturn

from aiohttp import web

from skyferry import http_bodies
from skyferry.ddi import errors
from skyferry.ddi.limits import DdiSettings
from skyferry.fleet import attributes
from skyferry.fleet.attributes import UpdateMode

_WHOLE: Final = 100


class Execution(StrEnum):
    """How far a device is with what it was told (`status.execution`)."""

    PROCEEDING = "proceeding"
    SCHEDULED = "scheduled"
    RESUMED = "resumed"
    DOWNLOAD = "download"
    DOWNLOADED = "downloaded"
    CLOSED = "closed"
    CANCELED = "canceled"
    REJECTED = "rejected"

    @property
    def is_end(self) -> bool:
        """The device does nothing more about it."""
        return self in {Execution.CLOSED, Execution.CANCELED, Execution.REJECTED}


class Finished(StrEnum):
    """How it went (`status.result.finished`)."""

    NONE = "none"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a device says of an action.

    Attributes:
        execution: how far it is.
        finished: how it went.
        percent: how much is done; None when it does not say.
        description: what it says of it, in one line.
    """

    execution: Execution
    finished: Finished
    percent: int | None
    description: str

    @property
    def succeeded(self) -> bool:
        """It is done with it and it did not fail; `none` counts as a success, as hawkBit takes it."""
        return self.execution is Execution.CLOSED and self.finished is not Finished.FAILURE


@dataclass(frozen=True, slots=True)
class ConfigData:
    """The attributes that a device reports."""

    mode: UpdateMode
    values: Mapping[str, str]


async def read_object(request: web.Request, settings: DdiSettings) -> Mapping[str, Any]:
    """The JSON object in a body.

    Raises:
        DdiError: the body is too large or too slow, or is none.
    """
    if "Content-Encoding" in request.headers:
        raise errors.unreadable("Send the body as it is, without Content-Encoding.")
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_s):
            async for block in request.content.iter_any():
                body += block
                if len(body) > settings.body_bytes:
                    raise errors.too_large(settings.body_bytes)
    except TimeoutError:
        raise errors.unreadable("The body took too long.") from None
    except http_bodies.BROKEN:
        raise errors.unreadable("The body ended before it was complete.") from None
    try:
        document = _decoder.decode(body.decode())
    except (ValueError, RecursionError):
        raise errors.unreadable("The body is no JSON in UTF-8.") from None
    return _object(document, "The body")


def read_feedback(document: Mapping[str, Any], settings: DdiSettings) -> Feedback:
    """What a body of feedback says.

    Raises:
        DdiError: a field is missing or not what it should be.
    """
    status = _object(document.get("status"), "status")
    result = _object(status.get("result"), "status.result")
    try:
        execution = Execution(_text(status.get("execution"), "status.execution").lower())
    except ValueError:
        raise errors.unreadable(f"status.execution is one of {', '.join(Execution)}.") from None
    try:
        finished = Finished(_text(result.get("finished"), "status.result.finished").lower())
    except ValueError:
        raise errors.unreadable(f"status.result.finished is one of {', '.join(Finished)}.") from None
    return Feedback(
        execution, finished, _percent(result.get("progress")), _description(status.get("details"), settings)
    )


def read_config_data(document: Mapping[str, Any]) -> ConfigData:
    """What a body of configData says.

    Raises:
        DdiError: it cannot be kept.
    """
    mode = document.get("mode")
    try:
        update = UpdateMode.MERGE if mode is None else UpdateMode(_text(mode, "mode").lower())
    except ValueError:
        raise errors.unreadable(f"mode is one of {', '.join(UpdateMode)}.") from None
    data = _object(document.get("data"), "data")
    values = {storable(key): storable(_scalar(value, key)) for key, value in data.items()}
    if not attributes.are_storable(values):
        raise errors.bad_attributes(
            f"Keys have 1 to {attributes.LONGEST_KEY} characters, values at most {attributes.LONGEST_VALUE}."
        )
    return ConfigData(update, values)


def storable(text: str) -> str:
    """Without what databases and UTF-8 refuse: NUL and lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _percent(progress: object) -> int | None:
    if not isinstance(progress, dict):
        return None
    count, of = progress.get("cnt"), progress.get("of")
    if not isinstance(count, int) or not isinstance(of, int) or of <= 0 or isinstance(count, bool):
        return None
    return min(max(count * _WHOLE // of, 0), _WHOLE)


def _description(details: object, settings: DdiSettings) -> str:
    if details is None:
        return ""
    if not isinstance(details, list):
        raise errors.unreadable("status.details is a list of texts.")
    texts = [text.strip() for text in details[: settings.details] if isinstance(text, str)]
    return storable(" | ".join(filter(None, texts)))[: settings.description_characters]


def _scalar(value: object, key: str) -> str:
    """HawkBit takes numbers and truth values for their texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value)
    return _text(value, f"data.{key[:64]}")


def _object(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise errors.unreadable(f"{name} is not a JSON object.")


def _text(value: object, name: str) -> str:
    if isinstance(value, str):
        return value
    raise errors.unreadable(f"{name} is not a text.")


def _integer(text: str) -> int:
    """No device counts further; longer ones cost time and tell nothing."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number is too long")
    return int(text)


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_LONGEST_NUMBER: Final = 18
_decoder: Final = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse_constant, strict=False)

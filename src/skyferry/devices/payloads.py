"""Lenient reading of the JSON that devices send (device-plane reference §2.1, §2.6, §2.7, §2.9, §7.9).

Firmware in the field writes numbers as text, leaves trailing commas and adds keys; all of that is read. What cannot be
read is reported as `PayloadError`, to be counted and forgotten: a device is never punished for a message.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NoReturn

DEFAULT_MODULE: Final = "default"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STEP: Final = re.compile(r"\s*([+-]?[0-9]{1,4})\s*")
_STEPS: Final = range(-4, 101)
_DESCRIPTION_LENGTH: Final = 128
_ID_LENGTH: Final = 128
_NO_ID: Final = "0"
# A text, closed or not, or a comma before a closing bracket. The possessive quantifiers keep it linear on any input.
_TRAILING_COMMA: Final = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*+"?)|,(?=\s*+[}\]])', re.DOTALL)


class PayloadError(Exception):
    """A message of a device cannot be read; the text says why, for the log."""


@dataclass(slots=True)
class Message:
    """The envelope of a device's message.

    Attributes:
        request_id: the `id` as JSON text, to be echoed as it came; `0` when the device sent none.
        params: the `params` object, empty when the device sent none.
    """

    request_id: str
    params: dict[str, Any]


@dataclass(slots=True)
class Envelope:
    """A message of a service besides the update, whose `params` may be anything.

    Attributes:
        request_id: as in `Message`.
        fields: the whole object.
    """

    request_id: str
    fields: dict[str, Any]

    @property
    def params(self) -> Any:
        """The `params`, None when the device sent none."""
        return self.fields.get("params")


class _Float(str):
    """A JSON number with a point or an exponent, as it was written."""

    __slots__ = ()


def read_message(payload: bytes) -> Message:
    """Reads the envelope.

    Raises:
        PayloadError: not UTF-8, not JSON, or not of the envelope's shape.
    """
    envelope = read_envelope(payload)
    params = envelope.params
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise PayloadError("params is not an object")
    return Message(envelope.request_id, params)


def read_request(payload: bytes) -> tuple[str, Any]:
    """The `id` of a message as JSON text, and its `params` whatever they are; None when it has none.

    Raises:
        PayloadError: not UTF-8, not JSON, or not an object.
    """
    envelope = read_envelope(payload)
    return envelope.request_id, envelope.params


def read_envelope(payload: bytes) -> Envelope:
    """Reads the envelope of a service that takes other `params` than an object, or none.

    Raises:
        PayloadError: not UTF-8, not JSON, or no object.
    """
    document = _read_json(payload)
    if not isinstance(document, dict):
        raise PayloadError("not an object")
    return Envelope(_raw_id(document.get("id")), document)


def raw_text(value: object) -> str | None:
    """A text or a number as JSON text, to be echoed in its own type; None when it is neither."""
    if isinstance(value, _Float):
        return str(value)
    if isinstance(value, str):
        return json.dumps(_storable(value), ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def read_module(params: dict[str, Any]) -> str | None:
    """The module that a message names; None when it names none.

    Raises:
        PayloadError: it cannot be a module.
    """
    module = params.get("module")
    return _name(module, "module") if module is not None and module != "" else None


def read_version(params: dict[str, Any]) -> str:
    """The version that a message reports.

    Raises:
        PayloadError: there is none, or none that the API allows.
    """
    return _name(params.get("version"), "version")


def read_step(params: dict[str, Any]) -> int:
    """The step of a progress report: percent, or -1…-4 for a failure.

    Raises:
        PayloadError: there is none, or none that is defined.
    """
    step = params.get("step")
    if isinstance(step, str) and (match := _STEP.fullmatch(step)):
        step = int(match[1])
    if isinstance(step, bool) or not isinstance(step, int) or step not in _STEPS:
        raise PayloadError("step is not defined")
    return step


def read_description(params: dict[str, Any]) -> str:
    """The description of a progress report, cut to what is kept of it; empty when there is none."""
    description = params.get("desc")
    if not isinstance(description, str):
        return ""
    return _storable(description)[:_DESCRIPTION_LENGTH]


def read_offer(payload: bytes) -> tuple[str, str] | None:
    """Which module and version a push offers; None when it is no push that we know."""
    try:
        document = _read_json(payload)
    except PayloadError:
        return None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or not isinstance(version := data.get("version"), str):
        return None
    return str(data.get("module", DEFAULT_MODULE)), version


def _read_json(payload: bytes) -> Any:
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise PayloadError("not UTF-8") from None
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _decoder.decode(_TRAILING_COMMA.sub(lambda match: match[1] or "", text))
    except (ValueError, RecursionError):
        raise PayloadError("not JSON") from None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


_decoder: Final = json.JSONDecoder(parse_float=_Float, parse_constant=_refuse_constant, strict=False)


def _raw_id(value: object) -> str:
    raw = raw_text(value) or _NO_ID
    if len(raw) > _ID_LENGTH:
        raise PayloadError("id is too long")
    return raw


def _name(value: object, field: str) -> str:
    if isinstance(value, str) and not isinstance(value, _Float) and _NAME.fullmatch(value):
        return value
    raise PayloadError(f"{field} is not one")


def _storable(text: str) -> str:
    """Without what databases and UTF-8 refuse: NUL and lone surrogates."""
    return text.replace("\0", "").encode(errors="replace").decode()

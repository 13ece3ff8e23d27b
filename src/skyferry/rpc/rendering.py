"""The answer on the wire: the only place that knows JSON and XML (gateway reference §2.1, §3)."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote_plus

from aiohttp import web
from lxml import etree

from skyferry.errors import ApiError
from skyferry.rpc.context import RequestContext
from skyferry.rpc.operation import JsonObject, ResponseModel
from skyferry.rpc.signature_v3 import is_v3

_XML_DECLARATION: Final = b"<?xml version='1.0' encoding='UTF-8'?>"
_FORMAT: Final = re.compile(r"(?:^|&)format=([^&]*)", re.IGNORECASE)
_UNSENDABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_NAMES: Final = re.compile("[^A-Za-z0-9_.\u4e00-\u9fff-]")
_BEGINS_NAME: Final = re.compile("[A-Za-z_\u4e00-\u9fff]")
_OK: Final = 200


class Format(Enum):
    """The two forms of an answer; the value is its Content-Type, whose exact text clients compare (§2.3)."""

    JSON = "application/json;charset=utf-8"
    XML = "text/xml;charset=utf-8"


def render(context: RequestContext[Any], error: ApiError | None) -> web.Response:
    """The answer: what the operation responded, or the error."""
    wanted = wanted_format(context)
    root = "Error"
    if error is None or error.kind.is_business:
        assert context.operation is not None
        root = f"{context.operation.name}Response"
    body = _body(context, error)
    if wanted is Format.XML and error is None and context.operation is not None:
        body = _unfolded(context.operation.response, body)
    headers = {"Content-Type": wanted.value, "x-acs-request-id": context.request_id}
    if error is not None and error.retry_after_ms is not None:
        headers["x-acs-retry-after"] = str(error.retry_after_ms)
    return web.Response(
        status=_OK if error is None else error.kind.status,
        body=to_json(body) if wanted is Format.JSON else to_xml(root, body),
        headers=headers,
    )


def wanted_format(context: RequestContext[Any]) -> Format:
    """JSON or XML (§3.4): a V3 caller says so in `Accept` and gets JSON by default; a V1 caller in `Format`, else XML.

    It works for requests that were refused before their parameters could be read.
    """
    accept = context.http.headers.get("Accept", "").lower()
    if is_v3(context.http.headers):
        return Format.XML if "/xml" in accept and "json" not in accept else Format.JSON
    match _sent_format(context).strip().lower():
        case "json":
            return Format.JSON
        case "xml":
            return Format.XML
        case _:
            return Format.JSON if "application/json" in accept else Format.XML


def to_json(body: Mapping[str, Any]) -> bytes:
    """JSON in raw UTF-8, without blanks and without unicode escapes, which the oldest clients cannot read (§3.2)."""
    return json.dumps(_sendable(body), ensure_ascii=False, separators=(",", ":")).encode()


def to_xml(root: str, body: Mapping[str, Any]) -> bytes:
    """XML on one line; a list is its element repeated (§3.3)."""
    element = etree.Element(root)
    _append(element, _sendable(body))
    return _XML_DECLARATION + etree.tostring(element, encoding="utf-8")


def _sent_format(context: RequestContext[Any]) -> str:
    if context.signed is not None:
        return context.signed.parameters.get("Format", "")
    found = _FORMAT.search(context.raw_query) or _FORMAT.search(context.body.decode("utf-8", "replace"))
    return unquote_plus(found[1]) if found else ""


def _body(context: RequestContext[Any], error: ApiError | None) -> dict[str, Any]:
    if error is None:
        return {"RequestId": context.request_id, "Success": True, **context.response}
    if error.kind.is_business:
        body = {
            "RequestId": context.request_id,
            "Success": False,
            "Code": error.kind.code,
            "ErrorMessage": error.text,
        }
        return body if error.data is None else {**body, "Data": error.data}
    return {
        "RequestId": context.request_id,
        "Message": error.text,
        "HostId": context.http.headers.get("Host", ""),
        "Code": error.kind.code,
        **(error.data or {}),
    }


def _unfolded(model: type[ResponseModel], body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with its texts that are JSON objects taken apart (control-plane reference §9.5)."""
    objects = {
        info.alias
        for info in model.model_fields.values()
        if any(isinstance(mark, JsonObject) for mark in info.metadata)
    }
    return {
        name: {_element(key): item for key, item in json.loads(value).items()} if name in objects else value
        for name, value in body.items()
    }


def _element(key: str) -> str:
    """A key as the name of an element: what a name may not have is written as its code, `_x0020_` for a blank."""
    written = _NOT_IN_NAMES.sub(lambda found: f"_x{ord(found[0]):04X}_", key)
    return written if _BEGINS_NAME.match(written) else f"_x{ord(written[0]):04X}_{written[1:]}"


def _sendable(value: Any) -> Any:
    """The value without nulls, and without characters that XML forbids and JSON must escape."""
    if isinstance(value, str):
        return _UNSENDABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {key: _sendable(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence):
        return [_sendable(item) for item in value if item is not None]
    return value


def _append(parent: etree._Element, body: Mapping[str, Any]) -> None:
    for name, value in body.items():
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, name)
            if isinstance(item, Mapping):
                _append(child, item)
            else:
                child.text = _text(item)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

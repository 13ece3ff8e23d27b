"""Answers of object storage: a few short headers, and XML where there is something to say (gateway reference §5.3)."""

import re
import secrets
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from lxml import etree

from skyferry.objects.errors import ObjectError
from skyferry.store.objects import StoredObject

SERVER: Final = "AliyunOSS"
_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def new_request_id() -> str:
    """24 hexadecimal digits."""
    return secrets.token_hex(12).upper()


def etag_of(item: StoredObject) -> str:
    """The entity tag of an object: its MD5 in upper case, in quotes."""
    return f'"{item.md5.upper()}"'


def common_headers(request_id: str) -> dict[str, str]:
    """What every answer carries."""
    return {hdrs.SERVER: SERVER, "x-oss-request-id": request_id}


def error_response(error: ObjectError, request: web.BaseRequest, request_id: str) -> web.Response:
    """An error as XML."""
    body = _xml(
        "Error",
        {
            "Code": error.code,
            "Message": error.message,
            "RequestId": request_id,
            "HostId": request.host,
            **error.details,
        },
    )
    return _xml_response(error.status, body, {**common_headers(request_id), **error.headers})


def stored_response(
    item: StoredObject, wanted_status: str | None, *, bucket: str, location: str, request_id: str
) -> web.Response:
    """The answer to an upload.

    Args:
        item: the object that was stored.
        wanted_status: the form's `success_action_status`: 200, 201 (with XML) or 204, which is also the default.
        bucket: the bucket's name for the XML.
        location: the object's URL for the XML.
        request_id: identifies the request.
    """
    headers = {**common_headers(request_id), "ETag": etag_of(item), "x-oss-hash-crc64ecma": item.crc64}
    if wanted_status == "201":
        answer = {"Bucket": bucket, "Location": location, "Key": item.key, "ETag": etag_of(item)}
        return _xml_response(201, _xml("PostResponse", answer), headers)
    return web.Response(status=200 if wanted_status == "200" else 204, headers=headers)


def _xml_response(status: int, body: bytes, headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=body, headers={**headers, hdrs.CONTENT_TYPE: "application/xml"})


def _xml(root_name: str, elements: Mapping[str, str]) -> bytes:
    root = etree.Element(root_name)
    for name, text in elements.items():
        etree.SubElement(root, name).text = _NOT_XML.sub("?", text)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

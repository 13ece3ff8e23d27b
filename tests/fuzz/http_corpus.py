"""What applications, devices and uploads send over HTTP when all is right."""

import base64
import os
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from tests.fuzz.http_world import HttpWorld
from tests.fuzz.requests import Request, chunked
from tests.support.registering import registration_form
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET
from tests.unit.rpc.support import encode, public_v1, sign_v1, sign_v3

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON: Final = {"Content-Type": "application/json"}
_BOUNDARY: Final = "----boundary7MA4YWxk"
_PROGRESS: Final = (
    b'{"id":"1","time":"20140511T121314","status":{"execution":"proceeding",'
    b'"result":{"finished":"none","progress":{"cnt":2,"of":5}},"details":["half way"],"code":200}}'
)
_ENDED: Final = b'{"id":"1","status":{"execution":"closed","result":{"finished":"failure"},"details":["no"]}}'
_ATTRIBUTES: Final = b'{"mode":"merge","data":{"version":"1.0.0","serial":7,"ready":true,"version.mcu":"0.1"}}'


def call(
    action: str,
    parameters: Mapping[str, str],
    now_ms: int,
    *,
    scheme: str = "V1",
    form: bool = False,
    xml: bool = False,
) -> Request:
    """A call of the root account, signed rightly.

    Args:
        action: the operation.
        parameters: its parameters.
        now_ms: the time.
        scheme: V1 or V3.
        form: the parameters go into the body.
        xml: the answer is wanted in XML.
    """
    method = "POST" if form else "GET"
    if scheme == "V3":
        body = encode(parameters).encode() if form else b""
        query = {} if form else parameters
        headers = sign_v3(
            method, action, query, body, host="127.0.0.1", now_ms=now_ms, key=ROOT_KEY_ID, secret=ROOT_SECRET
        )
        headers["accept"] = "application/xml" if xml else "application/json"
        return Request(method, f"/?{encode(query)}", {**headers, **(_FORM if form else {})}, body)
    public = {name: str(value) for name, value in public_v1(action, now_ms).items() if name != "ProductKey"}
    public |= {"AccessKeyId": ROOT_KEY_ID, "Format": "XML" if xml else "JSON", **parameters}
    public["SignatureNonce"] = os.urandom(12).hex()
    public["Signature"] = sign_v1(method, public, ROOT_SECRET)
    if form:
        return Request(method, "/", _FORM, encode(public).encode())
    return Request(method, f"/?{encode(public)}")


def calls(world: HttpWorld, now_ms: int) -> list[Request]:
    """Calls in each form."""
    parameters = {"ProductKey": world.own.product, "CurrentPage": "1", "PageSize": "10"}
    detail = {"ProductKey": world.own.product, "DeviceName": world.own.device.name}
    batch = {"ProductKey": world.own.product, "DeviceName.1": "device-1", "DeviceName.2": "device-2"}
    return [
        call(action, given, now_ms, scheme=scheme, form=form, xml=xml)
        for action, given in (
            ("ListOTAFirmware", parameters),
            ("QueryDeviceDetail", detail),
            ("BatchGetDeviceState", batch),
        )
        for scheme in ("V1", "V3")
        for form in (False, True)
        for xml in (False, True)
    ] + [chunked(call("QueryDeviceDetail", detail, now_ms, form=True))]


def uploads(world: HttpWorld, _now_ms: int) -> list[Request]:
    """Forms with an upload ticket: as the vendor's sample sends it, and with what a form may have besides."""
    ticket = world.ticket()
    fields = {
        "key": ticket["Key"],
        "policy": ticket["Policy"],
        "OSSAccessKeyId": ticket["OSSAccessKeyId"],
        "signature": ticket["Signature"],
        "success_action_status": "200",
    }
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    bare = 'Content-Disposition: form-data; name="file"\r\n\r\nfirmware'
    named = (
        'Content-Disposition: form-data; name="file"; filename="f.bin"\r\n'
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\nfirmware"
    )
    behind = 'Content-Disposition: form-data; name="submit"\r\n\r\nUpload'
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    forms = (_multipart(*parts, bare), _multipart(*parts, named), _multipart(*parts, bare, behind))
    right = [Request("POST", "/objects", headers, body) for body in forms]
    return [
        *right,
        chunked(right[0]),
        Request("POST", "/objects/", headers, _multipart(bare, *parts), 400),
        Request("POST", "/objects", {"Content-Type": "multipart/form-data"}, forms[0], 400),
    ]


def downloads(world: HttpWorld, _now_ms: int) -> list[Request]:
    """Signed URLs of the own account, whole and in parts; and of another, whose signature is another URL's."""
    own, foreign = (urlsplit(each.url) for each in (world.own, world.foreign))
    url = f"{own.path}?{own.query}"
    return [
        Request("GET", url),
        Request("HEAD", url),
        *(Request("GET", url, {"Range": each}, status=206) for each in ("bytes=0-", "bytes=4-7", "bytes=-5")),
        *(Request("GET", url, {"Range": each}) for each in ("bytes=7-4", "bytes=0-1,3-4", "lines=1-2")),
        Request("GET", url, {"Range": "bytes=100000-"}, status=416),
        Request("GET", url, {"Range": "bytes=4-", "If-Range": '"other"'}),
        Request("GET", f"{foreign.path}?{own.query}", status=403),
        Request("GET", own.path, status=403),
    ]


def repositories(world: HttpWorld, _now_ms: int) -> list[Request]:
    """Metadata and targets of the own product, and targets of another by the own right."""
    own, foreign = (urlsplit(each.tuf["MetadataUrl"]).path for each in (world.own, world.foreign))
    targets = urlsplit(world.own.tuf["TargetsUrl"]).path
    digest = "0123456789abcdef" * 4
    theirs = targets.replace(world.own.product, world.foreign.product)
    return [
        Request("GET", f"{own}/timestamp.json"),
        Request("GET", f"{own}/1.root.json"),
        Request("GET", f"{own}/1.targets.json"),
        Request("GET", f"{own}/99.snapshot.json", status=404),
        Request("GET", f"{targets}/default/{digest}.firmware.bin", status=404),
        Request("GET", f"{theirs}/default/{digest}.firmware.bin", status=403),
        Request("HEAD", f"{foreign}/1.root.json"),
    ]


def registrations(world: HttpWorld, _now_ms: int) -> list[Request]:
    """Registrations of the own product's devices, and one signed with another product's secret."""
    own, foreign = world.own, world.foreign
    forms = [
        Request("POST", "/auth/register/device", _FORM, encode(form).encode())
        for form in (
            registration_form(own.product, "fuzzed-1", own.product_secret),
            registration_form(own.product, "fuzzed-2", own.product_secret),
            registration_form(foreign.product, foreign.device.name, own.product_secret),
        )
    ]
    return [*forms, chunked(forms[0])]


def device_api(world: HttpWorld, _now_ms: int) -> list[Request]:
    """HawkBit's paths of the own device, and of its neighbour and of another account's device by the own token."""
    own, foreign = world.own, world.foreign
    root = f"/{own.product}/controller/v1/{own.device.name}"
    right = {"Authorization": f"TargetToken {own.device.secret}", "Accept": "application/hal+json"}
    told = {**right, **_JSON}
    feedback = Request("POST", f"{root}/deploymentBase/{own.action}/feedback", told, _PROGRESS)
    return [
        Request("GET", root, right),
        Request("GET", f"{root}/deploymentBase/{own.action}?c=1&actionHistory=3", right),
        Request("GET", f"{root}/installedBase/{own.action}", right, status=404),
        Request("GET", f"{root}/cancelAction/{own.action}", right, status=404),
        feedback,
        chunked(feedback),
        Request("POST", f"{root}/cancelAction/{own.action}/feedback", told, _ENDED, status=410),
        Request("PUT", f"{root}/configData", told, _ATTRIBUTES),
        Request("GET", own.download.rpartition("/")[0], right),
        Request("GET", own.download, {**right, "Range": "bytes=3-"}, status=206),
        Request("GET", f"{own.download}.MD5SUM", right),
        Request("GET", f"/{own.product}/controller/v1/{world.neighbour.name}", right, status=401),
        Request("GET", f"{root}/deploymentBase/{foreign.action}", right, status=404),
        Request("GET", foreign.download, right, status=401),
    ]


def websockets(_world: HttpWorld, _now_ms: int) -> list[Request]:
    """Handshakes."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
        "Sec-WebSocket-Protocol": "mqtt, mqttv3.1",
    }
    return [
        Request("GET", "/mqtt", headers, status=101),
        Request("GET", "/", headers, status=101),
        Request("GET", "/mqtt", {**headers, "Sec-WebSocket-Protocol": "amqp"}, status=400),
        Request("GET", "/mqtt", status=426),
    ]


CORPORA: Final[Mapping[str, Callable[[HttpWorld, int], list[Request]]]] = {
    "calls": calls,
    "uploads": uploads,
    "downloads": downloads,
    "repositories": repositories,
    "registrations": registrations,
    "device_api": device_api,
    "websockets": websockets,
}


def _multipart(*parts: str) -> bytes:
    inside = "".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts)
    return f"{inside}--{_BOUNDARY}--\r\n".encode()

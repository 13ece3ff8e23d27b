"""The upgrade notice: what a device is told, in the exact form that parsers in the field take.

Device-plane reference §2.2-2.5 and §7: no blanks, no escapes, `extData` last, `md5` always, one file in the flat form.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from skyferry.bus.messages import Notice, NoticeKind, PackageRequested, PullForm
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.objects.urls import DownloadUrls
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.store import packages as package_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import FileRecord, PackageRecord

_PUSH_CODE: Final = "1000"
_REPLY_CODE: Final = 200
_SIGN_METHODS: Final = {"MD5": "Md5", "SHA256": "SHA256"}
_UDI_TAG: Final = "_package_udi"


def offer(tx: Connection, job: JobRecord, urls: DownloadUrls, now: int) -> Mapping[str, Any]:
    """What a job offers a device: the `data` of the message, with download URLs that are valid from now on."""
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    files = package_statements.files_of(tx, [package.id])[package.id]
    return _data(package, files, job.tags, urls, now)


def pushes(offered: Mapping[str, Any], tasks: Sequence[tuple[int, int]], now: int) -> list[Notice]:
    """The push of an offer to devices.

    Args:
        offered: what `offer` returned.
        tasks: key of the task and of its device.
        now: milliseconds since the Unix epoch; the message's `id`.
    """
    payload = _text({"code": _PUSH_CODE, "data": offered, "id": now, "message": "success"})
    return [Notice(device_id, NoticeKind.PUSH, payload, task_id) for task_id, device_id in tasks]


def answer(request: PackageRequested, offered: Mapping[str, Any], task_id: int | None) -> Notice:
    """The answer to a device that asked: with an offer, or an empty one when there is nothing to install."""
    # The device's own text goes back as it came: a number stays a number, a text a text.
    raw_id = b'"id":' + request.request_id.encode()
    data = b'"data":' + _text(offered)
    if request.form is PullForm.GET:
        head = b'{%s,"code":%d,%s,"message":"success"}' % (raw_id, _REPLY_CODE, data)
        return Notice(request.device_id, NoticeKind.GET_REPLY, head, task_id)
    text = b'{"code":"%s",%s,%s,"message":"success"}' % (_PUSH_CODE.encode(), data, raw_id)
    return Notice(request.device_id, NoticeKind.REQUEST_REPLY, text, task_id)


def _data(
    package: PackageRecord, files: Sequence[FileRecord], tags: Mapping[str, str], urls: DownloadUrls, now: int
) -> dict[str, Any]:
    data: dict[str, Any] = {}
    method = {"signMethod": _SIGN_METHODS[package.sign_method]}
    if len(files) == 1:
        [file] = files
        data |= {"size": file.size, "sign": file.sign, "version": package.dest_version}
        data |= {"url": urls.sign(file.object_key, now)} | method | {"md5": file.md5}
    else:
        data |= {"version": package.dest_version} | method
        data["files"] = [
            {
                "fileSize": file.size,
                "fileName": file.name,
                "fileUrl": urls.sign(file.object_key, now),
                "fileMd5": file.md5,
                "fileSign": file.sign,
            }
            for file in files
        ]
    if package.type == DIFFERENTIAL:
        data["isDiff"] = 1
    if package.module != DEFAULT_MODULE:
        data["module"] = package.module
    extra = {**tags, **({_UDI_TAG: package.udi} if package.udi else {})}
    if extra:
        data["extData"] = extra
    return data


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

"""The upgrade notice around an offer: no blanks, no escapes (device-plane reference §2.2-2.7, §7)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from skyferry.bus.messages import Notice, NoticeKind, PackageRequested, PullForm
from skyferry.ota.offers import Offer, OfferData

_PUSH_CODE: Final = "1000"
_REPLY_CODE: Final = 200


def pushes(offer: Offer, tasks: Sequence[tuple[int, int]], now: int) -> list[Notice]:
    """The push of an offer to devices.

    Args:
        offer: what the job offers.
        tasks: key of the task and of its device.
        now: milliseconds since the Unix epoch: when they were claimed, and the message's `id`.
    """
    return [
        Notice(
            device_id,
            NoticeKind.PUSH,
            _text({"code": _PUSH_CODE, "data": offer.data(task_id), "id": now, "message": "success"}),
            task_id,
            now,
        )
        for task_id, device_id in tasks
    ]


def answer(request: PackageRequested, offered: OfferData, task_id: int | None) -> Notice:
    """The answer to a device that asked: with an offer, or an empty one when there is nothing to install."""
    # The device's own text goes back as it came: a number stays a number, a text a text.
    raw_id = b'"id":' + request.request_id.encode()
    data = b'"data":' + _text(offered)
    if request.form is PullForm.GET:
        head = b'{%s,"code":%d,%s,"message":"success"}' % (raw_id, _REPLY_CODE, data)
        return Notice(request.device_id, NoticeKind.GET_REPLY, head, task_id)
    text = b'{"code":"%s",%s,%s,"message":"success"}' % (_PUSH_CODE.encode(), data, raw_id)
    return Notice(request.device_id, NoticeKind.REQUEST_REPLY, text, task_id)


def _text(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

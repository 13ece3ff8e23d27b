"""Makes messages of what happens, in the transaction in which it happens: what is stored is told, and nothing else.

Nobody may have subscribed: then it costs one statement a transaction. The bodies are those of the platform, key by key
(control-plane reference §6.11); the message about a job is our own.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.events.models import SUCCESS, TEST, EventType, Happening, PresenceChanged, TaskMoved, VersionChanged
from skyferry.store import outbox, subjects, subscriptions
from skyferry.store.subjects import DeviceSubject, JobSubject, TaskSubject

_CHINA: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class _Message:
    """A message before it is known who gets it.

    Attributes:
        instance_id: key of the instance whose subscriptions may get it.
        types: the types that it fits, the narrowest first: a subscription gets it once.
        ordering_key: messages that share it are delivered in their order.
        topic: what it is about, as the platform writes it.
        payload: what it says.
    """

    instance_id: int
    types: tuple[EventType, ...]
    ordering_key: str
    topic: str
    payload: Mapping[str, Any]


def publish(tx: Connection, happenings: Collection[Happening], now: int) -> None:
    """Writes messages about tasks and devices, those of a device in the order in which things happened."""
    wanted = _wanted(tx) if happenings else set()
    told = sorted((item for item in happenings if wanted.intersection(_types(item))), key=lambda item: item.at)
    if not told:
        return
    tasks = subjects.of_tasks(tx, {item.task_id for item in told if isinstance(item, TaskMoved)})
    devices = subjects.of_devices(tx, {item.device_id for item in told if not isinstance(item, TaskMoved)})
    _write(tx, (message for item in told if (message := _message(item, tasks, devices, now))), now)


def publish_jobs(tx: Connection, job_ids: Collection[int], now: int) -> None:
    """Writes messages about jobs that have just come into the state that they are in."""
    if job_ids and is_wanted(tx, EventType.JOB_STATUS):
        _write(tx, (_of_job(job, now) for job in subjects.of_jobs(tx, job_ids)), now)


def publish_test(tx: Connection, subscription_id: int, now: int) -> str:
    """Writes a message for one subscription that says nothing, and returns its MessageId; it waits for no other."""
    message_id = identifiers.message_id()
    payload = {"text": "This is a test.", "messageCreateTime": now}
    values = {"message_id": message_id, "ordering_key": message_id, "topic": f"/{TEST}", "type": TEST}
    times = {"created_at": now, "due_at": now}
    outbox.add(tx, [{**values, **times, "subscription_id": subscription_id, "body": _json(payload)}])
    return message_id


def is_wanted(tx: Connection, kind: EventType) -> bool:
    """Whether any subscription wants messages of a type."""
    return kind in _wanted(tx)


def _wanted(tx: Connection) -> set[str]:
    return {name for subscriber in subscriptions.subscribers(tx) for name in subscriber.types}


def _types(item: Happening) -> tuple[EventType, ...]:
    match item:
        case TaskMoved(ended=ended):
            return (EventType.TASK_ENDED, EventType.TASK_STATUS) if ended else (EventType.TASK_STATUS,)
        case VersionChanged():
            return (EventType.MODULE_VERSION,)
        case PresenceChanged():
            return (EventType.DEVICE_STATUS,)


def _message(
    item: Happening, tasks: Mapping[int, TaskSubject], devices: Mapping[int, DeviceSubject], now: int
) -> _Message | None:
    """The message about what happened; None when what it is about does not exist any more."""
    if isinstance(item, TaskMoved):
        task = tasks.get(item.task_id)
        return None if task is None else _of_task(item, task, now)
    device = devices.get(item.device_id)
    if device is None:
        return None
    return _of_version(item, device, now) if isinstance(item, VersionChanged) else _of_presence(item, device)


def _of_task(item: TaskMoved, task: TaskSubject, now: int) -> _Message:
    return _Message(
        instance_id=task.instance_id,
        types=_types(item),
        ordering_key=task.iot_id,
        topic=f"/{task.product_key}/{task.device_name}/ota/upgrade",
        payload={
            "iotId": task.iot_id,
            "productKey": task.product_key,
            "deviceName": task.device_name,
            "status": item.status,
            "messageCreateTime": now,
            "srcVersion": task.src_version,
            "destVersion": task.dest_version,
            "desc": "success" if item.status == SUCCESS else item.description,
            "jobId": task.job_id,
            "taskId": identifiers.task_id(task.job_id, task.key),
        },
    )


def _of_version(item: VersionChanged, device: DeviceSubject, now: int) -> _Message:
    return _Message(
        instance_id=device.instance_id,
        types=_types(item),
        ordering_key=device.iot_id,
        topic=f"/{device.product_key}/{device.device_name}/ota/version/post",
        payload={
            "iotId": device.iot_id,
            "productKey": device.product_key,
            "deviceName": device.device_name,
            "moduleName": item.module,
            "moduleVersion": item.version,
            "messageCreateTime": now,
        },
    )


def _of_presence(item: PresenceChanged, device: DeviceSubject) -> _Message:
    return _Message(
        instance_id=device.instance_id,
        types=_types(item),
        ordering_key=device.iot_id,
        topic=f"/as/mqtt/status/{device.product_key}/{device.device_name}",
        payload={
            "status": "online" if item.online else "offline",
            "iotId": device.iot_id,
            "productKey": device.product_key,
            "deviceName": device.device_name,
            "time": _local(item.at),
            "utcTime": _utc(item.at),
            # Its documentation calls the time of the last communication a remnant without meaning.
            "lastTime": _local(item.at),
            "utcLastTime": _utc(item.at),
            "clientIp": item.address or device.address or "",
        },
    )


def _of_job(job: JobSubject, now: int) -> _Message:
    return _Message(
        instance_id=job.instance_id,
        types=(EventType.JOB_STATUS,),
        ordering_key=job.job_id,
        topic=f"/{job.product_key}/{job.firmware_id}/{job.job_id}/ota/job/status",
        payload={
            "productKey": job.product_key,
            "firmwareId": job.firmware_id,
            "jobId": job.job_id,
            "jobType": job.type,
            "status": job.status,
            "moduleName": job.module,
            "destVersion": job.dest_version,
            "messageCreateTime": now,
        },
    )


def _write(tx: Connection, messages: Iterable[_Message], now: int) -> None:
    """Puts each message into the outbox of every subscription that wants it, under one MessageId."""
    subscribers = subscriptions.subscribers(tx)
    written: list[dict[str, Any]] = []
    for message in messages:
        wanted = [
            (subscriber.id, kind)
            for subscriber in subscribers
            if subscriber.instance_id == message.instance_id
            and (kind := _first_of(message.types, subscriber.types)) is not None
        ]
        if wanted:
            common = {
                "message_id": identifiers.message_id(),
                "ordering_key": message.ordering_key,
                "topic": message.topic,
                "body": _json(message.payload),
                "created_at": now,
                "due_at": now,
            }
            written += [{**common, "subscription_id": key, "type": kind} for key, kind in wanted]
    outbox.add(tx, written)


def _json(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, separators=(",", ":"))


def _first_of(types: Sequence[EventType], wanted: Sequence[str]) -> EventType | None:
    return next((kind for kind in types if kind in wanted), None)


def _local(ms: int) -> str:
    """`2018-08-31 15:32:28.205` in UTC+8."""
    return f"{datetime.fromtimestamp(ms // 1_000, _CHINA):%Y-%m-%d %H:%M:%S}.{ms % 1_000:03d}"


def _utc(ms: int) -> str:
    """`2018-08-31T07:32:28.205Z`."""
    return f"{datetime.fromtimestamp(ms // 1_000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03d}Z"

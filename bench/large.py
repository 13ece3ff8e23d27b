"""A large account, written straight into the database of a server that is not started yet.

The first product has nine tenths of the devices and one running job for all of them; the others share the rest, and the
remaining tasks belong to jobs of 500 that have ended.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, text

from bench.fleet import seed
from skyferry import identifiers
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing, SecretBox
from skyferry.ota.states import TaskStatus
from skyferry.store.engine import Store
from skyferry.store.tables import groups, jobs, objects, package_files, packages, products
from skyferry.store.tables import tasks as task_table

_PRODUCTS: Final = 5
_DEVICE_SECRET: Final = "0" * 32
_LARGE_SHARE: Final = 0.9
_SMALL_JOB: Final = 500
_HOUR_MS: Final = 3_600_000
_GROUP: Final = 10_000

_DEVICES: Final = """
INSERT INTO devices (product_id, name, iot_id, secret_sealed, connection_id, activated_at, online_at, status_at,
                     created_at, modified_at)
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
SELECT :product_id, 'device-' || n, 'i' || :product_id || '-' || n, :secret,
       CASE WHEN n % 2 = 0 THEN 'c' || n END, CASE WHEN n % 10 > 0 OR n % 2 = 0 THEN :now END, :now, :now, :now, :now
FROM numbers
"""
_VERSIONS: Final = """
INSERT INTO module_versions (device_id, module, version, reported_at)
SELECT id, 'default', CASE WHEN id % 50 < 30 THEN '1.0.0' WHEN id % 50 < 45 THEN '1.1.0' ELSE '1.2.' || (id % 20) END,
       :now
FROM devices WHERE id % 100 > 0 ORDER BY id
"""
_TASKS: Final = """
INSERT INTO tasks (job_id, package_id, device_id, module, src_version, status, description, dispatch_at, created_at,
                   modified_at)
SELECT :job_id, :package_id, id, 'default', '1.0.0',
       CASE WHEN :ended OR id % 20 < 11 THEN :succeeded WHEN id % 20 < 13 THEN :failed WHEN id % 20 < 14 THEN :running
            ELSE :queued END,
       CASE WHEN id % 20 IN (11, 12) AND NOT :ended THEN 'the download failed' ELSE '' END, NULL, :now, :now
FROM devices WHERE product_id = :product_id ORDER BY id LIMIT :count
"""
_COUNTS: Final = (
    """
INSERT INTO task_endings (job_id, hour, status, cause, number)
SELECT job_id, modified_at / 3600000, status, CASE WHEN status = 120 THEN description ELSE '' END, count(*)
FROM tasks WHERE status IN (110, 120) GROUP BY 1, 2, 3, 4
""",
    """
INSERT INTO version_counts (product_id, module, version, devices)
SELECT devices.product_id, module_versions.module, module_versions.version, count(*)
FROM module_versions JOIN devices ON devices.id = module_versions.device_id GROUP BY 1, 2, 3
""",
)


@dataclass(frozen=True, slots=True)
class Large:
    """What pages are asked for.

    Attributes:
        product_key: of the large product.
        firmware_id: of the package of the large job.
        job_id: of the large job.
        small_job_id: of one of the small ones.
        group_id: of a group of many devices.
        task_id: of a task of the first device of the large product.
    """

    product_key: str
    firmware_id: str
    job_id: str
    small_job_id: str
    group_id: str
    task_id: str


async def fill(data: Path, devices: int, tasks: int) -> Large:
    """Makes a data directory with so many devices and tasks.

    Args:
        data: the directory, which must not be there yet.
        devices: how many, in five products.
        tasks: how many, of which the large job has as many as the large product has devices.
    """
    await seed(data, *[0] * _PRODUCTS)
    directory = DataDir(data)
    box = SecretBox(KeyRing.load_or_create(directory.key).derive("secrets"))
    store = Store(str(directory.database))
    try:
        return await store.write(_fill, box.seal(_DEVICE_SECRET), devices, tasks)
    finally:
        await store.close()


def _fill(tx: Connection, secret: bytes, devices: int, tasks: int) -> Large:
    now = time.time_ns() // 1_000_000
    own = tx.execute(
        select(products.c.id, products.c.product_key, products.c.instance_id).order_by(products.c.id)
    ).all()
    large = round(devices * _LARGE_SHARE)
    for number, product in enumerate(own):
        count = large if number == 0 else (devices - large) // (_PRODUCTS - 1)
        values = {"product_id": product.id, "count": count, "secret": secret, "now": now}
        tx.execute(text(_DEVICES), values)
    tx.execute(text(_VERSIONS), {"now": now})
    package_ids = [_package(tx, product, number, now) for number, product in enumerate(own)]
    states = {"succeeded": TaskStatus.SUCCEEDED, "failed": TaskStatus.FAILED, "queued": TaskStatus.QUEUED}
    states["running"] = TaskStatus.IN_PROGRESS
    small_jobs = (tasks - large) // _SMALL_JOB
    made = []
    for number in range(small_jobs + 1):
        is_large = number == small_jobs
        which = 0 if is_large else number % (_PRODUCTS - 1) + 1
        at = now - (small_jobs - number) * _HOUR_MS
        made.append(identifiers.job_id())
        job_id = _job(tx, own[which], package_ids[which], made[-1], at, ended=not is_large)
        values = {"product_id": own[which].id, "package_id": package_ids[which], "job_id": job_id}
        count = large if is_large else _SMALL_JOB
        tx.execute(text(_TASKS), {**values, **states, "count": count, "ended": not is_large, "now": at})
    group = {"name": "large", "group_id": "large-group", "type": "LINK_PLATFORM", "level": 1}
    tx.execute(insert(groups), {**group, "instance_id": own[0].instance_id, "created_at": now, "modified_at": now})
    tx.execute(
        text(
            "INSERT INTO group_members (group_id, device_id) SELECT groups.id, devices.id FROM groups, devices"
            " WHERE devices.product_id = :product_id ORDER BY devices.id LIMIT :most"
        ),
        {"product_id": own[0].id, "most": _GROUP},
    )
    for statement in _COUNTS:
        tx.execute(text(statement))
    first = select(task_table.c.id).where(task_table.c.package_id == package_ids[0]).order_by(task_table.c.id).limit(1)
    return Large(
        product_key=own[0].product_key,
        firmware_id="package-0",
        job_id=made[-1],
        small_job_id=made[0],
        group_id="large-group",
        task_id=identifiers.task_id(made[-1], tx.execute(first).scalar_one()),
    )


def _package(tx: Connection, product: Row[Any, Any, Any], number: int, now: int) -> int:
    values = {"instance_id": product.instance_id, "product_id": product.id, "firmware_id": f"package-{number}"}
    kind = {"name": f"package_{number}", "module": "default", "dest_version": "2.0.0", "type": 0, "status": -1}
    rest = {"sign_method": "SHA256", "multi_file": False, "created_at": now, "modified_at": now}
    package_id = int(tx.execute(insert(packages).returning(packages.c.id), {**values, **kind, **rest}).scalar_one())
    file = {"key": f"object-{number}", "instance_id": product.instance_id, "size": 1, "created_at": now}
    tx.execute(insert(objects), {**file, **dict.fromkeys(("md5", "sha256", "crc64", "sha1"), "")})
    part = {"package_id": package_id, "position": 0, "object_key": file["key"], "size": 1, "sign": "", "md5": ""}
    tx.execute(insert(package_files), part)
    return package_id


def _job(tx: Connection, product: Row[Any, Any, Any], package_id: int, name: str, at: int, *, ended: bool) -> int:
    values = {"instance_id": product.instance_id, "product_id": product.id, "package_id": package_id}
    kind = {"job_id": name, "type": "UPGRADE_FIRMWARE", "selection": "STATIC", "target_selection": "ALL"}
    flags = dict.fromkeys(("need_push", "need_confirm", "multi_module"), False)
    rest = {"maximum_per_minute": 10_000, "overwrite_mode": 1, "download_protocol": "HTTPS", "tags": {}}
    reached = {"src_versions": [], "selected_up_to": 0, "select_up_to": 0}
    times = {"created_at": at, "modified_at": at, "started_at": at, "ended_at": at if ended else None}
    status = {"status": "COMPLETED" if ended else "IN_PROGRESS"}
    row = {**values, **kind, **flags, **rest, **reached, **times, **status}
    return int(tx.execute(insert(jobs).returning(jobs.c.id), row).scalar_one())

"""What a fleet of some size needs: `python -m bench.capacity [DEVICES…]`.

A model of a few lines: what each device does in a day and in a rollout, times what that costs by measurement. It is as
good as its assumptions, which are options; what it says of a point that can be run here is compared with a run by
`make bench BENCH=capacity`. docs/guide/capacity.md explains both.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

_DAY_SECONDS: Final = 86_400
_SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
_STREAM_PARTS: Final = 16
"""The parts of the stream of reports, and so the most workers that share it."""
_APIS: Final = 2
"""Processes that answer applications, whose calls are few."""
_MOST_WRITES: Final = 20_000
"""Rows in a second that one well-equipped PostgreSQL is trusted with; assumed, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What things cost, measured: CPU in milliseconds of one core, memory and disk in bytes.

    Attributes:
        login_ms: a log-in and its end, by MQTT without TLS; one process on SQLite, as the next three, and many at once.
        report_ms: a version report.
        update_ms: a finished update, by MQTT and with its download.
        task_ms: a task of a job, made.
        tls_ms: what a full TLS handshake adds.
        ping_ms: a PINGREQ and its answer.
        alone: by how much the first three cost more when few come at once and each has a transaction of its own:
            the most that was measured.
        idle_ms: a process that has nothing to do, in a second.
        postgresql: by how much the first four cost more on PostgreSQL.
        gateway_share: the part of them that the gateway does; the worker does the rest. Assumed.
        process_bytes: a process without devices.
        connection_bytes: an idle connection of a device.
        device_bytes: a device with the version of a module, in PostgreSQL with indexes.
        task_bytes: a task of a job that has ended, with its history and what was downloaded.
        login_rows: rows that PostgreSQL writes for a log-in and its end,
        report_rows: for a version report of a new version (a known one costs none),
        update_rows: for a finished update and its task.
        row_bytes: of the write-ahead log, for a row.
    """

    login_ms: float = 0.9
    report_ms: float = 0.15
    update_ms: float = 6.3
    task_ms: float = 0.014
    tls_ms: float = 5.4
    ping_ms: float = 0.025
    alone: float = 6.0
    idle_ms: float = 25.0
    postgresql: float = 2.0
    gateway_share: float = 0.5
    process_bytes: int = 130 << 20
    connection_bytes: int = 3_560
    device_bytes: int = 1_200
    task_bytes: int = 2_100
    login_rows: float = 6.0
    report_rows: float = 0.5
    update_rows: float = 17.0
    row_bytes: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What devices do; every one is assumed.

    Attributes:
        online: the share of devices that are connected at once.
        logins: of a device in a day.
        reports: version reports of a device in a day; each log-in brings one.
        keepalive_seconds: so often a connected device that says nothing else sends a PINGREQ.
        tls: devices speak TLS, and resume no session.
        rollout_days: in so many days a job updates all devices.
        kept: tasks of so many jobs for all devices stay in the database.
        storm_minutes: after an outage all devices log in again within so many minutes.
        package_bytes: of one download.
        busy: the most that a core is loaded on average.
        most_connections: of one gateway process; 19,700 were measured.
    """

    online: float = 0.5
    logins: float = 2.0
    reports: float = 4.0
    keepalive_seconds: float = 120.0
    tls: bool = True
    rollout_days: float = 7.0
    kept: int = 4
    storm_minutes: float = 30.0
    package_bytes: int = 20_000_000
    busy: float = 0.6
    most_connections: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a fleet needs.

    Attributes:
        connections: devices connected at once.
        logins: in a second, on an ordinary day.
        reports: in a second.
        updates: in a second, while a job runs.
        storm_logins: in a second, after an outage.
        gateway_cores: on an ordinary day with a job.
        worker_cores: the same.
        storm_cores: of gateways and workers together, after an outage.
        gateways: processes; one uses one core for devices.
        workers: processes.
        memory_bytes: of all processes of Skyferry.
        database_bytes: of PostgreSQL.
        writes: rows in a second in PostgreSQL.
        storm_writes: the same for log-ins after an outage.
        log_bytes: of its write-ahead log in a second.
        messages: in a second over NATS, at most: what arrives together travels together.
        download_bits: in a second, while a job runs.
    """

    connections: float
    logins: float
    reports: float
    updates: float
    storm_logins: float
    gateway_cores: float
    worker_cores: float
    storm_cores: float
    gateways: int
    workers: int
    memory_bytes: float
    database_bytes: float
    writes: float
    storm_writes: float
    log_bytes: float
    messages: float
    download_bits: float


def needs_of(devices: int, habits: Habits, costs: Costs) -> Needs:
    """What so many devices need."""
    connections = devices * habits.online
    logins = devices * habits.logins / _DAY_SECONDS
    reports = devices * habits.reports / _DAY_SECONDS
    updates = devices / (habits.rollout_days * _DAY_SECONDS)
    storm = connections / (habits.storm_minutes * 60)
    handshake_ms = costs.tls_ms if habits.tls else 0.0
    login_ms = costs.login_ms * costs.postgresql
    alone_ms = logins * costs.login_ms + reports * costs.report_ms + updates * costs.update_ms
    worked_ms = costs.postgresql * (costs.alone * alone_ms + updates * costs.task_ms)
    kept_ms = logins * handshake_ms + connections / habits.keepalive_seconds * costs.ping_ms
    gateway_cores = (worked_ms * costs.gateway_share + kept_ms) / 1_000
    worker_cores = worked_ms * (1 - costs.gateway_share) / 1_000
    storm_gateway = storm * (login_ms * costs.gateway_share + handshake_ms) / 1_000
    storm_worker = storm * login_ms * (1 - costs.gateway_share) / 1_000
    gateways = _processes(max(gateway_cores / habits.busy, storm_gateway, connections / habits.most_connections))
    workers = _processes(max(worker_cores / habits.busy, storm_worker))
    writes = logins * costs.login_rows + reports * costs.report_rows + updates * costs.update_rows
    return Needs(
        connections=connections,
        logins=logins,
        reports=reports,
        updates=updates,
        storm_logins=storm,
        gateway_cores=gateway_cores,
        worker_cores=worker_cores,
        storm_cores=storm_gateway + storm_worker,
        gateways=gateways,
        workers=workers,
        memory_bytes=(gateways + workers + _APIS) * costs.process_bytes + connections * costs.connection_bytes,
        database_bytes=devices * (costs.device_bytes + habits.kept * costs.task_bytes),
        writes=writes,
        storm_writes=storm * costs.login_rows,
        log_bytes=writes * costs.row_bytes,
        messages=2 * logins + reports + 6 * updates,
        download_bits=updates * habits.package_bytes * 8,
    )


def _processes(cores: float) -> int:
    """At least two, so that none is the only one."""
    return max(2, math.ceil(cores))


def limits_of(needs: Needs) -> list[str]:
    """What of it is beyond what one installation does, in sentences; empty when nothing is."""
    found = []
    if needs.workers > _STREAM_PARTS:
        found.append(f"{needs.workers} workers, and the stream of reports has {_STREAM_PARTS} parts")
    writes = max(needs.writes, needs.storm_writes)
    if writes > _MOST_WRITES:
        found.append(f"{writes:,.0f} rows a second in one PostgreSQL, which is trusted with {_MOST_WRITES:,}")
    return found


_HABITS: Final = Habits()


def main(
    devices: Annotated[list[int] | None, typer.Argument(help="Sizes of fleets.")] = None,
    *,
    online: Annotated[float, typer.Option(help="Share of devices that are connected at once.")] = _HABITS.online,
    logins: Annotated[float, typer.Option(help="Log-ins of a device in a day.")] = _HABITS.logins,
    reports: Annotated[float, typer.Option(help="Version reports of a device in a day.")] = _HABITS.reports,
    keepalive: Annotated[float, typer.Option(help="Seconds between PINGREQs.")] = _HABITS.keepalive_seconds,
    rollout_days: Annotated[float, typer.Option(help="Days of a job for all devices.")] = _HABITS.rollout_days,
    storm_minutes: Annotated[float, typer.Option(help="All log in within, after an outage.")] = _HABITS.storm_minutes,
    package_mb: Annotated[float, typer.Option(help="Megabytes of a package file.")] = _HABITS.package_bytes / 1e6,
    tls: Annotated[bool, typer.Option(help="Devices speak TLS.")] = _HABITS.tls,
) -> None:
    """Tell what fleets need."""
    habits = Habits(
        online=online,
        logins=logins,
        reports=reports,
        keepalive_seconds=keepalive,
        tls=tls,
        rollout_days=rollout_days,
        storm_minutes=storm_minutes,
        package_bytes=round(package_mb * 1_000_000),
    )
    sizes = devices or _SIZES
    found = {size: needs_of(size, habits, Costs()) for size in sizes}
    screen = Console()
    screen.print(_table(found))
    for size, needs in found.items():
        for sentence in limits_of(needs):
            screen.print(f"{size:,} devices are more than one installation serves: {sentence}.")


def _table(found: dict[int, Needs]) -> Table:
    table = Table()
    table.add_column("devices")
    for size in found:
        table.add_column(f"{size:,}", justify="right")
    lines = {
        "connected at once": [f"{needs.connections:,.0f}" for needs in found.values()],
        "log-ins a second": [_number(needs.logins) for needs in found.values()],
        "version reports a second": [_number(needs.reports) for needs in found.values()],
        "updates a second, during a job": [_number(needs.updates) for needs in found.values()],
        "log-ins a second after an outage": [_number(needs.storm_logins) for needs in found.values()],
        "cores of gateways, with a job": [_number(needs.gateway_cores) for needs in found.values()],
        "cores of workers, with a job": [_number(needs.worker_cores) for needs in found.values()],
        "cores of both after an outage": [_number(needs.storm_cores) for needs in found.values()],
        "gateway processes": [f"{needs.gateways:,}" for needs in found.values()],
        "api processes, assumed": [f"{_APIS}" for _ in found],
        "worker processes": [f"{needs.workers}" for needs in found.values()],
        "memory of all processes, GB": [_number(needs.memory_bytes / 1e9) for needs in found.values()],
        "PostgreSQL, GB": [_number(needs.database_bytes / 1e9) for needs in found.values()],
        "rows written a second": [_number(needs.writes) for needs in found.values()],
        "rows written a second after an outage": [_number(needs.storm_writes) for needs in found.values()],
        "write-ahead log, MB a second": [_number(needs.log_bytes / 1e6) for needs in found.values()],
        "NATS messages a second, at most": [_number(needs.messages) for needs in found.values()],
        "downloads during a job, Mbit/s": [_number(needs.download_bits / 1e6) for needs in found.values()],
    }
    for name, values in lines.items():
        table.add_row(name, *values)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


if __name__ == "__main__":
    typer.run(main)

"""How the server is: an operation of Skyferry alone, for those who operate it."""

import asyncio
import shutil
from collections.abc import Sequence
from typing import Final

from skyferry import __version__
from skyferry.events.subscriptions import COUNTED_UP_TO
from skyferry.monitoring import PartState
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import operating

_SENTENCES: Final = {
    "store": "The database answers.",
    "objects": "Package files can be stored.",
    "bus": "The parts of the server hear each other.",
    "http": "Every HTTP address accepts connections.",
    "mqtt": "Every MQTT address accepts connections.",
    "worker": "Tasks are pushed, timed out and repeated.",
    "delivery": "Messages to business servers are on their way.",
    "reports": "What devices report arrives.",
    "membership": "The other processes know that this one lives.",
}
"""What is said of a part that works."""
_WORKS: Final = "It works."


class QueryServerStatusRequest(InstanceRequest):
    """Parameters of QueryServerStatus."""


class ServerPart(ResponseModel):
    """A part of the server that must work; the same as at `/healthz`."""

    name: str
    """`store`, `objects`, `bus`, `http`, `mqtt`, `worker`, `delivery`, `reports` or `membership`."""
    works: bool
    text: str
    """What works, or what is wrong, in a sentence."""


class ServerAddress(ResponseModel):
    """An address that the server listens on."""

    name: str
    """The setting: `http`, `mqtt`, `mqtts`, `https` or `downloads`."""
    address: str
    """HOST:PORT, with the port that it really has."""


class ServerSetting(ResponseModel):
    """A setting that is in effect."""

    name: str
    value: str
    """As it is written in the settings file; empty when it is absent. `***` stands for what is secret."""
    is_default: bool
    text: str
    """What it means, with its unit."""


class ServerStatus(ResponseModel):
    """`Data` of QueryServerStatus."""

    version: str
    utc_start: str
    """Since when the server runs."""
    uptime_seconds: int
    healthy: bool
    """Whether all parts work."""
    parts: list[ServerPart]
    public_url: str
    """The server's URL as applications and devices know it."""
    addresses: list[ServerAddress]
    database: str
    """`sqlite` or `postgresql`."""
    database_bytes: int
    data_directory: str
    disk_free_bytes: int
    """What is free where the data directory is."""
    disk_bytes: int
    """The size of that disk."""
    devices_online: int
    """Devices that are connected, or poll."""
    open_tasks: int
    """Tasks that have not ended."""
    waiting_events: int
    """Messages to business servers that have not arrived yet; 10000 stands for that many or more."""
    utc_waiting_since: str | None
    """When the oldest of them was made."""
    utc_certificate_end: str | None
    """When the certificate of the server is valid no more; absent when no address speaks TLS."""
    settings: list[ServerSetting]


class QueryServerStatusResponse(ResponseModel):
    """Answer of QueryServerStatus."""

    data: ServerStatus


@operation("QueryServerStatus", qps=10, access=Access.READ, vendor=False, operator=True)
async def query_server_status(
    call: Call,
    request: QueryServerStatusRequest,  # noqa: ARG001 - it has no parameters but the instance
) -> QueryServerStatusResponse:
    """Tells how the server is and with which settings it runs: only to the account `root` and its RAM users.

    Counts are of the whole server, whichever accounts they belong to; parts, addresses and settings are those of the
    process that answers.
    """
    services = call.services
    server, now = services.server, services.clock.now_ms()
    parts = _parts(await server.health.look())
    work = await services.store.read(operating.work, COUNTED_UP_TO)
    disk = await asyncio.to_thread(shutil.disk_usage, server.data_dir)
    status = ServerStatus(
        version=__version__,
        utc_start=formats.utc(server.started_ms),
        uptime_seconds=(now - server.started_ms) // 1_000,
        healthy=all(part.works for part in parts),
        parts=parts,
        public_url=services.public_url,
        addresses=[ServerAddress(name=name, address=address) for name, address in server.addresses],
        database=services.store.url.get_backend_name(),
        database_bytes=work.database_bytes,
        data_directory=str(server.data_dir.absolute()),
        disk_free_bytes=disk.free,
        disk_bytes=disk.total,
        devices_online=work.devices_online,
        open_tasks=work.open_tasks,
        waiting_events=work.waiting,
        utc_waiting_since=formats.utc_or_none(work.waiting_since),
        utc_certificate_end=formats.utc_or_none(server.certificate_end_ms()),
        settings=[
            ServerSetting(name=item.name, value=item.value, is_default=item.is_default, text=item.text)
            for item in server.settings
        ],
    )
    return QueryServerStatusResponse(data=status)


def _parts(states: Sequence[PartState]) -> list[ServerPart]:
    return [
        ServerPart(
            name=state.name, works=state.problem is None, text=state.problem or _SENTENCES.get(state.name, _WORKS)
        )
        for state in states
    ]

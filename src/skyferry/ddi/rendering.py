"""The answers in hawkBit's form, with links that begin as the device itself addressed the server."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import hdrs, web

from skyferry.ddi.assignments import Assignment, Kind
from skyferry.ddi.errors import DdiError
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.ota.states import TaskStatus
from skyferry.store.polling import Artifact, TaskOfDevice

JSON: Final = "application/json"
HAL: Final = "application/hal+json"
_DEFAULT_PART: Final = "bApp"
"""The type of the chunk that the default module becomes: the only one that Zephyr installs; others take any."""
_SLEEP_MOST: Final = 86_399
_HISTORY_STATUS: Final = {TaskStatus.NOTIFIED: "RETRIEVED", TaskStatus.IN_PROGRESS: "RUNNING"}


@dataclass(frozen=True, slots=True)
class Links:
    """The URLs of one device.

    Attributes:
        base: scheme and host, such as `https://ota.example.com`.
        address: the device.
    """

    base: str
    address: DeviceAddress

    @property
    def root(self) -> str:
        """Where the device polls."""
        tenant, controller = quote(self.address.product_key, safe=""), quote(self.address.device_name, safe="")
        return f"{self.base}/{tenant}/controller/v1/{controller}"

    def describe(self, package_id: int, artifact: Artifact, sha1: str) -> dict[str, Any]:
        """A file of a package, and where it is."""
        url = f"{self.root}/softwaremodules/{package_id}/artifacts/{quote(file_name(artifact), safe='')}"
        download, digest = {"href": url}, {"href": f"{url}.MD5SUM"}
        return {
            "filename": file_name(artifact),
            "hashes": {"sha1": sha1, "md5": artifact.md5, "sha256": artifact.sha256},
            "size": artifact.size,
            # Clients look for one pair or the other, by how they were built.
            "_links": {
                "download": download,
                "md5sum": digest,
                "download-http": download,
                "md5sum-http": digest,
            },
        }


def base_url(request: web.Request, *, secure: bool, public_url: str) -> str:
    """How the device addressed the server. A proxy that takes TLS off is known by the public URL.

    Args:
        request: as aiohttp gives it.
        secure: the device spoke TLS.
        public_url: the server's URL as it is set.
    """
    if secure:
        return f"https://{request.host}"
    if urlsplit(public_url).netloc == request.host:
        return public_url.rstrip("/")
    return f"http://{request.host}"


def file_name(artifact: Artifact) -> str:
    """What a file is called in a deployment: its name in a package of several, otherwise as it was stored."""
    return artifact.name or artifact.key.rpartition("/")[2]


def sleep(seconds: int) -> str:
    """`HH:MM:SS`."""
    bounded = min(seconds, _SLEEP_MOST)
    return f"{bounded // 3_600:02}:{bounded // 60 % 60:02}:{bounded % 60:02}"


def poll(links: Links, assignment: Assignment | None, *, interval_s: int, attributes_wanted: bool) -> dict[str, Any]:
    """The answer to a poll."""
    told: dict[str, Any] = {}
    if assignment is not None:
        name = "cancelAction" if assignment.kind is Kind.CANCEL else "deploymentBase"
        told[name] = {"href": f"{links.root}/{name}/{assignment.task_id}"}
    if attributes_wanted:
        told["configData"] = {"href": f"{links.root}/configData"}
    return {"config": {"polling": {"sleep": sleep(interval_s)}}, "_links": told}


def deployment(
    links: Links,
    task: TaskOfDevice,
    artifacts: Sequence[tuple[Artifact, str]],
    messages: Sequence[str] | None,
) -> dict[str, Any]:
    """What a device is to install.

    Args:
        links: the device's URLs.
        task: the task.
        artifacts: the package's files, each with its SHA-1.
        messages: what was said of the task so far; None when the device did not ask.
    """
    chunk = {
        "part": _DEFAULT_PART if task.module == DEFAULT_MODULE else task.module,
        "version": task.dest_version,
        "name": task.name,
        "artifacts": [links.describe(task.package_id, artifact, sha1) for artifact, sha1 in artifacts],
    }
    answer: dict[str, Any] = {
        "id": str(task.id),
        "deployment": {"download": "forced", "update": "forced", "chunks": [chunk]},
    }
    if messages is not None:
        status = _HISTORY_STATUS.get(TaskStatus(task.status), "FINISHED")
        answer["actionHistory"] = {"status": status, "messages": list(messages)}
    return answer


def cancellation(task_id: int) -> dict[str, Any]:
    """That a device is to give up a task."""
    return {"id": str(task_id), "cancelAction": {"stopId": str(task_id)}}


def answer(request: web.Request, document: Mapping[str, Any]) -> web.Response:
    """An answer in JSON; 304 when the device has it already."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    etag = f'"{hashlib.md5(text, usedforsecurity=False).hexdigest()}"'
    known = {part.strip().removeprefix("W/") for part in request.headers.get(hdrs.IF_NONE_MATCH, "").split(",")}
    headers = {"ETag": etag, hdrs.CACHE_CONTROL: "no-store"}
    if etag in known:
        return web.Response(status=304, headers=headers)
    return web.Response(body=text, content_type=_content_type(request), charset="utf-8", headers=headers)


def refusal(request: web.Request, error: DdiError) -> web.Response:
    """An error as an answer."""
    headers = {hdrs.WWW_AUTHENTICATE: "TargetToken"} if error.status == 401 else {}  # noqa: PLR2004 - of HTTP
    text = json.dumps(error.body(), separators=(",", ":")).encode()
    return web.Response(
        status=error.status, body=text, content_type=_content_type(request), charset="utf-8", headers=headers
    )


def _content_type(request: web.Request) -> str:
    accepted = request.headers.get(hdrs.ACCEPT, "")
    return HAL if HAL in accepted and JSON not in accepted else JSON

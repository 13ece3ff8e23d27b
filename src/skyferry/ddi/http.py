"""The paths of the device API (device-plane reference §5.6-5.12): `/{tenant}/controller/v1/{controllerId}/…`.

The tenant is the ProductKey, the controllerId the DeviceName, and an action is a task.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from aiohttp import hdrs, web
from sqlalchemy.exc import SQLAlchemyError

from skyferry import outages
from skyferry.bus.messages import VersionReported
from skyferry.ddi import bodies, errors, metrics, rendering
from skyferry.ddi.assignments import is_given
from skyferry.ddi.errors import DdiError
from skyferry.ddi.presence import Stay
from skyferry.ddi.rendering import Links
from skyferry.ddi.service import DeviceApi
from skyferry.errors import UnavailableError
from skyferry.fleet import attributes, names
from skyferry.fleet.attributes import MOST_ATTRIBUTES, TooManyAttributesError
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.fleet.polling import Visitor
from skyferry.ota.states import TaskStatus
from skyferry.store import polling
from skyferry.store.polling import Artifact

_log = structlog.get_logger(__name__)

ROOT: Final = "/{tenant}/controller/v1/{controller}"
_MD5_SUFFIX: Final = ".MD5SUM"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_MESSAGES: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


class Origin(Protocol):
    """Where a request comes from."""

    @property
    def address(self) -> str:
        """The IP address of the caller."""
        ...

    @property
    def secure(self) -> bool:
        """The caller spoke TLS."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of a device that was let in."""

    request: web.Request
    address: DeviceAddress
    visitor: Visitor
    stay: Stay
    links: Links

    def number(self, name: str) -> int:
        """A number in the path.

        Raises:
            DdiError: it is none, so nothing has it.
        """
        text = self.request.match_info[name]
        if not _NUMBER.fullmatch(text):
            raise errors.not_found(f"{name} is not one of the device's.")
        return int(text)


Answer = Callable[[DeviceApi, Exchange], Awaitable[web.StreamResponse]]


def routes(api: DeviceApi, origin_of: Callable[[web.Request], Origin], public_url: str) -> list[web.RouteDef]:
    """The routes of the device API.

    Args:
        api: what answers.
        origin_of: where a request comes from, proxies considered.
        public_url: the server's URL as it is set.
    """
    artifacts = f"{ROOT}/softwaremodules/{{module}}/artifacts"

    def answering(resource: str, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await _answered(api, answer, request, origin_of(request), public_url)
            metrics.REQUESTS.labels(resource, response.status).inc()
            if api.draining:
                response.force_close()
            return response

        return handle

    return [
        web.get(ROOT, answering("poll", _poll)),
        web.get(f"{ROOT}/deploymentBase/{{action}}", answering("deploymentBase", _deployment)),
        web.get(f"{ROOT}/installedBase/{{action}}", answering("installedBase", _installed)),
        web.get(f"{ROOT}/cancelAction/{{action}}", answering("cancelAction", _cancel)),
        web.post(f"{ROOT}/deploymentBase/{{action}}/feedback", answering("feedback", _deployment_feedback)),
        web.post(f"{ROOT}/cancelAction/{{action}}/feedback", answering("cancelFeedback", _cancel_feedback)),
        web.put(f"{ROOT}/configData", answering("configData", _config_data)),
        web.get(artifacts, answering("artifacts", _artifacts)),
        web.get(f"{artifacts}/{{file}}", answering("download", _download)),
    ]


async def _answered(
    api: DeviceApi, answer: Answer, request: web.Request, origin: Origin, public_url: str
) -> web.StreamResponse:
    """Lets the device in and answers; whatever goes wrong gets hawkBit's form."""
    try:
        return await answer(api, await _exchange(api, request, origin, public_url))
    except DdiError as error:
        failure = error
        _log.info("ddi_refused", path=request.path[:256], status=error.status, code=error.code, address=origin.address)
    except (SQLAlchemyError, ConnectionError, UnavailableError) as error:
        failure = errors.unavailable()
        _log.warning("ddi_unavailable", path=request.path[:256], **outages.cause(error))
    except Exception:  # noqa: BLE001 - logged; the device gets an answer all the same
        failure = errors.internal()
        _log.exception("ddi_failed", path=request.path[:256])
    return rendering.refusal(request, failure)


async def _exchange(api: DeviceApi, request: web.Request, origin: Origin, public_url: str) -> Exchange:
    if not origin.secure and not api.settings.plain:
        raise errors.plain()
    address = DeviceAddress(request.match_info["tenant"], request.match_info["controller"])
    authorization = request.headers.get(hdrs.AUTHORIZATION, "")
    visitor = await api.authenticator.identify(address, authorization, origin.address)
    stay = await api.presence.came(visitor.device_id, origin.address)
    base = rendering.base_url(request, secure=origin.secure, public_url=public_url)
    return Exchange(request, address, visitor, stay, Links(base, address))


async def _poll(api: DeviceApi, exchange: Exchange) -> web.Response:
    visitor, stay = exchange.visitor, exchange.stay
    assignment = await api.assignments.next(exchange.address, visitor, stay)
    interval_s = api.interval_s(visitor.device_id)
    api.presence.expect(stay, interval_s)
    told = rendering.poll(exchange.links, assignment, interval_s=interval_s, attributes_wanted=stay.attributes_wanted)
    return rendering.answer(exchange.request, told)


async def _deployment(api: DeviceApi, exchange: Exchange) -> web.Response:
    key = exchange.number("action")
    for task in exchange.visitor.tasks:
        if task.id == key and (is_given(task) or await api.assignments.give(task, exchange.address, exchange.visitor)):
            return await _described(api, exchange, key)
    raise errors.not_found(f"The device has no action {key} to be carried out now.")


async def _installed(api: DeviceApi, exchange: Exchange) -> web.Response:
    task = await api.desk.task(exchange.visitor.device_id, exchange.number("action"))
    if task.status != TaskStatus.SUCCEEDED:
        raise errors.not_found(f"The action {task.id} was not carried out.")
    return await _described(api, exchange, task.id)


async def _described(api: DeviceApi, exchange: Exchange, key: int) -> web.Response:
    task = await api.desk.task(exchange.visitor.device_id, key)
    artifacts = await api.digests.of_package(task.package_id)
    wanted = exchange.request.query.get("actionHistory", "0")
    number = int(wanted) if _MESSAGES.fullmatch(wanted) else 0
    messages = None
    if number:
        limit = min(number, api.settings.history) if number > 0 else api.settings.history
        messages = await api.store.read(polling.history_of, key, limit)
    return rendering.answer(exchange.request, rendering.deployment(exchange.links, task, artifacts, messages))


async def _cancel(_api: DeviceApi, exchange: Exchange) -> web.Response:
    key = exchange.number("action")
    if not any(task.id == key and task.status == TaskStatus.CANCELED for task in exchange.visitor.tasks):
        raise errors.not_found(f"The action {key} is not to be cancelled.")
    if exchange.stay.cancelled == key:
        exchange.stay.cancel_read = True
    return rendering.answer(exchange.request, rendering.cancellation(key))


async def _deployment_feedback(api: DeviceApi, exchange: Exchange) -> web.Response:
    said = bodies.read_feedback(await bodies.read_object(exchange.request, api.settings), api.settings)
    await api.desk.on_deployment(exchange.stay, exchange.number("action"), said)
    return web.Response()


async def _cancel_feedback(api: DeviceApi, exchange: Exchange) -> web.Response:
    said = bodies.read_feedback(await bodies.read_object(exchange.request, api.settings), api.settings)
    await api.desk.on_cancellation(exchange.stay, exchange.number("action"), said)
    return web.Response()


async def _config_data(api: DeviceApi, exchange: Exchange) -> web.Response:
    told = bodies.read_config_data(await bodies.read_object(exchange.request, api.settings))
    device_id = exchange.visitor.device_id
    try:
        await api.store.write(attributes.report, device_id, told.mode, told.values)
    except TooManyAttributesError:
        raise errors.too_many_attributes(MOST_ATTRIBUTES) from None
    if told.mode is not attributes.UpdateMode.REMOVE:
        for module, version in _versions(told.values, api.settings.version_attribute):
            await api.bus.report(VersionReported(device_id, module, version, api.clock.now_ms()))
    exchange.stay.attributes_wanted = False
    return web.Response()


def _versions(values: Mapping[str, str], attribute: str) -> list[tuple[str, str]]:
    """The versions among attributes: of the default module, and of others behind a dot."""
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        name, dot, module = key.partition(f"{attribute}.")
        if key == attribute:
            module = DEFAULT_MODULE
        elif name or not dot or not names.is_version(module):
            continue
        if names.is_version(value):
            found.append((module, value))
    return found


async def _artifacts(api: DeviceApi, exchange: Exchange) -> web.Response:
    package_id = exchange.number("module")
    await _told_task(api, exchange, package_id)
    listed = await api.digests.of_package(package_id)
    return rendering.answer(
        exchange.request, {"artifacts": [exchange.links.describe(package_id, *item) for item in listed]}
    )


async def _download(api: DeviceApi, exchange: Exchange) -> web.StreamResponse:
    package_id, name = exchange.number("module"), exchange.request.match_info["file"]
    task_id = await _told_task(api, exchange, package_id)
    files = {rendering.file_name(item): item for item in await api.store.read(polling.artifacts_of, package_id)}
    if name in files:
        return await api.send_file(exchange.request, files[name].key, task_id)
    digested = files.get(name.removesuffix(_MD5_SUFFIX)) if name.endswith(_MD5_SUFFIX) else None
    if digested is None:
        raise errors.not_found("The package has no such file.")
    return _md5(digested)


async def _told_task(api: DeviceApi, exchange: Exchange, package_id: int) -> int:
    """The running task by which the device was told of a package.

    Raises:
        DdiError: there is none: the package is none of the device's business.
    """
    running = [task.id for task in exchange.visitor.tasks if is_given(task)]
    task_id = await api.store.read(polling.task_of_package, running, package_id) if running else None
    if task_id is None:
        raise errors.not_found("The device is not to install this.")
    return task_id


def _md5(artifact: Artifact) -> web.Response:
    return web.Response(text=f"{artifact.md5}  {rendering.file_name(artifact)}\n", content_type="text/plain")

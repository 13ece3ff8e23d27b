"""A gateway on a real socket, and an independent signer to talk to it."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Any

from aiohttp import web

from skyferry.keys import KeyRing
from skyferry.ram.audit import AuditRecord
from skyferry.ram.policies import Statement
from skyferry.ram.principal import Grant, Instance, Kind, PolicyType, Principal, Role
from skyferry.ram.tokens import SecurityTokens
from skyferry.rpc.call import Call
from skyferry.rpc.context import Limits
from skyferry.rpc.gateway import Gateway
from skyferry.rpc.http_limits import RUNNER_OPTIONS
from skyferry.rpc.operation import Access, Empty, JsonObject, Operation, RequestModel, ResponseModel, index, operation
from skyferry.rpc.principals import Directory

NOW_MS = 1_795_425_360_000  # 2026-11-23T09:16:00Z
KEY, SECRET = "testid", "testsecret"
DEFAULT_INSTANCE = Instance(1, 7, "iot-default", "pending")
OTHER_INSTANCE = Instance(2, 7, "iot-0xabc", "open")
_serial = itertools.count(1)


@dataclass
class FrozenClock:
    """Stands still until a test moves it."""

    ms: int = NOW_MS

    def now_ms(self) -> int:
        return self.ms


def principal(
    access_key_id: str = KEY,
    *,
    user: str | None = None,
    statements: Sequence[Statement] = (),
    active: bool = True,
    account_id: int = 7,
) -> Principal:
    return Principal(
        access_key_id=access_key_id,
        secret=SECRET,
        active=active,
        account_id=account_id,
        account_uid="1000000000000007",
        kind=Kind.ACCOUNT if user is None else Kind.USER,
        name=user or "root",
        grants=() if user is None else (Grant(PolicyType.IDENTITY, tuple(statements)),),
        default_instance=DEFAULT_INSTANCE,
        instances={item.name: item for item in (DEFAULT_INSTANCE, OTHER_INSTANCE)},
    )


def role(*statements: Statement, name: str = "updater") -> Role:
    return Role(
        account_id=7,
        account_uid="1000000000000007",
        name=name,
        grant=Grant(PolicyType.IDENTITY, statements),
        default_instance=DEFAULT_INSTANCE,
        instances={item.name: item for item in (DEFAULT_INSTANCE, OTHER_INSTANCE)},
    )


@dataclass
class Recorder:
    """The services of the toy operations: remembers the calls."""

    calls: list[tuple[Call[Any], RequestModel]] = field(default_factory=list)
    failure: Exception | None = None
    answer: ResponseModel = field(default_factory=Empty)


class FileItem(RequestModel):
    name: str
    size: int | None = None


class ToyRequest(RequestModel):
    product_key: str
    device_name: tuple[str, ...] = ()
    multi_files: tuple[FileItem, ...] = ()
    need_push: bool | None = None
    page_size: int = 10


class Item(ResponseModel):
    name: str
    number: int
    good: bool
    note: str | None = None


class Items(ResponseModel):
    item: list[Item]


class ToyResponse(ResponseModel):
    data: Items | None = None
    bare: list[Item] | None = None
    text: str | None = None
    props: Annotated[str | None, JsonObject()] = None


@operation("Toy", qps=1_000, access=Access.READ)
async def toy(call: Call[Recorder], request: ToyRequest) -> ToyResponse:
    """Remember the call and answer what the test prepared."""
    call.services.calls.append((call, request))
    if call.services.failure is not None:
        raise call.services.failure
    return call.services.answer  # type: ignore[return-value]


@operation("PostOnly", qps=1_000, access=Access.WRITE, methods=["POST"])
async def post_only(call: Call[Recorder], request: RequestModel) -> Empty:
    """Answer to POST."""
    return Empty()


@operation("Limited", qps=10, access=Access.WRITE)
async def limited(call: Call[Recorder], request: RequestModel) -> Empty:
    """Answer ten times a second."""
    return Empty()


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["Code"])


@dataclass
class RecordingTrail:
    """An audit trail: what was written down, in its order; an outcome stands with its RequestId."""

    written: list[AuditRecord | tuple[str, str]] = field(default_factory=list)
    failure: Exception | None = None

    async def record(self, record: AuditRecord) -> None:
        if self.failure is not None:
            raise self.failure
        self.written.append(record)

    async def end(self, request_id: str, outcome: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.written.append((request_id, outcome))


@dataclass
class Server:
    """A gateway that listens."""

    port: int
    clock: FrozenClock
    recorder: Recorder
    principals: dict[str, Principal]
    roles: dict[str, Role]
    tokens: SecurityTokens
    trail: RecordingTrail

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def send(self, raw: bytes) -> Reply:
        """Sends bytes as they are and reads one response."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        finally:
            writer.close()
            await writer.wait_closed()
        return Reply(int(head[0].split(" ")[1]), headers, body)

    async def request(
        self, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Reply:
        lines = {"host": self.host, "Content-Length": str(len(body)), **(headers or {})}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return await self.send(head.encode("utf-8", "surrogateescape") + b"\r\n" + body)

    async def v1(
        self,
        action: str = "Toy",
        changes: Mapping[str, str | None] | None = None,
        *,
        method: str = "GET",
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str | None,
    ) -> Reply:
        """A V1 call; a parameter of None is left out, `form` travels in the body."""
        parameters |= changes or {}
        wanted = public_v1(action, self.clock.ms) | parameters
        query = {name: value for name, value in wanted.items() if value is not None}
        algorithm = "sha256" if query.get("SignatureMethod") == "HMAC-SHA256" else "sha1"
        signature = sign_v1(method, {**query, **(form or {})}, SECRET, algorithm)
        query = {"Signature": signature} | query if "Signature" not in parameters else query
        typed = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        return await self.request(
            f"/?{encode(query)}", method=method, headers={**typed, **(headers or {})}, body=encode(form or {}).encode()
        )

    async def v3(
        self,
        action: str = "Toy",
        *,
        parameters: Mapping[str, str] | None = None,
        changes: Mapping[str, str | None] | None = None,
        key: str = KEY,
        token: str | None = None,
    ) -> Reply:
        """A V3 call; `changes` are headers that replace the signed ones afterwards; None drops one."""
        headers = sign_v3(
            "POST", action, parameters or {}, b"", host=self.host, now_ms=self.clock.ms, key=key, token=token
        )
        for name, value in (changes or {}).items():
            headers.pop(name, None)
            if value is not None:
                headers[name] = value
        return await self.request(f"/?{encode(parameters or {})}", method="POST", headers=headers)


@asynccontextmanager
async def serving(
    operations: Sequence[Operation[Any]] = (toy, post_only, limited),
    *,
    limits: Limits | None = None,
    quotas: Mapping[str, int] | None = None,
    services: Any = None,
    trusted_proxies: Sequence[str] = (),
    tokens: SecurityTokens | None = None,
) -> AsyncIterator[Server]:
    """A gateway with toy operations on a free port of 127.0.0.1."""
    clock, recorder, trail = FrozenClock(), services or Recorder(), RecordingTrail()
    principals, roles = {KEY: principal()}, dict[str, Role]()

    async def key_owner(access_key_id: str) -> Principal | None:
        return principals.get(access_key_id)

    async def find_role(role_id: str) -> Role | None:
        return roles.get(role_id)

    directory = Directory(key_owner, find_role, tokens or SecurityTokens(KeyRing(bytes(32))))
    networks = [ip_network(text) for text in trusted_proxies]
    gateway = Gateway(
        index(operations), recorder, directory, clock, trail, limits=limits, quotas=quotas, trusted_proxies=networks
    )
    application = web.Application()
    application.add_routes(gateway.routes())
    runner = web.AppRunner(application, access_log=None, **RUNNER_OPTIONS)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield Server(runner.addresses[0][1], clock, recorder, principals, roles, directory.tokens, trail)
    finally:
        await runner.cleanup()


def timestamp(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def public_v1(action: str, now_ms: int = NOW_MS) -> dict[str, str | None]:
    return {
        "Action": action,
        "Format": "JSON",
        "Version": "2018-01-20",
        "AccessKeyId": KEY,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": f"nonce-{next(_serial)}",
        "Timestamp": timestamp(now_ms),
        "ProductKey": "a1pk",
    }


_KEPT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"


def escape(text: str) -> str:
    """Percent-encoding written from the rules, byte by byte."""
    return "".join(chr(byte) if byte in _KEPT else f"%{byte:02X}" for byte in text.encode())


def encode(parameters: Mapping[str, str]) -> str:
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in parameters.items())


def _canonical(parameters: Mapping[str, str]) -> str:
    names = sorted(parameters, key=lambda name: name.encode())
    return encode({name: parameters[name] for name in names})


def sign_v1(method: str, parameters: Mapping[str, str], secret: str, algorithm: str = "sha1") -> str:
    text = "&".join((method, escape("/"), escape(_canonical(parameters))))
    return base64.b64encode(hmac.new((secret + "&").encode(), text.encode(), algorithm).digest()).decode()


def sign_v3(
    method: str,
    action: str,
    parameters: Mapping[str, str],
    body: bytes,
    *,
    host: str,
    now_ms: int = NOW_MS,
    key: str = KEY,
    secret: str = SECRET,
    token: str | None = None,
) -> dict[str, str]:
    """The headers of a signed request."""
    payload = hashlib.sha256(body).hexdigest()
    headers = {
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": payload,
        "x-acs-date": timestamp(now_ms),
        "x-acs-signature-nonce": f"nonce-{next(_serial)}",
        "x-acs-version": "2018-01-20",
    }
    if token is not None:
        headers |= {"x-acs-accesskey-id": key, "x-acs-security-token": token}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = "\n".join([method, "/", _canonical(parameters), lines, names, payload])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    authorization = f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": authorization, "accept": "application/json"}

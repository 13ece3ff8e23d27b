"""Devices register themselves on real connections (device-plane reference §1.8)."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Connection

from skyferry.bus.messages import Command, Connected, DisconnectDevice
from skyferry.devices import registration_http
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.limits import GatewaySettings, MqttLimits, RegistrationSettings
from skyferry.devices.mqtt.interface import Peer
from skyferry.devices.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    ConnAck,
    Connect,
    ConnectCode,
    Disconnect,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
)
from skyferry.devices.throttling import ThrottleSettings
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from skyferry.store.tables import devices, products
from tests.unit.devices.fleet import PRODUCT_KEY, SECRET, add_devices, add_product, make_store
from tests.unit.devices.support import NO_OBJECTS, Client, RecordingBus
from tests.unit.devices.test_authentication import signed

BOX = SecretBox(bytes(32))
NOW = 1_700_000_000_000
PRODUCT_SECRET = "productsecret123"
ACCEPTED = ConnAck(ConnectCode.ACCEPTED)


class FixedClock:
    def now_ms(self) -> int:
        return NOW


class Bus(RecordingBus):
    """Notes the commands too."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[Command] = []

    async def command(self, commands: Any) -> None:
        self.commands += commands


class World:
    def __init__(self, store: Store, settings: GatewaySettings) -> None:
        self.store = store
        self.bus = Bus()
        self.gateway = DeviceGateway(store, BOX, self.bus, FixedClock(), settings, objects=NO_OBJECTS)
        self.port = 0

    async def answer(self, *packets: Connect) -> list[Any]:
        """What a device that sends this and leaves is sent."""
        async with Client(self.port) as client:
            await client.send(*packets)
            first = await client.receive()
            if first != ACCEPTED:
                return [first, *await client.closed()]
            told = await client.receive()
            await client.send(Disconnect())
            return [first, told, *await client.closed()]

    async def change(self, table: Any, **values: Any) -> None:
        def work(tx: Connection) -> None:
            tx.execute(table.update().values(**values))

        await self.store.write(work)


Make = Callable[..., Awaitable[World]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    store = await make_store(tmp_path)
    worlds: list[World] = []
    await store.write(add_product, PRODUCT_KEY)
    await store.write(add_devices, BOX, PRODUCT_KEY, ["dev-1", "dev-2"])

    async def made(*, plain: bool = True, level: int = 2, **settings: Any) -> World:
        registration = RegistrationSettings(plain=plain, leave_s=settings.pop("leave_s", 10))
        world = World(store, GatewaySettings(registration=registration, **settings))
        await world.change(products, dynamic_registration=level, secret_sealed=BOX.seal(PRODUCT_SECRET))
        world.port = await world.gateway.start("127.0.0.1", 0)
        worlds.append(world)
        return world

    yield made
    for world in worlds:
        await world.gateway.stop()
    await store.close()


def sign(name: str, random: str, secret: str = PRODUCT_SECRET, digest: str = "sha256", key: str = PRODUCT_KEY) -> str:
    return hmac.new(secret.encode(), f"deviceName{name}productKey{key}random{random}".encode(), digest).hexdigest()


def register(
    name: str, auth_type: str = "register", secret: str = PRODUCT_SECRET, key: str = PRODUCT_KEY, keepalive: int = 60
) -> Connect:
    """The CONNECT of the SDKs, as the C one signs it."""
    client_id = f"{name}.{key}|random=r4nd0m,authType={auth_type},securemode=2,signmethod=hmacsha256|"
    password = sign(name, "r4nd0m", secret, key=key).upper().encode()
    return Connect(client_id, f"{name}&{key}", password, keepalive)


def told(packets: list[Any], topic: str) -> dict[str, Any]:
    accepted, message = packets
    assert accepted == ACCEPTED
    assert isinstance(message, Publish)
    assert (message.topic, message.qos) == (topic, 0)
    assert b": " not in message.payload
    content: dict[str, Any] = json.loads(message.payload)
    return content


async def test_a_known_device_is_told_its_secret_and_logs_in_with_it(make: Make) -> None:
    world = await make()

    answer = told(await world.answer(register("dev-1")), "/ext/register")

    assert set(answer) == {"productKey", "deviceName", "deviceSecret"}
    assert answer["deviceSecret"] != SECRET
    assert not world.bus.of(Connected)
    assert [type(command) for command in world.bus.commands] == [DisconnectDevice]
    password = signed("b", "dev-1", None)
    assert await world.answer(Connect("b|signmethod=hmacsha256|", f"dev-1&{PRODUCT_KEY}", password.encode())) == [
        ConnAck(ConnectCode.BAD_CREDENTIALS)
    ]
    new = hmac.new(answer["deviceSecret"].encode(), f"clientIdbdeviceNamedev-1productKey{PRODUCT_KEY}".encode(), "md5")
    async with Client(world.port) as client:
        await client.send(Connect("b||", f"dev-1&{PRODUCT_KEY}", new.hexdigest().encode()))
        assert await client.receive() == ACCEPTED


@pytest.mark.parametrize("securemode", ["2", "-2", "3", ""])
async def test_an_unknown_device_is_told_a_token_and_logs_in_with_it_verbatim(make: Make, securemode: str) -> None:
    world = await make()
    asked = register("brand-new", "regnwl")
    asked.client_id = asked.client_id.replace("securemode=2", f"securemode={securemode}")

    answer = told(await world.answer(asked), "/ext/regnwl")

    assert set(answer) == {"productKey", "deviceName", "clientId", "deviceToken"}
    client_id = f"{answer['clientId']}|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.2.0|"
    right = Connect(client_id, f"brand-new&{PRODUCT_KEY}", answer["deviceToken"].encode(), 60)
    async with Client(world.port) as client:
        await client.send(right)
        assert await client.receive() == ACCEPTED
    for wrong in (
        Connect(client_id, right.username, answer["deviceToken"].upper().encode()),
        Connect(client_id, f"dev-1&{PRODUCT_KEY}", right.password),
        Connect(f"other|{client_id.partition('|')[2]}", right.username, right.password),
        Connect(client_id, right.username, b""),
        Connect(client_id.replace("connwl", ""), right.username, right.password),
    ):
        assert await world.answer(wrong) == [ConnAck(ConnectCode.BAD_CREDENTIALS)]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (register("dev-1", secret="another"), ConnectCode.BAD_CREDENTIALS),
        (register("dev-1", secret="another", auth_type="regnwl"), ConnectCode.BAD_CREDENTIALS),
        (register("dev-1", key="a1Unknown00"), ConnectCode.BAD_CREDENTIALS),
        (register("dev-9"), ConnectCode.BAD_CREDENTIALS),
        (register("dev 9", "regnwl"), ConnectCode.NOT_AUTHORIZED),
        (Connect("b|authType=register|", "", b"x"), ConnectCode.BAD_CREDENTIALS),
        (Connect("b|authType=regnwl|", f"dev-1&{PRODUCT_KEY}", b""), ConnectCode.BAD_CREDENTIALS),
    ],
)
async def test_refusals(make: Make, asked: Connect, code: ConnectCode) -> None:
    world = await make()
    assert await world.answer(asked) == [ConnAck(code)]


async def test_a_device_secret_is_no_product_secret(make: Make) -> None:
    world = await make()
    assert await world.answer(register("dev-1", secret=SECRET)) == [ConnAck(ConnectCode.BAD_CREDENTIALS)]


@pytest.mark.parametrize("values", [{"disabled": True}, {"activated_at": NOW}])
async def test_disabled_and_activated_devices_are_not_authorized(make: Make, values: dict[str, Any]) -> None:
    world = await make()
    await world.change(devices, **values)
    assert await world.answer(register("dev-1")) == [ConnAck(ConnectCode.NOT_AUTHORIZED)]


async def test_without_tls_only_where_it_is_allowed(make: Make) -> None:
    world = await make(plain=False)
    assert await world.answer(register("dev-1")) == [ConnAck(ConnectCode.NOT_AUTHORIZED)]


async def test_a_product_has_to_allow_it(make: Make) -> None:
    world = await make(level=0)
    assert await world.answer(register("dev-1")) == [ConnAck(ConnectCode.NOT_AUTHORIZED)]


async def test_the_connection_is_for_the_answer_only(make: Make) -> None:
    world = await make()
    async with Client(world.port) as client:
        await client.send(register("dev-1"))
        assert await client.receive() == ACCEPTED
        assert isinstance(await client.receive(), Publish)
        await client.send(
            Subscribe(1, (("#", 1),)), Publish(f"/ota/device/inform/{PRODUCT_KEY}/dev-1", b"{}", 1, 2), Disconnect()
        )
        assert await client.closed() == [SubAck(1, (SUBSCRIPTION_REFUSED,)), PubAck(2)]
    assert world.bus.reports == []
    assert world.gateway.connections == 0


async def test_who_does_not_leave_is_sent_away_whatever_the_keepalive(make: Make) -> None:
    world = await make(leave_s=0.05, keepalive_checked=True)
    async with Client(world.port) as client:
        await client.send(register("dev-1", keepalive=0))
        assert len(await client.closed()) == 2


@pytest.mark.parametrize(
    ("keepalive", "accepted"), [(0, False), (29, False), (30, True), (1_200, True), (1_201, False)]
)
async def test_keepalives_are_checked_where_it_is_wanted(make: Make, keepalive: int, accepted: bool) -> None:
    world = await make(keepalive_checked=True)
    password = signed("b", "dev-1", None).encode()
    async with Client(world.port) as client:
        await client.send(Connect("b|signmethod=hmacsha256|", f"dev-1&{PRODUCT_KEY}", password, keepalive))
        code = ConnectCode.ACCEPTED if accepted else ConnectCode.NOT_AUTHORIZED
        assert await client.receive() == ConnAck(code)


async def test_a_storm_shares_transactions(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await make(mqtt=MqttLimits())
    writes = 0
    write = world.store.write

    async def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(*arguments, **more)

    monkeypatch.setattr(world.store, "write", counted)
    answers = await asyncio.gather(*(world.answer(register(f"storm-{number}", "regnwl")) for number in range(200)))
    tokens = {told(answer, "/ext/regnwl")["deviceToken"] for answer in answers}
    assert len(tokens) == 200
    assert writes < 50


async def test_wrong_log_ins_are_slowed_down_before_the_store_is_asked(make: Make) -> None:
    world = await make(throttle=ThrottleSettings(free=1, first_delay_ms=1))
    wrong = register("dev-1", secret="guess")
    assert [await world.answer(wrong) for _ in range(3)] == [
        [ConnAck(ConnectCode.BAD_CREDENTIALS)],
        [ConnAck(ConnectCode.BAD_CREDENTIALS)],
        [ConnAck(ConnectCode.SERVER_UNAVAILABLE)],
    ]
    assert len(await world.answer(register("dev-2"))) == 2


# --- over HTTPS


Post = Callable[..., Awaitable[dict[str, Any]]]


async def http(world: World, *, encrypted: bool = True) -> TestClient[web.Request, web.Application]:
    application = web.Application()
    gateway = world.gateway
    routes = registration_http.routes(
        gateway.registrar, gateway.throttle, lambda request: Peer(request.remote or "", encrypted)
    )
    application.add_routes(routes)
    client = TestClient(TestServer(application))
    await client.start_server()
    return client


def form(name: str = "dev-1", **more: str) -> dict[str, str]:
    fields = {"productKey": PRODUCT_KEY, "deviceName": name, "random": "r1", "signMethod": "hmacsha256"}
    return fields | {"sign": sign(name, "r1")} | more


async def test_the_answer_over_https(make: Make) -> None:
    client = await http(await make(plain=False))
    async with client, client.post(registration_http.PATH, data=form()) as answer:
        assert answer.status == 200
        assert ("Content-Length", str(len(await answer.read()))) in [
            (name.decode(), value.decode()) for name, value in answer.raw_headers
        ]
        body = await answer.json()
    assert list(body) == ["code", "data", "message"]
    assert (body["code"], body["message"]) == (200, "success")
    assert set(body["data"]) == {"productKey", "deviceName", "deviceSecret"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (form(sign=sign("dev-1", "r1").upper()), 200),
        (form(signMethod="HmacSHA1", sign=sign("dev-1", "r1", digest="sha1")), 200),
        (form(signMethod="hmacmd5", sign=sign("dev-1", "r1", digest="md5")), 200),
        (form(sign="0" * 64), 401),
        (form(sign="\u00e9"), 401),
        (form(productKey="a1Unknown00"), 401),
        (form("dev-9"), 6100),
        (form(signMethod="sha256"), 460),
        (form(random=""), 460),
        (form(random="r" * 257), 460),
        (form("dev-1\0"), 460),
        (form(padding="x" * 5_000), 460),
        ({}, 460),
    ],
)
async def test_codes_over_https(make: Make, fields: dict[str, str], code: int) -> None:
    async with await http(await make()) as client, client.post(registration_http.PATH, data=fields) as answer:
        body = await answer.json()
    assert (answer.status, body["code"]) == (200, code)
    assert body["message"]


@pytest.mark.parametrize(
    ("level", "values", "code"), [(0, {}, 6288), (1, {"activated_at": NOW}, 6289), (2, {"disabled": True}, 6204)]
)
async def test_who_may_not_register_over_https(make: Make, level: int, values: dict[str, Any], code: int) -> None:
    world = await make(level=level)
    if values:
        await world.change(devices, **values)
    async with await http(world) as client, client.post(registration_http.PATH, data=form()) as answer:
        assert (await answer.json())["code"] == code


async def test_http_in_clear_is_refused_with_a_sentence(make: Make) -> None:
    client = await http(await make(plain=False), encrypted=False)
    async with client, client.post(registration_http.PATH, data=form()) as answer:
        body = await answer.json()
    assert body["code"] == 403
    assert "TLS" in body["message"]


async def test_log_ins_and_registrations_are_slowed_down_together(make: Make) -> None:
    world = await make(throttle=ThrottleSettings(free=2))
    await world.answer(register("dev-1", secret="guess"))
    async with await http(world) as client:
        codes = []
        for _ in range(3):
            async with client.post(registration_http.PATH, data=form(sign="0" * 64)) as answer:
                codes.append((await answer.json())["code"])
    assert codes == [401, 401, 429]

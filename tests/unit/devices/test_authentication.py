"""Log-ins as the SDKs send them, and all the ways to send them wrong (device-plane reference §1.3, §1.5)."""

import asyncio
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from skyferry.devices.authentication import Authenticator, Identity
from skyferry.devices.credentials import LoginRefusedError, parse_credentials
from skyferry.devices.mqtt.packets import Connect, ConnectCode
from skyferry.fleet.logins import DeviceAddress, DeviceLogin, find_logins
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from skyferry.store.tables import device_certificates, devices, products
from tests.unit.devices.fleet import PRODUCT_KEY, SECRET, add_devices, add_product, make_store

BOX = SecretBox(bytes(32))
NAMES = ("dev-c4-demo", "dev-c4-1", "dev-c3-1", "dev-py-1", "dev-node-1", "dev-1")
NODE_IDENTIFIER = (
    f"{PRODUCT_KEY}&dev-node-1|securemode=3,signmethod=hmacsha1,timestamp=1795426677163,lan=NodeJS,_v=1.2.8|"
)
NODE_PASSWORD = b"f23ab9d6f3ac80761112fd1854325d6055f67712"

# Recorded from the real SDKs. Of the longest passwords the recording kept the ends.
C4_TLS = (
    f"{PRODUCT_KEY}.dev-c4-demo|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=2,signmethod=hmacsha256,"
    "ext=3,_conn=tls_33|"
)
C4_TCP = (
    f"{PRODUCT_KEY}.dev-c4-1|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=3,signmethod=hmacsha256,"
    "ext=3,_conn=tcp_0|"
)
C3 = (
    f"{PRODUCT_KEY}.dev-c3-1|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=3,signmethod=hmacsha256,lan=C,_ss=1,"
    "gw=0,ext=0|"
)
PYTHON = (
    f"{PRODUCT_KEY}&dev-py-1|securemode=3,signmethod=hmacsha1,ext=1,_ss=1,lan=Python,_v=1.2.13,timestamp=1795425469|"
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await make_store(tmp_path)
    await store.write(add_product, PRODUCT_KEY)
    await store.write(add_devices, BOX, PRODUCT_KEY, NAMES)
    yield store
    await store.close()


@pytest.fixture
def authenticator(store: Store) -> Authenticator:
    return Authenticator(store, BOX, logins_per_lookup=100)


def sign(content: str, digest: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), content.encode(), digest).hexdigest()


def signed(base: str, name: str, timestamp: str | None, digest: str = "sha256", key: str = PRODUCT_KEY) -> str:
    tail = "" if timestamp is None else f"timestamp{timestamp}"
    return sign(f"clientId{base}deviceName{name}productKey{key}{tail}", digest)


def connect(client_id: str, password: str | bytes, name: str = "dev-1", key: str = PRODUCT_KEY) -> Connect:
    return Connect(client_id, f"{name}&{key}", password if isinstance(password, bytes) else password.encode())


async def log_in(authenticator: Authenticator, packet: Connect, certificate: bytes | None = None) -> Identity:
    return await authenticator.log_in(parse_credentials(packet), certificate)


async def refusal(authenticator: Authenticator, packet: Connect, certificate: bytes | None = None) -> ConnectCode:
    with pytest.raises(LoginRefusedError) as caught:
        await log_in(authenticator, packet, certificate)
    return caught.value.code


@pytest.mark.parametrize(
    ("client_id", "name", "begins", "ends", "digest"),
    [
        (C4_TLS, "dev-c4-demo", "D07CAA53", "E3FDB79A4", hashlib.sha256),
        (C4_TCP, "dev-c4-1", "C06883C4", "BEF550", hashlib.sha256),
        (C3, "dev-c3-1", "E9FE2EDD", "A282C0", hashlib.sha256),
        (NODE_IDENTIFIER, "dev-node-1", NODE_PASSWORD.decode(), NODE_PASSWORD.decode(), hashlib.sha1),
    ],
)
def test_recorded_log_ins(client_id: str, name: str, begins: str, ends: str, digest: object) -> None:
    credentials = parse_credentials(connect(client_id, "x", name))
    computed = hmac.new(SECRET.encode(), credentials.signed, credentials.digest).hexdigest()
    assert computed.startswith(begins.lower())
    assert computed.endswith(ends.lower())
    assert credentials.address == DeviceAddress(PRODUCT_KEY, name)


async def test_the_recorded_node_log_in_is_accepted(authenticator: Authenticator) -> None:
    identity = await log_in(authenticator, connect(NODE_IDENTIFIER, NODE_PASSWORD, "dev-node-1"))
    assert identity.address.device_name == "dev-node-1"
    assert not identity.expects_system_topics


@pytest.mark.parametrize(("client_id", "name"), [(C4_TCP, "dev-c4-1"), (C3, "dev-c3-1"), (PYTHON, "dev-py-1")])
async def test_system_topics_are_expected_by_those_who_say_so(
    authenticator: Authenticator, client_id: str, name: str
) -> None:
    base, timestamp, digest = client_id.partition("|")[0], "2524608000000", "sha256"
    if name == "dev-py-1":
        timestamp, digest = "1795425469", "sha1"
    identity = await log_in(authenticator, connect(client_id, signed(base, name, timestamp, digest).upper(), name))
    assert identity.expects_system_topics


@pytest.mark.parametrize(
    ("client_id", "base", "timestamp", "digest"),
    [
        ("b|securemode=3,signmethod=hmacmd5,timestamp=1|", "b", "1", "md5"),
        ("b|securemode=3,signmethod=hmacsha1,timestamp=1|", "b", "1", "sha1"),
        ("b|securemode=3,signmethod=hmacsha256,timestamp=1|", "b", "1", "sha256"),
        ("b|securemode=3,signmethod=HmacSHA256,timestamp=1|", "b", "1", "sha256"),
        ("b|securemode=3,signMethod=hmacsha256|", "b", None, "sha256"),
        ("b|securemode=3,timestamp=1|", "b", "1", "md5"),
        ("b||", "b", None, "md5"),
        ("b|,,securemode=3,|", "b", None, "md5"),
        ("|signmethod=hmacsha256|", "", None, "sha256"),
        ("dev-1|signmethod=hmacsha1|", "dev-1", None, "sha1"),
        ("a&b_aliyun-iot-device-sdk-js|signmethod=hmacsha1|", "a&b_aliyun-iot-device-sdk-js", None, "sha1"),
        ("b|\n  securemode = 3,\n  signmethod = hmacsha1 ,\n timestamp = 7 \n|\n", "b", "7", "sha1"),
        ("b|timestamp=00012.5x,signmethod=hmacsha1|", "b", "00012.5x", "sha1"),
        ("b|timestamp=,signmethod=hmacsha1|", "b", "", "sha1"),
        ("b|signmethod=hmacsha1,a=b=c,unknown=1,sii=9,_conn=tls_0,securemode=99|", "b", None, "sha1"),
        ("b" * 64 + "|signmethod=hmacsha1|", "b" * 64, None, "sha1"),
    ],
)
async def test_forms_of_a_right_log_in(
    authenticator: Authenticator, client_id: str, base: str, timestamp: str | None, digest: str
) -> None:
    password = signed(base, "dev-1", timestamp, digest)
    for form in (password, password.upper(), password.title()):
        identity = await log_in(authenticator, connect(client_id, form))
        assert identity.address == DeviceAddress(PRODUCT_KEY, "dev-1")


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "b",
        "b|",
        "b|signmethod=hmacsha1",
        "b|signmethod=hmacsha1|x",
        "b|signmethod=hmacsha1|x|",
        "b|signmethod|",
        "b|signmethod=hmacsha512|",
        "b|signmethod=|",
        "b" * 65 + "|signmethod=hmacsha1|",
    ],
)
async def test_malformed_client_id(authenticator: Authenticator, client_id: str) -> None:
    base = client_id.partition("|")[0]
    packet = connect(client_id, signed(base, "dev-1", None, "sha1"))
    assert await refusal(authenticator, packet) is ConnectCode.IDENTIFIER_REJECTED


@given(
    st.text(max_size=90) | st.from_regex(r"[a-z]{0,5}\|([a-zA-Z_]{1,10}\s*=[a-z0-9]{0,9}\s*,?){0,5}\|", fullmatch=True),
    st.none() | st.text(max_size=40) | st.from_regex(r"[a-z&]{0,9}", fullmatch=True),
    st.none() | st.binary(max_size=70),
)
def test_whatever_a_device_says_is_taken_apart_or_refused(
    client_id: str, username: str | None, password: bytes | None
) -> None:
    try:
        credentials = parse_credentials(Connect(client_id, username, password))
    except LoginRefusedError:
        return
    assert len(credentials.base) <= 64
    assert client_id.startswith(credentials.base)
    if credentials.address is not None:
        address = credentials.address
        assert username == f"{address.device_name}&{address.product_key}"


RIGHT = signed("b", "dev-1", None)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (None, None),
        (f"dev-1&{PRODUCT_KEY}", None),
        (f"dev-1&{PRODUCT_KEY}", b""),
        (f"dev-1&{PRODUCT_KEY}", RIGHT[:-1].encode()),
        (f"dev-1&{PRODUCT_KEY}", RIGHT.encode() + b"0"),
        (f"dev-1&{PRODUCT_KEY}", b" " + RIGHT.encode()),
        (f"dev-1&{PRODUCT_KEY}", bytes.fromhex(RIGHT)),
        (f"dev-1&{PRODUCT_KEY}", b"\xff" * 64),
        (f"dev-1&{PRODUCT_KEY}", SECRET.encode()),
        ("", RIGHT.encode()),
        ("dev-1", RIGHT.encode()),
        ("dev-1&", RIGHT.encode()),
        (f"&{PRODUCT_KEY}", RIGHT.encode()),
        (f"{PRODUCT_KEY}&dev-1", RIGHT.encode()),
        (f"dev-c4-1&{PRODUCT_KEY}", RIGHT.encode()),
        (f"DEV-1&{PRODUCT_KEY}", signed("b", "DEV-1", None).encode()),
        (f"dev-9&{PRODUCT_KEY}", signed("b", "dev-9", None).encode()),
        ("dev-1&a1Unknown00", signed("b", "dev-1", None, key="a1Unknown00").encode()),
    ],
)
async def test_wrong_credentials(authenticator: Authenticator, username: str | None, password: bytes | None) -> None:
    packet = Connect("b|signmethod=hmacsha256|", username, password)
    assert await refusal(authenticator, packet) is ConnectCode.BAD_CREDENTIALS


async def test_no_device_has_no_secret_that_could_be_guessed(authenticator: Authenticator) -> None:
    guess = sign("clientIdbdeviceNamedev-9productKey" + PRODUCT_KEY, "sha256", "the secret of no device")
    packet = connect("b|signmethod=hmacsha256|", guess, "dev-9")
    assert await refusal(authenticator, packet) is ConnectCode.BAD_CREDENTIALS


@pytest.mark.parametrize("auth_type", ["id2", "other"])
async def test_other_kinds_of_log_in_are_not_offered(authenticator: Authenticator, auth_type: str) -> None:
    packet = connect(f"b|authType={auth_type},signmethod=hmacsha256|", RIGHT)
    assert await refusal(authenticator, packet) is ConnectCode.NOT_AUTHORIZED


async def test_disabled_devices_are_told_so_only_with_the_right_secret(
    store: Store, authenticator: Authenticator
) -> None:
    def disable(tx: Connection) -> None:
        tx.execute(devices.update().values(disabled=True))

    await store.write(disable)
    right = connect("b|signmethod=hmacsha256|", RIGHT)
    assert await refusal(authenticator, right) is ConnectCode.NOT_AUTHORIZED
    wrong = connect("b|signmethod=hmacsha256|", RIGHT[::-1])
    assert await refusal(authenticator, wrong) is ConnectCode.BAD_CREDENTIALS


async def test_log_ins_share_look_ups(authenticator: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    def counted(tx: Connection, addresses: Sequence[DeviceAddress], box: SecretBox) -> list[DeviceLogin | None]:
        batches.append(len(addresses))
        return find_logins(tx, addresses, box)

    monkeypatch.setattr("skyferry.devices.authentication.find_logins", counted)
    packet = connect("b|signmethod=hmacsha256|", RIGHT)
    await asyncio.gather(*(log_in(authenticator, packet) for _ in range(250)))
    await authenticator.drain()
    assert batches == [100, 100, 50]


async def test_find_logins(store: Store) -> None:
    await store.write(add_product, "a1Stub00002")
    await store.write(add_devices, SecretBox(os.urandom(32)), "a1Stub00002", ["sealed-elsewhere"])
    await store.write(add_devices, BOX, "a1Stub00002", ["only-2"])
    asked = [
        DeviceAddress(PRODUCT_KEY, "dev-1"),
        DeviceAddress("a1Stub00002", "dev-1"),
        DeviceAddress("a1Stub00002", "only-2"),
        DeviceAddress("a1Stub00002", "sealed-elsewhere"),
        DeviceAddress(PRODUCT_KEY, "only-2"),
        DeviceAddress(PRODUCT_KEY, "dev-1"),
        DeviceAddress("'; DROP TABLE devices; --", "x"),
    ]
    found = await store.read(find_logins, asked, BOX)
    assert [login is not None for login in found] == [True, False, True, False, False, True, False]
    assert isinstance(found[0], DeviceLogin)
    assert found[0] == found[5]
    assert found[0].secret == SECRET
    assert SECRET not in repr(found[0])


async def test_each_product_is_one_statement(store: Store) -> None:
    def count(tx: Connection) -> int:
        statements: list[str] = []
        event.listen(tx, "before_cursor_execute", lambda *args: statements.append(args[2]))
        find_logins(tx, [DeviceAddress(PRODUCT_KEY, name) for name in NAMES] * 10, BOX)
        return len(statements)

    assert await store.read(count) == 1


# --- certificates

CERTIFICATE = b"what the transport has verified"
SILENT = Connect("|securemode=2,signmethod=hmacsha1|", "", b"")


@pytest.fixture
async def holder(store: Store) -> str:
    """A product of devices with certificates, and one such device."""

    def work(tx: Connection) -> None:
        add_product(tx, "a1Certified")
        tx.execute(products.update().where(products.c.product_key == "a1Certified").values(auth_type="x509"))
        keys = add_devices(tx, BOX, "a1Certified", ["cert-1", "cert-2"])
        digest = hashlib.sha256(CERTIFICATE).hexdigest()
        row = {"device_id": keys["cert-1"], "digest": digest, "serial": "1", "pem": "", "created_at": 0}
        tx.execute(device_certificates.insert().values(row))

    await store.write(work)
    return "a1Certified"


@pytest.mark.parametrize(
    ("username", "password"),
    [(None, None), ("", b""), ("&", b"0" * 64), ("cert-1&a1Certified", None), ("cert-1&a1Certified", b"whatever")],
)
async def test_a_certificate_says_who_it_is(
    authenticator: Authenticator, holder: str, username: str | None, password: bytes | None
) -> None:
    packet = Connect("|securemode=2,signmethod=hmacsha1,_ss=1|", username, password)
    identity = await log_in(authenticator, packet, CERTIFICATE)
    assert identity.address == DeviceAddress(holder, "cert-1")
    assert identity.is_told
    assert identity.expects_system_topics


@pytest.mark.parametrize(
    ("certificate", "username"),
    [
        (CERTIFICATE, "cert-2&a1Certified"),
        (CERTIFICATE, f"dev-1&{PRODUCT_KEY}"),
        (CERTIFICATE, "garbage"),
        (b"a certificate of no device", ""),
        (b"a certificate of no device", "cert-1&a1Certified"),
        (None, ""),
        (None, "cert-1&a1Certified"),
    ],
)
async def test_a_certificate_is_good_for_its_device_only(
    authenticator: Authenticator, holder: str, certificate: bytes | None, username: str
) -> None:
    packet = Connect("|signmethod=hmacsha1|", username, b"")
    assert await refusal(authenticator, packet, certificate) is ConnectCode.BAD_CREDENTIALS


async def test_a_secret_is_not_enough_where_certificates_are_asked_for(
    authenticator: Authenticator, holder: str
) -> None:
    password = signed("b", "cert-1", None, key=holder)
    packet = connect("b|signmethod=hmacsha256|", password, "cert-1", holder)
    assert await refusal(authenticator, packet) is ConnectCode.BAD_CREDENTIALS
    assert await refusal(authenticator, packet, b"a certificate of no device") is ConnectCode.BAD_CREDENTIALS


async def test_a_secret_is_enough_elsewhere_whatever_certificate_comes_along(
    authenticator: Authenticator, holder: str
) -> None:
    identity = await log_in(authenticator, connect("b|signmethod=hmacsha256|", RIGHT), b"a certificate of no device")
    assert not identity.is_told


async def test_a_certificate_of_a_disabled_device_is_not_authorized(
    store: Store, authenticator: Authenticator, holder: str
) -> None:
    await store.write(lambda tx: tx.execute(devices.update().values(disabled=True)))
    assert await refusal(authenticator, SILENT, CERTIFICATE) is ConnectCode.NOT_AUTHORIZED


@pytest.mark.parametrize("values", [{"deleted_at": 1}, {"auth_type": "secret"}])
async def test_a_certificate_of_a_product_that_takes_none_is_unknown(
    store: Store, authenticator: Authenticator, holder: str, values: dict[str, object]
) -> None:
    await store.write(lambda tx: tx.execute(products.update().values(values)))
    assert await refusal(authenticator, SILENT, CERTIFICATE) is ConnectCode.BAD_CREDENTIALS

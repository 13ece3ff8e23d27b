"""Who may register with the ProductSecret, and what it is given (device-plane reference §1.8)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from skyferry.errors import ApiError
from skyferry.fleet import dynamic_registration, logins
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.dynamic_registration import Outcome, Refusal, Registered, RegistrationLimits, Request, register_all
from skyferry.fleet.logins import DeviceAddress, DeviceLogin, DeviceToken, find_logins
from skyferry.keys import SecretBox
from skyferry.store.tables import device_registrations, devices, products
from tests.support.databases import scratch
from tests.unit.devices.fleet import PRODUCT_KEY, SECRET, add_devices, add_product, create

BOX = SecretBox(bytes(32))
NOW = 1_700_000_000_000
OFF, REGISTERED, ANY = 0, 1, 2
LIMITS = RegistrationLimits()


@pytest.fixture
def tx() -> Iterator[Connection]:
    with scratch() as connection:
        create(connection)
        add_product(connection, PRODUCT_KEY)
        add_devices(connection, BOX, PRODUCT_KEY, ["dev-1", "dev-2"])
        allow(connection, ANY)
        yield connection


def allow(tx: Connection, level: int, **more: Any) -> None:
    values = {"dynamic_registration": level, "secret_sealed": BOX.seal("product-secret")} | more
    tx.execute(products.update().values(**values))


def ask(name: str, *, unregistered: bool = False, product_key: str = PRODUCT_KEY) -> Request:
    return Request(DeviceAddress(product_key, name), unregistered=unregistered)


def register(tx: Connection, *requests: Request, limits: RegistrationLimits = LIMITS) -> list[Outcome]:
    return register_all(tx, requests, box=BOX, limits=limits, now=NOW)


def login(tx: Connection, name: str) -> DeviceLogin:
    [found] = find_logins(tx, [DeviceAddress(PRODUCT_KEY, name)], BOX)
    assert found is not None
    return found


def change(tx: Connection, name: str, **values: Any) -> None:
    tx.execute(devices.update().where(devices.c.name == name).values(**values))


def test_a_known_device_gets_a_new_secret_each_time_and_the_newest_is_valid(tx: Connection) -> None:
    [first] = register(tx, ask("dev-1"))
    [second] = register(tx, ask("dev-1"))
    assert isinstance(first, Registered)
    assert isinstance(second, Registered)
    assert len({SECRET, first.credential, second.credential}) == 3
    assert login(tx, "dev-1").secret == second.credential
    assert str(second.credential) not in repr(second)


def test_an_unknown_device_is_made_and_gets_a_token(tx: Connection) -> None:
    [made] = register(tx, ask("brand-new", unregistered=True))
    assert isinstance(made, Registered)
    assert isinstance(made.credential, DeviceToken)
    found = login(tx, "brand-new")
    assert (found.device_id, found.token) == (made.device_id, made.credential)
    assert made.credential.token not in repr(found)
    assert len(f"{made.credential.client_id}|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.2.0|") < 128
    assert len(made.credential.token) < 64


def test_either_registration_ends_what_the_other_gave(tx: Connection) -> None:
    [secret] = register(tx, ask("dev-1"))
    register(tx, ask("dev-1", unregistered=True))
    assert isinstance(secret, Registered)
    assert login(tx, "dev-1").secret != secret.credential
    register(tx, ask("dev-1"))
    assert login(tx, "dev-1").token is None


@pytest.mark.parametrize(
    ("level", "request_", "expected"),
    [
        (OFF, ask("dev-1"), Refusal.SWITCHED_OFF),
        (OFF, ask("dev-1", unregistered=True), Refusal.SWITCHED_OFF),
        (OFF, ask("dev-9", unregistered=True), Refusal.SWITCHED_OFF),
        (REGISTERED, ask("dev-1"), None),
        (REGISTERED, ask("dev-1", unregistered=True), None),
        (REGISTERED, ask("dev-9"), Refusal.UNKNOWN_DEVICE),
        (REGISTERED, ask("dev-9", unregistered=True), Refusal.UNKNOWN_DEVICE),
        (ANY, ask("dev-9"), Refusal.UNKNOWN_DEVICE),
        (ANY, ask("dev-9", unregistered=True), None),
        (ANY, ask("x", unregistered=True), Refusal.BAD_NAME),
        (ANY, ask("dev 1", unregistered=True), Refusal.BAD_NAME),
        (ANY, ask("d" * 33, unregistered=True), Refusal.BAD_NAME),
        (ANY, ask("dev-1", product_key="a1Unknown00"), Refusal.SWITCHED_OFF),
    ],
)
def test_who_may_register(tx: Connection, level: int, request_: Request, expected: Refusal | None) -> None:
    allow(tx, level)
    before = tx.execute(select(devices.c.name, devices.c.secret_sealed)).all()
    [outcome] = register(tx, request_)
    if expected is None:
        assert isinstance(outcome, Registered)
    else:
        assert outcome is expected
        assert tx.execute(select(devices.c.name, devices.c.secret_sealed)).all() == before


def test_devices_with_certificates_do_not_register(tx: Connection) -> None:
    allow(tx, ANY, auth_type="x509")
    assert register(tx, ask("dev-1")) == [Refusal.SWITCHED_OFF]


def test_a_deleted_product_registers_no_one(tx: Connection) -> None:
    tx.execute(products.update().values(deleted_at=NOW))
    assert register(tx, ask("dev-1"), ask("new-1", unregistered=True)) == [Refusal.SWITCHED_OFF] * 2
    assert dynamic_registration.find_secrets(tx, [PRODUCT_KEY], BOX) == [None]


def test_a_disabled_device_stays_out(tx: Connection) -> None:
    change(tx, "dev-1", disabled=True)
    assert register(tx, ask("dev-1")) == [Refusal.DISABLED]
    assert login(tx, "dev-1").secret == SECRET


def test_a_device_that_was_online_registers_once_after_a_reset(tx: Connection) -> None:
    change(tx, "dev-1", activated_at=NOW)
    assert register(tx, ask("dev-1")) == [Refusal.ACTIVATED]
    dynamic_registration.reset(tx, 1, DeviceReference(None, PRODUCT_KEY, "dev-1"), now=NOW)
    assert login(tx, "dev-1").secret == SECRET
    [outcome] = register(tx, ask("dev-1"))
    assert isinstance(outcome, Registered)
    assert register(tx, ask("dev-1")) == [Refusal.ACTIVATED]


def test_the_right_to_register_ends_with_a_log_in(tx: Connection) -> None:
    change(tx, "dev-1", activated_at=NOW)
    dynamic_registration.reset(tx, 1, DeviceReference(None, PRODUCT_KEY, "dev-1"), now=NOW)
    found = login(tx, "dev-1")
    assert found.may_register
    logins.close_registrations(tx, [found.device_id])
    assert not login(tx, "dev-1").may_register
    assert register(tx, ask("dev-1")) == [Refusal.ACTIVATED]


def test_a_reset_keeps_the_token(tx: Connection) -> None:
    [made] = register(tx, ask("dev-1", unregistered=True))
    dynamic_registration.reset(tx, 1, DeviceReference(None, PRODUCT_KEY, "dev-1"), now=NOW)
    assert isinstance(made, Registered)
    assert login(tx, "dev-1").token == made.credential


def test_a_new_secret_ends_secret_and_token(tx: Connection) -> None:
    register(tx, ask("dev-1", unregistered=True))
    reset = dynamic_registration.reset_secret(tx, 1, DeviceReference(None, PRODUCT_KEY, "dev-1"), box=BOX, now=NOW)
    found = login(tx, "dev-1")
    assert (found.secret, found.token) == (reset.secret, None)
    assert reset.secret not in repr(reset)


def test_a_foreign_device_is_not_reset(tx: Connection) -> None:
    reference = DeviceReference(None, PRODUCT_KEY, "dev-1")
    with pytest.raises(ApiError):
        dynamic_registration.reset(tx, 2, reference, now=NOW)
    with pytest.raises(ApiError):
        dynamic_registration.reset_secret(tx, 2, reference, box=BOX, now=NOW)
    assert tx.execute(select(device_registrations)).all() == []


def test_a_batch_is_told_request_by_request(tx: Connection) -> None:
    change(tx, "dev-2", disabled=True)
    new = ask("new-1", unregistered=True)
    outcomes = register(tx, ask("dev-1"), new, ask("dev-2"), new, ask("gone-1"))
    assert [outcome if isinstance(outcome, Refusal) else "registered" for outcome in outcomes] == [
        "registered",
        "registered",
        Refusal.DISABLED,
        "registered",
        Refusal.UNKNOWN_DEVICE,
    ]
    assert outcomes[1] == outcomes[3]


def test_of_two_kinds_at_once_the_later_counts(tx: Connection) -> None:
    first, second = register(tx, ask("dev-1"), ask("dev-1", unregistered=True))
    assert first is Refusal.OVERTAKEN
    assert isinstance(second, Registered)
    assert login(tx, "dev-1").token == second.credential


def test_products_have_so_many_devices_and_no_more(tx: Connection) -> None:
    requests = [ask(f"new-{number}", unregistered=True) for number in range(5)]
    outcomes = register(tx, ask("dev-1"), *requests, limits=RegistrationLimits(most_devices=4))
    assert [isinstance(outcome, Registered) for outcome in outcomes] == [True, True, True, False, False, False]
    assert outcomes[-1] is Refusal.TOO_MANY_DEVICES
    assert len(tx.execute(select(devices)).all()) == 4


@pytest.mark.parametrize("unregistered", [False, True])
def test_statements_do_not_grow_with_the_batch(tx: Connection, unregistered: bool) -> None:
    seen: list[str] = []
    event.listen(tx, "before_cursor_execute", lambda *args: seen.append(args[2]))
    counts = []
    for size in (2, 400):
        names = [f"many-{size}-{number}" for number in range(size)]
        if not unregistered:
            add_devices(tx, BOX, PRODUCT_KEY, names)
        seen.clear()
        outcomes = register(tx, *(ask(name, unregistered=unregistered) for name in names))
        counts.append(len(seen))
        assert all(isinstance(outcome, Registered) for outcome in outcomes)
    assert counts[0] == counts[1]


def test_it_is_told_whether_the_device_existed(tx: Connection) -> None:
    known, new = register(tx, ask("dev-1"), ask("new-1", unregistered=True))
    assert isinstance(known, Registered)
    assert isinstance(new, Registered)
    assert (known.is_new, new.is_new) == (False, True)

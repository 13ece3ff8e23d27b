"""People who sign in: passwords, codes, sessions."""

import pyotp
import pytest
from sqlalchemy import Connection

from skyferry.fleet import accounts, people
from skyferry.fleet.accounts import AccountError
from skyferry.fleet.people import Login
from skyferry.keys import SecretBox
from skyferry.ram.principal import Kind
from skyferry.store import people as statements
from skyferry.store.accounts import AccountRecord

NOW = 1_795_425_360_000
PASSWORD = "correct horse"


def give(tx: Connection, account: AccountRecord, user: str | None = None, password: str = PASSWORD) -> int:
    people.set_password(tx, account, user, people.hash_password(password), now=NOW)
    record = statements.password_of(tx, account.name, user)
    assert record is not None
    return record.id


def begin(tx: Connection, password_id: int, *, now: int = NOW) -> str:
    return people.begin_session(
        tx, password_id, source_address="192.0.2.1", browser="b" * 500, lifetime_ms=60_000, now=now
    )


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("root", Login("root", None)),
        (" acme ", Login("acme", None)),
        ("eve@acme", Login("acme", "eve")),
        ("a@b@acme", Login("acme", "a@b")),
        ("", Login("", None)),
        ("@", Login("", "")),
    ],
)
def test_a_login_names_the_account_or_one_of_its_users(text: str, login: Login) -> None:
    assert Login.parse(text) == login


@pytest.mark.parametrize("password", ["", "too short", "l" * 201])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(AccountError, match="10 to 200"):
        people.hash_password(password)


def test_the_password_of_a_user_is_not_that_of_its_account(tx: Connection, account: AccountRecord) -> None:
    accounts.create_user(tx, account, "eve", now_ms=NOW)
    give(tx, account)
    give(tx, account, "eve", "another password")

    of_account = statements.password_of(tx, "acme", None)
    of_user = statements.password_of(tx, "acme", "eve")

    assert people.is_password(of_account, PASSWORD)
    assert not people.is_password(of_user, PASSWORD)
    assert people.is_password(of_user, "another password")
    assert not people.is_password(statements.password_of(tx, "acme", "nobody"), PASSWORD)
    assert not people.is_password(None, PASSWORD)


def test_no_user_no_password(tx: Connection, account: AccountRecord) -> None:
    with pytest.raises(AccountError, match="no user named eve"):
        people.set_password(tx, account, "eve", "hash", now=NOW)


def test_a_session_knows_who_began_it(tx: Connection, account: AccountRecord) -> None:
    accounts.create_user(tx, account, "eve", now_ms=NOW)
    token = begin(tx, give(tx, account, "eve"))

    person = people.signed_in(tx, token, now=NOW)

    assert person is not None
    assert person.login == "eve@acme"
    assert (person.principal.kind, person.principal.name) == (Kind.USER, "eve")
    assert person.principal.account_uid == account.uid
    assert people.signed_in(tx, token + "x", now=NOW) is None


def test_the_account_itself_signs_in_by_its_name(tx: Connection, account: AccountRecord) -> None:
    person = people.signed_in(tx, begin(tx, give(tx, account)), now=NOW)

    assert person is not None
    assert (person.login, person.principal.kind, person.principal.grants) == ("acme", Kind.ACCOUNT, ())


def test_a_session_ends_with_its_time_and_is_removed_later(tx: Connection, account: AccountRecord) -> None:
    password_id = give(tx, account)
    token = begin(tx, password_id)

    assert people.signed_in(tx, token, now=NOW + 59_999) is not None
    assert people.signed_in(tx, token, now=NOW + 60_000) is None

    begin(tx, password_id, now=NOW + 60_000)
    assert len(statements.sessions_of(tx, password_id, now=0)) == 1


def test_another_password_ends_all_sessions_of_the_person_and_no_one_elses(
    tx: Connection, account: AccountRecord
) -> None:
    accounts.create_user(tx, account, "eve", now_ms=NOW)
    mine, hers = begin(tx, give(tx, account)), begin(tx, give(tx, account, "eve"))

    give(tx, account, password="changed password")

    assert people.signed_in(tx, mine, now=NOW) is None
    assert people.signed_in(tx, hers, now=NOW) is not None


def test_a_deleted_user_is_signed_out(tx: Connection, account: AccountRecord) -> None:
    accounts.create_user(tx, account, "eve", now_ms=NOW)
    token = begin(tx, give(tx, account, "eve"))

    accounts.delete_user(tx, account, "eve")

    assert people.signed_in(tx, token, now=NOW) is None


def test_a_code_counts_once_and_near_its_time(tx: Connection, account: AccountRecord, box: SecretBox) -> None:
    password_id = give(tx, account)
    secret = pyotp.random_base32()
    statements.set_totp(tx, password_id, box.seal(secret), None)
    record = statements.password(tx, password_id)
    assert record is not None
    totp, seconds = pyotp.TOTP(secret), NOW // 1_000

    step = people.is_code(record, box, totp.at(seconds), now=NOW)

    assert step == seconds // 30
    assert people.is_code(record, box, totp.at(seconds - 30), now=NOW) == step - 1
    assert people.is_code(record, box, totp.at(seconds + 30), now=NOW) == step + 1
    assert people.is_code(record, box, totp.at(seconds + 90), now=NOW) is None
    assert people.is_code(record, box, "", now=NOW) is None
    assert people.is_code(record, box, "١٢٣٤٥٦", now=NOW) is None
    assert statements.use_totp_step(tx, password_id, step)
    assert not statements.use_totp_step(tx, password_id, step)
    assert not statements.use_totp_step(tx, password_id, step - 1)
    assert statements.use_totp_step(tx, password_id, step + 1)


def test_root_gets_a_random_password_once(tx: Connection, box: SecretBox) -> None:
    accounts.create_account(tx, box, accounts.ROOT, now_ms=NOW)

    made = people.ensure_root_password(tx, None, now=NOW)

    assert made is not None
    assert people.is_password(statements.password_of(tx, "root", None), made)
    assert people.ensure_root_password(tx, None, now=NOW) is None


def test_the_given_password_of_root_counts_and_ends_no_session_when_it_is_the_same(
    tx: Connection, box: SecretBox
) -> None:
    accounts.create_account(tx, box, accounts.ROOT, now_ms=NOW)
    assert people.ensure_root_password(tx, PASSWORD, now=NOW) is None
    record = statements.password_of(tx, "root", None)
    assert record is not None
    token = begin(tx, record.id)

    people.ensure_root_password(tx, PASSWORD, now=NOW)
    assert people.signed_in(tx, token, now=NOW) is not None

    people.ensure_root_password(tx, "another password", now=NOW)
    assert people.signed_in(tx, token, now=NOW) is None

"""Signing in and out: passwords, codes, session cookies."""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy import Connection

from skyferry.clock import Clock
from skyferry.console.limits import ConsoleSettings
from skyferry.devices.throttling import LoginThrottle
from skyferry.fleet import people
from skyferry.fleet.people import Login, Person
from skyferry.keys import SecretBox
from skyferry.rpc.origin import Origin
from skyferry.store import people as statements
from skyferry.store.engine import Store
from skyferry.store.people import PasswordRecord

COOKIE: Final = "skyferry_session"
_PATH: Final = "/console"
_log = structlog.get_logger("skyferry.console")


class RefusedError(Exception):
    """The person is not let in. It does not say why: strangers must not learn which names exist."""


class CodeNeededError(Exception):
    """The password is right, and a code is needed as well."""


class TooManyError(Exception):
    """There were too many wrong passwords: come again later."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person typed to sign in.

    Attributes:
        login: `ACCOUNT` or `USER@ACCOUNT`.
        password: the password.
        code: the code of their authenticator; empty when they gave none.
        browser: what their browser says it is.
    """

    login: str
    password: str
    code: str
    browser: str


class SigningIn:
    """Lets people in, knows them by their cookie, and lets them out."""

    def __init__(self, store: Store, box: SecretBox, clock: Clock, key: bytes, settings: ConsoleSettings) -> None:
        """Starts with no one slowed down.

        Args:
            store: where passwords and sessions are.
            box: opens the secrets of codes.
            clock: the time.
            key: what the tokens in forms are made with.
            settings: how long sessions last, and how wrong passwords are slowed down.
        """
        self._store = store
        self._box = box
        self._clock = clock
        self._key = key
        self._settings = settings
        self._throttle = LoginThrottle(clock, settings.throttle)
        self._hashing = asyncio.Semaphore(settings.hashing_at_once)

    async def sign_in(self, attempt: Attempt, origin: Origin) -> str:
        """Checks a password and makes a session; returns its token.

        Raises:
            RefusedError: name, password or code are wrong.
            CodeNeededError: a code is needed as well.
            TooManyError: the address has to wait.
        """
        login = Login.parse(attempt.login)
        name = _throttled_name(login.account, login.user)
        if not self._throttle.allows(origin.address, name):
            raise TooManyError
        record = await self._store.read(statements.password_of, login.account, login.user)
        if not await self._is_password(record, attempt.password) or record is None:
            raise self._refused(origin, name)
        step: int | None = None
        if record.totp_sealed is not None:
            if not attempt.code:
                raise CodeNeededError
            step = people.is_code(record, self._box, attempt.code, now=self._clock.now_ms())
            if step is None:
                raise self._refused(origin, name)
        token = await self._store.write(self._begin, record.id, step, attempt.browser, origin.address)
        if token is None:
            raise self._refused(origin, name)
        self._throttle.succeeded(origin.address, name)
        _log.info("signed in", login=attempt.login, source_ip=origin.address)
        return token

    async def confirm(self, person: Person, password: str, origin: Origin) -> None:
        """Returns when this is the password of a person who has signed in: whoever has their session cannot guess it.

        Raises:
            RefusedError: it is not.
            TooManyError: the address has to wait, as it would to sign in.
        """
        name = _throttled_name(person.session.account, person.session.user)
        if not self._throttle.allows(origin.address, name):
            raise TooManyError
        record = await self._store.read(statements.password, person.session.password_id)
        if not await self._is_password(record, password):
            raise self._refused(origin, name)
        self._throttle.succeeded(origin.address, name)

    async def _is_password(self, record: PasswordRecord | None, password: str) -> bool:
        """Whether a person's password is this; a few are checked at a time, so that memory stays bounded."""
        async with self._hashing:
            return await asyncio.to_thread(people.is_password, record, password)

    async def hash_password(self, password: str) -> str:
        """What is kept of a new password; hashing takes its turn, too.

        Raises:
            skyferry.fleet.accounts.AccountError: the password is too short or too long.
        """
        async with self._hashing:
            return await asyncio.to_thread(people.hash_password, password)

    async def person(self, request: web.Request) -> Person | None:
        """Who sent the request; None when they have not signed in."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        return await self._store.read(people.signed_in, token, now=self._clock.now_ms())

    def form_token(self, request: web.Request) -> str:
        """What the person's forms carry, and a page of a stranger cannot know."""
        token = request.cookies.get(COOKIE, "")
        return hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()

    async def sign_out(self, person: Person, *, everywhere: bool) -> None:
        """Ends the session, or all sessions of the person."""
        if everywhere:
            await self._store.write(statements.delete_sessions, person.session.password_id)
        else:
            await self._store.write(statements.delete_session, person.session.id)

    def set_cookie(self, response: web.StreamResponse, token: str, *, secure: bool) -> None:
        """Lets the browser keep the session."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=self._settings.session_ms // 1_000,
            path=_PATH,
            httponly=True,
            samesite="Lax",
            secure=secure,
        )

    def clear_cookie(self, response: web.StreamResponse) -> None:
        """Lets the browser forget the session."""
        response.del_cookie(COOKIE, path=_PATH)

    def _begin(self, tx: Connection, password_id: int, step: int | None, browser: str, address: str) -> str | None:
        if step is not None and not statements.use_totp_step(tx, password_id, step):
            return None
        return people.begin_session(
            tx,
            password_id,
            source_address=address,
            browser=browser,
            lifetime_ms=self._settings.session_ms,
            now=self._clock.now_ms(),
        )

    def _refused(self, origin: Origin, name: str) -> RefusedError:
        self._throttle.failed(origin.address, name)
        _log.info("sign-in refused", source_ip=origin.address)
        return RefusedError()


def _throttled_name(account: str, user: str | None) -> str:
    """What wrong passwords of a person are counted under."""
    return f"{user}@{account}"

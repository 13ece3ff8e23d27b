"""The log-in of a device: by a signature, a token or a certificate (device-plane reference §1.3, §1.5, §1.8)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skyferry.batching import Batcher
from skyferry.devices.credentials import AuthType, Credentials, LoginRefusedError
from skyferry.devices.mqtt.packets import ConnectCode
from skyferry.fleet.logins import (
    DeviceAddress,
    DeviceLogin,
    DeviceToken,
    close_registrations,
    find_by_certificate,
    find_logins,
)
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

WRONG_CREDENTIALS: Final = "wrong_credentials"
"""The reason of a refusal that a guess would get."""

_NO_DEVICE: Final = DeviceLogin(
    device_id=0,
    address=DeviceAddress("", ""),
    secret="the secret of no device",  # noqa: S106 - it opens nothing
)
_NO_TOKEN: Final = DeviceToken("", "the token of no device")


@dataclass(frozen=True, slots=True)
class Identity:
    """A device that proved who it is.

    Attributes:
        device_id: the key of the device's row.
        address: how it is named.
        expects_system_topics: it expects the server's topics without having subscribed to them.
        is_told: it logged in with a certificate, and is told its name first: it may know nothing but the certificate.
    """

    device_id: int
    address: DeviceAddress
    expects_system_topics: bool
    is_told: bool = False


class Authenticator:
    """Checks log-ins. All that arrive while one look-up runs share the next one."""

    def __init__(self, store: Store, box: SecretBox, *, logins_per_lookup: int) -> None:
        self._store = store
        self._box = box
        self._lookups: Batcher[DeviceAddress, DeviceLogin | None] = Batcher(self._look_up, most=logins_per_lookup)
        self._by_certificate: Batcher[str, DeviceLogin | None] = Batcher(
            self._look_up_certificates, most=logins_per_lookup
        )
        self._closing: Batcher[int, None] = Batcher(self._close_registrations, most=logins_per_lookup)

    async def log_in(self, credentials: Credentials, certificate: bytes | None = None) -> Identity:
        """Says which device a CONNECT comes from.

        A device that does not exist and a wrong signature are one and the same to whoever asks: same answer, same work.

        Args:
            credentials: what the CONNECT says.
            certificate: the client's certificate in DER, which the transport has verified.

        Raises:
            LoginRefusedError: it is not let in.
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        login = None if certificate is None else await self._of_certificate(credentials, certificate)
        if login is None:
            login = await self._of_password(credentials)
        if login.disabled:
            raise LoginRefusedError(ConnectCode.NOT_AUTHORIZED, "disabled")
        if login.may_register:
            await self._closing.submit(login.device_id)
        return Identity(
            login.device_id,
            login.address,
            credentials.expects_system_topics,
            is_told=login.by_certificate,
        )

    async def drain(self) -> None:
        """Waits until no look-up runs."""
        await self._lookups.drain()
        await self._by_certificate.drain()
        await self._closing.drain()

    async def _of_certificate(self, credentials: Credentials, certificate: bytes) -> DeviceLogin | None:
        """The device of a certificate; None when it is no device's, so that a password may decide.

        What the device says of itself need not be there, but must not be another's. A password is not looked at: the
        SDKs send a signature made with an empty secret.
        """
        digest = hashlib.sha256(certificate).hexdigest()
        login = await self._by_certificate.submit(digest)
        if login is not None and credentials.address not in {None, login.address}:
            raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "certificate_of_another_device")
        return login

    async def _of_password(self, credentials: Credentials) -> DeviceLogin:
        if credentials.address is None or not credentials.password:
            raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "malformed_credentials")
        login = await self._lookups.submit(credentials.address) or _NO_DEVICE
        proved = (
            _has_token(login, credentials) if credentials.auth_type is AuthType.TOKEN else _signs(login, credentials)
        )
        if not proved or login is _NO_DEVICE:
            raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, WRONG_CREDENTIALS)
        if login.by_certificate:
            raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "certificate_required")
        return login

    async def _look_up(self, addresses: Sequence[DeviceAddress]) -> Sequence[DeviceLogin | None]:
        return await self._store.read(find_logins, addresses, self._box)

    async def _look_up_certificates(self, digests: Sequence[str]) -> Sequence[DeviceLogin | None]:
        return await self._store.read(find_by_certificate, digests, self._box)

    async def _close_registrations(self, device_ids: Sequence[int]) -> Sequence[None]:
        return await self._store.write(close_registrations, device_ids)


def is_signed(secret: str, signed: bytes, digest: str, password: bytes) -> bool:
    """True when a password is the signature of a text in hexadecimal, of either case."""
    expected = hmac.digest(secret.encode(), signed, digest).hex().encode()
    return hmac.compare_digest(expected, password.lower())


def _signs(login: DeviceLogin, credentials: Credentials) -> bool:
    return is_signed(login.secret, credentials.signed, credentials.digest, credentials.password)


def _has_token(login: DeviceLogin, credentials: Credentials) -> bool:
    token = login.token or _NO_TOKEN
    same_token = hmac.compare_digest(token.token.encode(), credentials.password)
    same_client = hmac.compare_digest(token.client_id.encode(), credentials.base.encode())
    return same_token and same_client and token is not _NO_TOKEN

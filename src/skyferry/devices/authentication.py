"""The log-in of a device: a signature over what it says about itself (device-plane reference §1.3, §1.5)."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skyferry.batching import Batcher
from skyferry.devices.mqtt.packets import Connect, ConnectCode
from skyferry.fleet.logins import DeviceAddress, DeviceLogin, find_logins
from skyferry.keys import SecretBox
from skyferry.store.engine import Store

_BASE_LENGTH: Final = 64
_DIGESTS: Final = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}
_DEFAULT_METHOD: Final = "hmacmd5"
_NO_DEVICE: Final = DeviceLogin(0, "the secret of no device", disabled=False)


class LoginRefusedError(Exception):
    """A CONNECT that is refused.

    Attributes:
        code: what the device is told.
        reason: what log and metrics are told.
    """

    def __init__(self, code: ConnectCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a CONNECT says, taken apart.

    Attributes:
        address: who the device says it is. Only the user name counts; the base of the clientId is free text.
        signed: the text that the password signs.
        digest: the hash of the signature, by its name in `hashlib`.
        password: the signature in hexadecimal of either case, as sent.
        expects_system_topics: `_ss=1`: the device expects the server's topics without having subscribed to them.
    """

    address: DeviceAddress
    signed: bytes
    digest: str
    password: bytes
    expects_system_topics: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """A device whose signature was right."""

    device_id: int
    address: DeviceAddress
    expects_system_topics: bool


def parse_credentials(connect: Connect) -> Credentials:
    """Takes a CONNECT apart.

    Raises:
        LoginRefusedError: clientId (code 2) or user name and password (code 4) are not of the form, or the device asks
            for a kind of log-in that is not offered (code 5).
    """
    base, parameters = _parse_client_id(connect.client_id)
    digest = _DIGESTS.get(parameters.get("signmethod", _DEFAULT_METHOD).lower())
    if digest is None:
        raise LoginRefusedError(ConnectCode.IDENTIFIER_REJECTED, "unknown_signmethod")
    if parameters.get("authtype"):
        raise LoginRefusedError(ConnectCode.NOT_AUTHORIZED, "unsupported_auth_type")
    device_name, _, product_key = (connect.username or "").rpartition("&")
    if not device_name or not product_key or not connect.password:
        raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "malformed_credentials")
    signed = f"clientId{base}deviceName{device_name}productKey{product_key}"
    if (timestamp := parameters.get("timestamp")) is not None:
        signed += f"timestamp{timestamp}"
    return Credentials(
        address=DeviceAddress(product_key, device_name),
        signed=signed.encode(),
        digest=digest,
        password=connect.password,
        expects_system_topics=parameters.get("_ss") == "1",
    )


def _parse_client_id(client_id: str) -> tuple[str, dict[str, str]]:
    """Base and parameters of `{base}|k=v,…|`; keys in lower case, blanks around keys and values taken away."""
    base, opening, rest = client_id.rstrip().partition("|")
    text, closing, beyond = rest.partition("|")
    if not opening or not closing or beyond or len(base) > _BASE_LENGTH:
        raise LoginRefusedError(ConnectCode.IDENTIFIER_REJECTED, "malformed_client_id")
    parameters: dict[str, str] = {}
    for parameter in text.split(","):
        key, equals, value = parameter.partition("=")
        if equals:
            parameters[key.strip().lower()] = value.strip()
        elif key.strip():
            raise LoginRefusedError(ConnectCode.IDENTIFIER_REJECTED, "malformed_client_id")
    return base, parameters


class Authenticator:
    """Checks log-ins. All that arrive while one look-up runs share the next one."""

    def __init__(self, store: Store, box: SecretBox, *, logins_per_lookup: int) -> None:
        self._store = store
        self._box = box
        self._lookups: Batcher[DeviceAddress, DeviceLogin | None] = Batcher(self._look_up, most=logins_per_lookup)

    async def log_in(self, connect: Connect) -> Identity:
        """Says which device a CONNECT comes from.

        A device that does not exist and a wrong signature are one and the same to whoever asks: same answer, same work.

        Raises:
            LoginRefusedError: it is not let in.
            sqlalchemy.exc.SQLAlchemyError: the store does not answer.
        """
        credentials = parse_credentials(connect)
        login = await self._lookups.submit(credentials.address) or _NO_DEVICE
        expected = hmac.digest(login.secret.encode(), credentials.signed, credentials.digest).hex().encode()
        if not hmac.compare_digest(expected, credentials.password.lower()) or login is _NO_DEVICE:
            raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "wrong_credentials")
        if login.disabled:
            raise LoginRefusedError(ConnectCode.NOT_AUTHORIZED, "disabled")
        return Identity(login.device_id, credentials.address, credentials.expects_system_topics)

    async def drain(self) -> None:
        """Waits until no look-up runs."""
        await self._lookups.drain()

    async def _look_up(self, addresses: Sequence[DeviceAddress]) -> Sequence[DeviceLogin | None]:
        return await self._store.read(find_logins, addresses, self._box)

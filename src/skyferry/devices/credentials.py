"""What a CONNECT says about its device, taken apart (device-plane reference §1.3, §1.8)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skyferry.devices.mqtt.packets import Connect, ConnectCode
from skyferry.fleet.logins import DeviceAddress

DIGESTS: Final = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}
"""The hash of each `signmethod`, by its name in `hashlib`."""

_BASE_LENGTH: Final = 64
_DEFAULT_METHOD: Final = "hmacmd5"


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


class AuthType(StrEnum):
    """What a CONNECT is for, by `authType`. `securemode` says nothing reliable and is not looked at."""

    SECRET = ""
    """A log-in with the DeviceSecret, or with a certificate."""
    REGISTER = "register"
    """A device that was registered before asks for its DeviceSecret."""
    REGISTER_UNKNOWN = "regnwl"
    """A device, known or not, asks for a token."""
    TOKEN = "connwl"  # noqa: S105 - the name of a way to log in
    """A log-in with such a token."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a CONNECT says, taken apart.

    Attributes:
        auth_type: what it is for.
        address: who the device says it is; None when it says nothing, as devices with a certificate may. Only the
            user name counts; the base of the clientId is free text.
        base: the base of the clientId.
        signed: the text that the password signs with the DeviceSecret, or with the ProductSecret to register.
        digest: the hash of the signature, by its name in `hashlib`.
        password: the signature in hexadecimal of either case, or the token, as sent; empty when there is none.
        expects_system_topics: `_ss=1`: the device expects the server's topics without having subscribed to them.
    """

    auth_type: AuthType
    address: DeviceAddress | None
    base: str
    signed: bytes
    digest: str
    password: bytes = field(repr=False)
    expects_system_topics: bool


def parse_credentials(connect: Connect) -> Credentials:
    """Takes a CONNECT apart.

    Raises:
        LoginRefusedError: the clientId (code 2) or the user name (code 4) is not of the form, or the device asks for a
            kind of log-in that is not offered (code 5).
    """
    base, parameters = _parse_client_id(connect.client_id)
    digest = DIGESTS.get(parameters.get("signmethod", _DEFAULT_METHOD).lower())
    if digest is None:
        raise LoginRefusedError(ConnectCode.IDENTIFIER_REJECTED, "unknown_signmethod")
    try:
        auth_type = AuthType(parameters.get("authtype", "").lower())
    except ValueError:
        raise LoginRefusedError(ConnectCode.NOT_AUTHORIZED, "unsupported_auth_type") from None
    address = _parse_username(connect.username or "")
    return Credentials(
        auth_type=auth_type,
        address=address,
        base=base,
        signed=_signed(auth_type, base, address, parameters).encode(),
        digest=digest,
        password=connect.password or b"",
        expects_system_topics=parameters.get("_ss") == "1",
    )


def registration_text(address: DeviceAddress, random: str) -> str:
    """The text that is signed with the ProductSecret to register a device, over MQTT and over HTTPS."""
    return f"deviceName{address.device_name}productKey{address.product_key}random{random}"


def _signed(auth_type: AuthType, base: str, address: DeviceAddress | None, parameters: dict[str, str]) -> str:
    if address is None:
        return ""
    if auth_type in {AuthType.REGISTER, AuthType.REGISTER_UNKNOWN}:
        return registration_text(address, parameters.get("random", ""))
    text = f"clientId{base}deviceName{address.device_name}productKey{address.product_key}"
    timestamp = parameters.get("timestamp")
    return text if timestamp is None else f"{text}timestamp{timestamp}"


def _parse_username(username: str) -> DeviceAddress | None:
    device_name, _, product_key = username.rpartition("&")
    if device_name and product_key:
        return DeviceAddress(product_key, device_name)
    if username.strip("&"):
        raise LoginRefusedError(ConnectCode.BAD_CREDENTIALS, "malformed_credentials")
    return None


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

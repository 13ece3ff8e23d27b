"""Who a simulated device is, and how it proves that in its CONNECT (device-plane reference §1.3)."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum


class SignMethod(StrEnum):
    """The value of the clientId parameter `signmethod`."""

    MD5 = "hmacmd5"
    SHA1 = "hmacsha1"
    SHA256 = "hmacsha256"


_DIGESTS = {SignMethod.MD5: hashlib.md5, SignMethod.SHA1: hashlib.sha1, SignMethod.SHA256: hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a CONNECT packet carries."""

    client_id: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The three values that are burnt into a device."""

    product_key: str
    device_name: str
    device_secret: str

    def topic(self, template: str) -> str:
        """The device's own topic for one of the templates in `skyferry.devices.topics`."""
        return template.format(product_key=self.product_key, device_name=self.device_name)


@dataclass(frozen=True, slots=True)
class ConnectStyle:
    """The freedoms that client SDKs take in a CONNECT. The defaults are those of the C SDK 4.2.

    Attributes:
        base: the clientId before the first bar, as a template with `{product_key}` and `{device_name}`.
        sign_method: the HMAC that makes the password.
        names_sign_method: False leaves the parameter `signmethod` out; the server must then assume hmacmd5.
        upper_case: the password in upper-case hex digits (C SDKs) or lower-case (Python, Node).
        timestamp: put into the clientId and the signed text exactly as written here; None leaves it out of both.
        expects_system_topics: sends `_ss=1`: the server delivers system topics without a SUBSCRIBE (§1.4).
        extra: further clientId parameters, sent as they are.
        clean_session: the CONNECT flag.
        keepalive_seconds: the platform accepts 30..1200 (§1.2).
    """

    base: str = "{product_key}.{device_name}"
    sign_method: SignMethod = SignMethod.SHA256
    names_sign_method: bool = True
    upper_case: bool = True
    timestamp: str | None = "2524608000000"
    expects_system_topics: bool = True
    extra: tuple[tuple[str, str], ...] = (("_v", "sdk-c-4.2.0"), ("securemode", "3"), ("ext", "3"), ("_conn", "tcp_0"))
    clean_session: bool = True
    keepalive_seconds: int = 300

    def __post_init__(self) -> None:
        if not self.names_sign_method and self.sign_method is not SignMethod.MD5:
            raise ValueError("Without the parameter signmethod a server assumes hmacmd5.")

    def credentials(self, identity: DeviceIdentity) -> Credentials:
        """The clientId, username and password of one device."""
        base = self.base.format(product_key=identity.product_key, device_name=identity.device_name)
        return Credentials(
            client_id=f"{base}|{','.join(f'{key}={value}' for key, value in self._parameters())}|",
            username=f"{identity.device_name}&{identity.product_key}",
            password=self._password(identity, base),
        )

    def _parameters(self) -> list[tuple[str, str]]:
        parameters = list(self.extra)
        if self.timestamp is not None:
            parameters.append(("timestamp", self.timestamp))
        if self.expects_system_topics:
            parameters.append(("_ss", "1"))
        if self.names_sign_method:
            parameters.append(("signmethod", self.sign_method.value))
        return parameters

    def _password(self, identity: DeviceIdentity, base: str) -> str:
        content = f"clientId{base}deviceName{identity.device_name}productKey{identity.product_key}"
        if self.timestamp is not None:
            content += f"timestamp{self.timestamp}"
        secret = identity.device_secret.encode()
        password = hmac.new(secret, content.encode(), _DIGESTS[self.sign_method]).hexdigest()
        return password.upper() if self.upper_case else password

"""The CONNECT fields against what real SDKs were seen to send (device-plane reference §1.3)."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.devices import topics
from skyferry.simulator.identity import ConnectStyle, DeviceIdentity, SignMethod

SECRET = "devsecret0123456789abcdef01234567"
NODE = ConnectStyle(
    base="{product_key}&{device_name}",
    sign_method=SignMethod.SHA1,
    upper_case=False,
    timestamp="1795426677163",
    expects_system_topics=False,
)


def device(name: str) -> DeviceIdentity:
    return DeviceIdentity("a1Stub00001", name, SECRET)


@pytest.mark.parametrize(
    ("name", "style", "start", "end"),
    [
        ("dev-c4-demo", ConnectStyle(), "D07CAA53", "E3FDB79A4"),
        ("dev-c4-1", ConnectStyle(), "C06883C4", "BEF550"),
        ("dev-c3-1", ConnectStyle(), "E9FE2EDD", "A282C0"),
        ("dev-node-1", NODE, "f23ab9d6f3ac80761112fd18", "54325d6055f67712"),
    ],
)
def test_passwords_are_those_of_real_clients(name: str, style: ConnectStyle, start: str, end: str) -> None:
    password = style.credentials(device(name)).password
    assert password.startswith(start)
    assert password.endswith(end)


def test_client_id_of_the_c_sdk() -> None:
    credentials = ConnectStyle().credentials(device("dev-c4-1"))
    base, parameters, rest = credentials.client_id.split("|")
    assert (base, rest) == ("a1Stub00001.dev-c4-1", "")
    assert dict(pair.split("=") for pair in parameters.split(",")) == {
        "timestamp": "2524608000000",
        "_ss": "1",
        "_v": "sdk-c-4.2.0",
        "securemode": "3",
        "signmethod": "hmacsha256",
        "ext": "3",
        "_conn": "tcp_0",
    }
    assert credentials.username == "dev-c4-1&a1Stub00001"


def test_client_id_without_system_topics_has_no_ss() -> None:
    assert "_ss" not in NODE.credentials(device("dev-node-1")).client_id


@given(
    name=st.text("abcXYZ019-_.:@", min_size=1, max_size=32),
    secret=st.text("abcdef0123456789", min_size=1, max_size=32),
    method=st.sampled_from(SignMethod),
    timestamp=st.none() | st.text("0123456789", min_size=1, max_size=13),
    upper_case=st.booleans(),
)
def test_password_is_the_hmac_of_what_the_client_id_says(
    name: str, secret: str, method: SignMethod, timestamp: str | None, upper_case: bool
) -> None:
    style = ConnectStyle(sign_method=method, timestamp=timestamp, upper_case=upper_case)
    credentials = style.credentials(DeviceIdentity("pk", name, secret))
    base, parameters, _ = credentials.client_id.split("|")
    said = dict(pair.split("=") for pair in parameters.split(","))
    content = f"clientId{base}deviceName{name}productKeypk"
    if "timestamp" in said:
        content += f"timestamp{said['timestamp']}"
    digest = {"hmacmd5": hashlib.md5, "hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}[said["signmethod"]]
    expected = hmac.new(secret.encode(), content.encode(), digest).hexdigest()
    assert credentials.password == (expected.upper() if upper_case else expected)
    assert said.get("timestamp") == timestamp


def test_sign_method_may_be_left_out_for_md5_only() -> None:
    style = ConnectStyle(sign_method=SignMethod.MD5, names_sign_method=False, timestamp=None)
    credentials = style.credentials(device("d"))
    assert "signmethod" not in credentials.client_id
    assert len(credentials.password) == 32
    with pytest.raises(ValueError, match="assumes hmacmd5"):
        ConnectStyle(names_sign_method=False)


def test_topic_carries_the_device() -> None:
    assert device("d1").topic(topics.INFORM) == "/ota/device/inform/a1Stub00001/d1"

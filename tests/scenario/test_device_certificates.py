"""The certificates of devices: asked for, given, voided."""

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import BusinessError
from tests.support.authority import Authority

UNKNOWN, NO_X509 = "iot.device.NotExistedDevice", "skyferry.NoDeviceCertificates"


@pytest.fixture
def certified(fleet: Fleet) -> Fleet:
    """A product whose devices log in with certificates."""
    fleet.product = fleet.api.call("CreateProduct", ProductName=f"x509_{fleet.product}", NodeType=0, AuthType="x509")[
        "ProductKey"
    ]
    return fleet


@pytest.mark.rule("QueryDeviceCert")
def test_a_certificate_is_issued_once(certified: Fleet) -> None:
    certified.api.register(certified.product, "device-1")
    named = {"ProductKey": certified.product, "DeviceName": "device-1"}

    first = certified.api.call("QueryDeviceCert", **named)["DeviceCertInfo"]

    assert first["Status"] == 2
    assert first["Certificate"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert "PRIVATE KEY-----" in first["PrivateKey"]
    assert first["CertSN"]
    assert certified.api.call("QueryDeviceCert", **named)["DeviceCertInfo"] == first


@pytest.mark.rule("SetDeviceCertificate", "QueryDeviceCert")
def test_a_certificate_can_be_given_and_voided(certified: Fleet) -> None:
    device = certified.api.register(certified.product, "device-1")
    named = {"ProductKey": certified.product, "DeviceName": "device-1"}
    own = Authority().issue("device-1")

    certified.api.call("SetDeviceCertificate", IotId=device.iot_id, Certificate=own.certificate)
    given = certified.api.call("QueryDeviceCert", **named)["DeviceCertInfo"]
    certified.api.call("SetDeviceCertificate", **named)
    issued = certified.api.call("QueryDeviceCert", **named)["DeviceCertInfo"]

    assert (given["Certificate"], given.get("PrivateKey")) == (own.certificate, None)
    assert issued["CertSN"] != given["CertSN"]


@pytest.mark.rule("SetDeviceCertificate")
def test_what_cannot_be_given(certified: Fleet) -> None:
    one = certified.api.register(certified.product, "device-1")
    other = certified.api.register(certified.product, "device-2")
    pem = Authority().issue("device-1").certificate
    certified.api.call("SetDeviceCertificate", IotId=one.iot_id, Certificate=pem)

    refusal = certified.api.refusal
    taken = refusal("SetDeviceCertificate", IotId=other.iot_id, Certificate=pem)
    assert taken == "skyferry.DeviceCertificateTaken"
    rubbish = refusal("SetDeviceCertificate", IotId=other.iot_id, Certificate="rubbish")
    assert rubbish == "skyferry.InvalidDeviceCertificate"
    assert refusal("SetDeviceCertificate", IotId="unknown") == "iot.device.InvalidIoTId"
    assert refusal("SetDeviceCertificate", ProductKey=certified.product, DeviceName="device-9") == UNKNOWN
    assert refusal("SetDeviceCertificate") == "iot.device.NullDeviceName"


@pytest.mark.rule("SetDeviceCertificate", "accounts")
def test_a_certificate_is_bound_once_on_the_whole_server(certified: Fleet, accounts: Accounts) -> None:
    one = certified.api.register(certified.product, "device-1")
    pem, another = (Authority().issue("device-1").certificate for _ in range(2))
    certified.api.call("SetDeviceCertificate", IotId=one.iot_id, Certificate=pem)
    stranger = application(accounts.create(f"claims{certified.product.lower()}"))
    data = stranger.call("CreateProduct", ProductName="claims", NodeType=0, AuthType="x509")["Data"]
    thief = stranger.register(data["ProductKey"], "device-2")
    stranger.call("SetDeviceCertificate", IotId=thief.iot_id, Certificate=another)

    with pytest.raises(BusinessError, match="bound to another device already") as refused:
        stranger.call("SetDeviceCertificate", IotId=thief.iot_id, Certificate=pem)
    assert refused.value.code == "skyferry.DeviceCertificateTaken"
    assert not any(name in str(refused.value.answer) for name in (one.name, one.iot_id, certified.product))
    kept = {"ProductKey": thief.product_key, "DeviceName": thief.name}
    assert stranger.call("QueryDeviceCert", **kept)["DeviceCertInfo"]["Certificate"] == another
    certified.api.call("SetDeviceCertificate", IotId=one.iot_id)
    stranger.call("SetDeviceCertificate", IotId=thief.iot_id, Certificate=pem)


@pytest.mark.rule("QueryDeviceCert", "SetDeviceCertificate")
def test_products_with_secrets_have_no_certificates(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    named = {"ProductKey": fleet.product, "DeviceName": "device-1"}

    assert fleet.api.refusal("QueryDeviceCert", **named) == NO_X509
    assert fleet.api.refusal("SetDeviceCertificate", IotId=device.iot_id) == NO_X509
    assert fleet.api.refusal("QueryDeviceCert", ProductKey=fleet.product, DeviceName="device-9") == UNKNOWN
    assert fleet.api.refusal("QueryDeviceCert", ProductKey=fleet.product, DeviceName="") == "iot.device.NullDeviceName"

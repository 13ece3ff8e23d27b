"""What a product says of its devices beyond the platform's API."""

from typing import Any

import pytest

from tests.scenario.support import Fleet

FORMAT = "iot.common.InvalidFormattedParameter"


def settings(fleet: Fleet) -> dict[str, Any]:
    data: dict[str, Any] = fleet.api.call("QueryProductSettings", ProductKey=fleet.product)["Data"]
    return data


@pytest.mark.rule("QueryProductSettings")
def test_a_new_product_has_the_platform_s_ways(fleet: Fleet) -> None:
    assert settings(fleet) == {"DynamicRegistration": "OFF", "DeviceProtocol": "link", "SecureUpdate": False}


@pytest.mark.rule("UpdateProductSettings", "QueryProductSettings")
def test_what_is_told_is_changed_and_the_rest_stays(fleet: Fleet) -> None:
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase="http://files.example.com/")
    told = fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DynamicRegistration="ANY")["Data"]

    assert (told["DynamicRegistration"], told["DownloadBase"]) == ("ANY", "http://files.example.com")
    assert settings(fleet) == told
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase="")
    assert "DownloadBase" not in settings(fleet)


@pytest.mark.rule("UpdateProductSettings")
def test_devices_of_a_product_are_told_its_own_place_for_downloads(fleet: Fleet) -> None:
    """Others are told the server's; device-plane §2.5."""
    device = fleet.device()
    client = fleet.connect(device)
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase="http://files.example.com/")
    fleet.job(fleet.package(), [device])

    url = str(client.offer()["url"])

    assert url.startswith("http://files.example.com/objects/ota/")
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DownloadBase="")
    assert str(client.pull()["data"]["url"]).startswith(f"http://{fleet.server.http}/objects/ota/")


@pytest.mark.rule("UpdateProductSettings")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DynamicRegistration", "SOME"),
        ("DeviceProtocol", "LINK"),
        ("DownloadBase", "ftp://files.example.com"),
        ("DownloadBase", "http://files.example.com/firmware"),
        ("DownloadBase", f"http://{'f' * 90}.example.com"),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing(fleet: Fleet, name: str, value: str) -> None:
    told = {"ProductKey": fleet.product, "DynamicRegistration": "ANY", name: value}

    assert fleet.api.refusal("UpdateProductSettings", **told) == FORMAT
    assert settings(fleet)["DynamicRegistration"] == "OFF"


@pytest.mark.rule("UpdateProductSettings", "QueryProductSettings")
def test_an_unknown_product_has_no_settings(fleet: Fleet) -> None:
    for action in ("UpdateProductSettings", "QueryProductSettings"):
        assert fleet.api.refusal(action, ProductKey="a1Unknown00") == "iot.prod.NotExistedProduct"
        assert fleet.api.refusal(action, ProductKey=" ") == "iot.prod.NullProductKey"

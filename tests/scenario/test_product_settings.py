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

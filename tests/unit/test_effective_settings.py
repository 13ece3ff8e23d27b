"""What people are told of the settings of a server."""

import pytest

from skyferry.effective_settings import HIDDEN, EffectiveSetting, effective
from skyferry.settings import Settings


def shown(**given: object) -> dict[str, EffectiveSetting]:
    return {setting.name: setting for setting in effective(Settings(**given))}  # type: ignore[arg-type]


def test_every_setting_has_its_value_and_its_sentence() -> None:
    found = shown(http="127.0.0.1:8081", downloads="127.0.0.1:80,127.0.0.1:443", mqtt_plain=False)

    assert [name for name, setting in found.items() if not setting.text] == []
    assert list(found) == list(Settings.model_fields)
    assert (found["http"].value, found["http"].is_default) == ("127.0.0.1:8081", False)
    assert (found["mqtt"].value, found["mqtt"].is_default) == ("127.0.0.1:1883", True)
    assert found["downloads"].value == "127.0.0.1:80, 127.0.0.1:443"
    assert (found["mqtt_plain"].value, found["quotas"].value, found["https"].value) == ("false", "{}", "")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("root_password", "hunter2 hunter2", HIDDEN),
        ("nats", "nats://hunter2@127.0.0.1:4222,nats://user:hunter2@127.0.0.2:4222", "nats://***@127.0.0.1:4222"),
        ("database", "postgresql://user:hunter2@127.0.0.1/skyferry?password=hunter2", "postgresql://***@127.0.0.1"),
        ("database", "postgresql://user:hunt/er2@127.0.0.1/skyferry", "***"),
    ],
)
def test_no_secret_is_told(name: str, value: str, told: str) -> None:
    setting = shown(**{name: value})[name]

    assert told in setting.value
    assert "hunter2" not in setting.value
    assert "er2@" not in setting.value


def test_templates_of_urls_lose_their_signature() -> None:
    found = shown(objects="s3://bucket/prefix", object_urls="https://cdn.example.com/{key}?token=hunter2")

    assert found["objects"].value == "s3://bucket/prefix"
    assert found["object_urls"].value == "https://cdn.example.com/{key}?***"

"""Settings and where they come from."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from skyferry import settings
from skyferry.settings import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("localhost:1883", Address("localhost", 1883)),
        ("[::1]:8080", Address("::1", 8080)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize("text", ["", "8080", ":8080", "host:", "host:port", "host:65536", "host:-1", "host:\uff11"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        parse_address(text)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "skyferry.toml"
    file.write_text('region = "file"\nlog_level = "error"\nhttp = "127.0.0.1:1"\n[quotas]\nListOTAFirmware = 3\n')
    monkeypatch.setenv("SKYFERRY_LOG_LEVEL", "debug")
    monkeypatch.setenv("SKYFERRY_HTTP", "127.0.0.1:2")
    loaded = settings.load(file, http="127.0.0.1:3", region=None)
    assert (loaded.region, loaded.log_level, loaded.http.port) == ("file", "debug", 3)
    assert loaded.quotas == {"ListOTAFirmware": 3}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_level", "loud"),
        ("public_url", "ftp://host"),
        ("public_url", "http://host/path"),
        ("download_url", "http://host/path"),
        ("download_url", f"http://{'h' * 70}"),
        ("http", "nowhere"),
        ("objects", "bucket"),
        ("object_urls", "sign"),
        ("object_urls", "https://cdn.example.com/"),
        ("object_urls", "https://cdn.example.com/{key}#x"),
        ("object_urls", "https://cdn.example.com/a:b/{key}"),
        ("objects", "s3://a"),
        ("objects", "s3://bucket/../other"),
        ("objects", "s3://bucket//other"),
        ("objects_s3_endpoint", "127.0.0.1:9000"),
        ("list_most_bytes", "67108865"),
    ],
)
def test_values_that_are_not_allowed_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        settings.load(None, **{name: value})


def test_trusted_proxies_are_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "skyferry.toml"
    file.write_text('trusted_proxies = ["10.0.0.0/8", "::1"]\n')
    assert [str(network) for network in settings.load(file).trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    monkeypatch.setenv("SKYFERRY_TRUSTED_PROXIES", "192.0.2.1, fd00::/8,")
    assert [str(network) for network in settings.load(file).trusted_proxies] == ["192.0.2.1/32", "fd00::/8"]
    for wrong in ("10.0.0.1/8", "proxy", "10.0.0.0/33"):
        with pytest.raises(ValidationError, match=f"{wrong} is no network"):
            settings.load(None, trusted_proxies=wrong)


def test_a_missing_or_mistyped_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        settings.load(tmp_path / "none.toml")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('regoin = "typo"\n')
    with pytest.raises(ValidationError, match="regoin"):
        settings.load(wrong)


@pytest.mark.parametrize(
    ("text", "bucket"),
    [
        ("s3://files", ("files", "")),
        ("s3://files/", ("files", "")),
        ("s3://my.files-1/ota/eu", ("my.files-1", "ota/eu/")),
        ("s3://files/a.b_c/", ("files", "a.b_c/")),
    ],
)
def test_bucket_and_prefix_of_package_files(text: str, bucket: tuple[str, str]) -> None:
    assert settings.load(None, objects=text).objects_bucket == bucket
    assert settings.load(None).objects_bucket is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"objects_s3_access_key_id": "a"}, "given together"),
        ({"objects_s3_secret_access_key": "a"}, "given together"),
        ({"objects_s3_endpoint": "http://127.0.0.1:9000"}, "needs objects"),
        ({"object_urls": "presigned"}, "object_urls needs objects"),
        ({"object_urls": "https://cdn.example.com/{key}"}, "object_urls needs objects"),
        ({"object_urls": f"https://cdn.test/{'a' * 95}{{key}}", "objects": "s3://files"}, "up to 257 characters"),
    ],
)
def test_half_a_bucket_is_refused(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings.load(None, **given)

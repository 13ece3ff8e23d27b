from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skyferry.objects.urls import (
    LONGEST_BASE_URL,
    LONGEST_URL,
    DownloadRight,
    DownloadUrls,
    object_key_of,
    object_url,
    upload_url,
)

KEY = f"ota/{'0f' * 16}/{'a1b2c' * 5}.tar.gz"
NOW_MS = 1_795_426_243_592
DAY_MS = 86_400_000
URLS = DownloadUrls("https://files.test", b"d" * 32)

object_keys = st.builds(
    "ota/{}/{}.{}".format,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text("abcxyz019", min_size=25, max_size=25),
    st.sampled_from(["bin", "tar.gz", "csv"]),
)


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


task_ids = st.none() | st.integers(1, 36**12 - 1)


@given(object_keys, st.integers(NOW_MS, NOW_MS + 10**12), st.binary(min_size=32, max_size=32), task_ids)
def test_signed_url_suits_parsers_in_the_field(key: str, now_ms: int, secret: bytes, task_id: int | None) -> None:
    host = "h" * (LONGEST_BASE_URL - len("https://:65535")) + ":65535"
    url = DownloadUrls(f"https://{host}/", secret).sign(key, now_ms, task_id=task_id)
    assert len(url) <= LONGEST_URL
    path = url.removeprefix(f"https://{host}")
    assert path.startswith(f"/objects/{key}?Expires=")
    assert path.count("&") == 2 + (task_id is not None)
    assert not set(path) & set(":#%+\"'\\ ")
    assert path.isascii()
    assert path.isprintable()


@pytest.mark.rule("devices")
@given(object_keys, st.integers(NOW_MS, NOW_MS + 10**12))
def test_signed_url_is_good_for_a_day(key: str, now_ms: int) -> None:
    query = query_of(URLS.sign(key, now_ms))
    expires_ms = (now_ms // 1_000 + 86_400) * 1_000
    assert URLS.verify(key, query, now_ms)
    assert URLS.verify(key, query, expires_ms - 1)
    assert not URLS.verify(key, query, expires_ms)


@given(object_keys, task_ids)
def test_signed_url_names_its_task(key: str, task_id: int | None) -> None:
    right = URLS.verify(key, query_of(URLS.sign(key, NOW_MS, task_id=task_id)), NOW_MS)
    assert right == DownloadRight(task_id)


def test_url_of_a_product_with_a_place_of_its_own() -> None:
    url = URLS.sign(KEY, NOW_MS, task_id=7, base_url="http://eu.test")
    assert url.startswith(f"http://eu.test/objects/{KEY}?")
    assert URLS.verify(KEY, query_of(url), NOW_MS) == DownloadRight(7)
    assert URLS.sign(KEY, NOW_MS, task_id=7).startswith("https://files.test/")


SIGNED = URLS.sign(KEY, NOW_MS).partition("/objects/")[2]
SIGNED_FOR_TASK = URLS.sign(KEY, NOW_MS, task_id=41_000).partition("/objects/")[2]


@pytest.mark.parametrize("signed", [SIGNED, SIGNED_FOR_TASK], ids=["plain", "task"])
@given(data=st.data())
def test_any_changed_bit_is_refused(signed: str, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, len(signed) * 8 - 1))
    raw = bytearray(signed.encode())
    raw[bit // 8] ^= 1 << bit % 8
    key, _, query = raw.decode("latin-1").partition("?")
    assert not URLS.verify(key, query_of(f"https://files.test/?{query}"), NOW_MS)


@given(st.text(), st.dictionaries(st.sampled_from(["Expires", "OSSAccessKeyId", "Signature", "t"]), st.text()))
@example(KEY, query_of(SIGNED) | {"Signature": "\ud800"})
@example(KEY, query_of(SIGNED) | {"Expires": "٣"})
@example(KEY, query_of(SIGNED) | {"t": "1"})
@example(KEY, query_of(SIGNED_FOR_TASK) | {"t": ""})
@example(KEY, query_of(SIGNED_FOR_TASK) | {"t": "0vmw"})
@example(KEY, query_of(SIGNED_FOR_TASK) | {"t": "z" * 5_000})
@example(KEY, query_of(SIGNED) | {"Expires": "9" * 5_000})
def test_any_other_query_is_refused(key: str, query: dict[str, str]) -> None:
    assert not URLS.verify(key, query, NOW_MS)


def test_another_servers_url_is_refused() -> None:
    other = DownloadUrls("https://files.test", b"e" * 32)
    assert not other.verify(KEY, query_of(SIGNED), NOW_MS)


@pytest.mark.parametrize("public_url", ["https://ota.example.com", "http://ota.example.com:8080/"])
def test_ticket_urls_have_no_slash_too_many(public_url: str) -> None:
    assert upload_url(public_url) == public_url.rstrip("/") + "/objects"
    assert object_url(public_url, KEY) == f"{upload_url(public_url)}/{KEY}"


@pytest.mark.parametrize(
    "url",
    [
        f"http://a/objects/{KEY}",
        f"https://other.host:8443/objects/{KEY}",
        f"HTTPS://[::1]:9/objects/{KEY}",
        f" http://a/objects/{KEY}\n",
        f"http://a/objects/{KEY}?Expires=1",
    ],
)
def test_object_key_of_a_url_of_any_spelling(url: str) -> None:
    assert object_key_of(url) == KEY


@pytest.mark.parametrize(
    "url",
    [
        "",
        KEY,
        f"/objects/{KEY}",
        f"ftp://a/objects/{KEY}",
        f"http:///objects/{KEY}",
        f"http://a/{KEY}",
        f"http://a/x/objects/{KEY}",
        f"http://a/objects//{KEY}",
        f"http://a/objects/{KEY}/",
        f"http://a/objects/{KEY.upper()}",
        "http://a/objects/ota/../../etc/passwd",
        f"http://a/objects/ota/{'0' * 32}/../{'a' * 25}.bin",
        f"http://a/objects/ota/{'0' * 32}/{'a' * 25}.bin%0a",
        f"http://a/objects/ota/{'٣' * 32}/{'a' * 25}.bin",
        "http://[::1/objects/",
    ],
)
def test_other_urls_have_no_object_key(url: str) -> None:
    assert object_key_of(url) is None


@given(st.text())
def test_object_key_of_anything_raises_nothing(url: str) -> None:
    object_key_of(url)
    object_key_of(f"http://a/objects/{url}")

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.objects.errors import ObjectError
from skyferry.objects.forms import FormReader
from skyferry.objects.limits import ObjectLimits
from tests.unit.objects.serving import BOUNDARY, form, part

CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
END = f"--{BOUNDARY}--\r\n".encode()


def reader(pieces: Iterable[bytes], content_type: str = CONTENT_TYPE, limits: ObjectLimits | None = None) -> FormReader:
    remaining = iter(pieces)

    async def read() -> bytes:
        return next(remaining, b"")

    return FormReader(content_type, read, limits or ObjectLimits())


async def read_all(opened: FormReader) -> tuple[dict[str, str], bytes]:
    fields = await opened.fields()
    content = b""
    while piece := await opened.read_file():
        content += piece
    await opened.finish()
    return fields, content


async def refusal(body: bytes, content_type: str = CONTENT_TYPE, limits: ObjectLimits | None = None) -> str:
    with pytest.raises(ObjectError) as caught:
        await read_all(reader([body], content_type, limits))
    return caught.value.code


@given(st.binary(), st.lists(st.integers(1, 40), min_size=1))
async def test_pieces_of_any_size_make_the_same_form(content: bytes, sizes: list[int]) -> None:
    body = form([("key", "k"), ("Policy", "p\r\n-")], content, after=part("submit", b"Upload"))
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(body[at : at + size])
        at += size
    assert await read_all(reader(pieces)) == ({"key": "k", "policy": "p\r\n-"}, content)


@given(st.binary())
async def test_anything_is_a_form_or_refused(body: bytes) -> None:
    code = await refusal(body)
    assert code in {"MalformedPOSTRequest", "IncorrectNumberOfFilesInPOSTRequest"}


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Transfer-Encoding: base64"],
        ["Content-Transfer-Encoding: quoted-printable"],
        ["Content-Transfer-Encoding: unheard-of"],
        ["Content-Encoding: gzip"],
        ["Content-Length: 8"],
        ["Content-Type: multipart/mixed; boundary=x"],
        ["Content-Type: text/plain; charset=unheard-of"],
    ],
)
async def test_part_headers_change_nothing(headers: list[str]) -> None:
    body = part("key", b"YWJj=3D=", headers) + part("file", b"YWJj=3D=", headers) + END
    assert await read_all(reader([body])) == ({"key": "YWJj=3D="}, b"YWJj=3D=")


async def test_charset_field_is_a_field_like_any_other() -> None:
    body = form([("_charset_", "unheard-of"), ("key", "k")], b"x")
    assert (await read_all(reader([body])))[0] == {"_charset_": "unheard-of", "key": "k"}


async def test_filename_in_another_encoding() -> None:
    body = part("key", b"k") + part("file", b"x", filename="NAME").replace(b"NAME", "固件.bin".encode("gb18030")) + END
    assert await read_all(reader([body])) == ({"key": "k"}, b"x")


async def test_first_of_several_fields_counts() -> None:
    assert (await read_all(reader([form([("key", "a"), ("KEY", "b")], b"")])))[0] == {"key": "a"}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 300}",
        "multipart/form-data; boundary=\u00e9",
    ],
)
async def test_other_content_types_are_malformed(content_type: str) -> None:
    assert await refusal(form([("key", "k")], b"x"), content_type) == "MalformedPOSTRequest"


@pytest.mark.parametrize("boundary", [f'"{BOUNDARY}"', f"{BOUNDARY}; charset=utf-8"])
async def test_spellings_of_the_boundary(boundary: str) -> None:
    opened = reader([form([("key", "k")], b"x")], f"Multipart/Form-Data; Boundary={boundary}")
    assert await read_all(opened) == ({"key": "k"}, b"x")


@pytest.mark.parametrize("cut", [1, 3, 20, 40, 100])
async def test_form_that_ends_early_is_malformed(cut: int) -> None:
    assert await refusal(form([("key", "k")], b"x" * 30)[: -cut - 2]) == "MalformedPOSTRequest"


async def test_form_needs_a_file() -> None:
    assert await refusal(part("key", b"k") + END) == "IncorrectNumberOfFilesInPOSTRequest"


async def test_form_has_one_file() -> None:
    body = form([("key", "k")], b"x", after=part("FILE", b"y", filename="b"))
    assert await refusal(body) == "IncorrectNumberOfFilesInPOSTRequest"


@pytest.mark.parametrize(
    "body",
    [
        form([("n" * 9_000, "v")], b""),
        form([("n" * 20_000, "v")], b""),
        form([("n", "v" * 101)], b""),
        form([(f"n{i}", "") for i in range(6)], b""),
        form([("key", "k")], b"", after=part("after", b"v" * 3_000)),
        form([("key", "k")], b"") + b"behind the end" * 300,
        part("file", b"", ["X: y"] * 40) + END,
    ],
    ids=["name", "very long name", "value", "fields", "field behind the file", "behind the end", "part headers"],
)
async def test_limits_of_forms(body: bytes) -> None:
    limits = ObjectLimits(
        most_field_value_bytes=100, most_fields=5, most_form_bytes=2_000 if len(body) < 9_000 else 1 << 20
    )
    opened = reader([body[at : at + 64] for at in range(0, len(body), 64)], limits=limits)
    with pytest.raises(ObjectError) as caught:
        await read_all(opened)
    assert caught.value.code == "FieldItemTooLong"


async def test_file_is_not_part_of_the_forms_size() -> None:
    limits = ObjectLimits(most_form_bytes=1_000)
    body = form([("key", "k")], b"x" * 100_000)
    opened = reader([body[at : at + 512] for at in range(0, len(body), 512)], limits=limits)
    assert len((await read_all(opened))[1]) == 100_000

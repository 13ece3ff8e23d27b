"""List files of device names (control-plane reference §3.2)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.ota import namelist
from skyferry.ota.namelist import NameCounter

name = st.text(st.sampled_from("abcXYZ019-_@.:"), min_size=4, max_size=32)
separator = st.text(st.sampled_from("\r\n,"), min_size=1, max_size=3)
files = st.lists(st.tuples(name, separator), max_size=60)


def text_of(parts: list[tuple[str, str]], *, end: bool) -> bytes:
    text = "".join(name + separator for name, separator in parts)
    return (text if end else text.rstrip("\r\n,")).encode()


def read_all(data: bytes, window: int, most: int) -> list[str]:
    """The names of a file that is read as a worker reads it."""
    names: list[str] = []
    begin = 0
    while begin < len(data):
        shown = data[begin : begin + window]
        portion = namelist.read(shown, at_start=begin == 0, to_end=begin + len(shown) >= len(data), most=most)
        assert 0 < portion.consumed <= len(shown)
        assert len(portion.names) <= most
        names += portion.names
        begin += portion.consumed
    return names


@given(files, st.booleans(), st.integers(33, 200), st.integers(1, 20))
def test_portions_read_what_the_whole_holds(parts: list[tuple[str, str]], end: bool, window: int, most: int) -> None:
    assert read_all(text_of(parts, end=end), window, most) == [name for name, _ in parts]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"one1\ntwo2\n", ["one1", "two2"]),
        (b"one1,two2", ["one1", "two2"]),
        (b"\xef\xbb\xbfone1\r\ntwo2\r\n", ["one1", "two2"]),
        (b' "one1" ,two2 \n\n\n', ["one1", "two2"]),
        (b"  \n , \r\n", []),
        (b"\xff\xfe", ["��"]),
        (b"", []),
    ],
)
def test_what_spreadsheets_write_is_tolerated(data: bytes, names: list[str]) -> None:
    assert namelist.read(data, at_start=True, to_end=True, most=10).names == names


def test_a_name_longer_than_a_portion_does_not_end_the_reading() -> None:
    assert read_all(b"x" * 100 + b"\nnext", 40, 10)[-1] == "next"


@given(files, st.booleans(), st.integers(1, 50))
def test_names_are_counted_whatever_the_blocks(parts: list[tuple[str, str]], end: bool, block: int) -> None:
    data = text_of(parts, end=end)
    counter = NameCounter()
    for begin in range(0, len(data), block):
        counter.add(data[begin : begin + block])
    assert counter.count == len(parts) == len(re.findall(rb"[^\r\n,]+", data))

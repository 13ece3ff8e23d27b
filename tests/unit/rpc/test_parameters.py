"""Flat parameters to request models."""

from contextlib import suppress
from enum import Enum
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from skyferry.errors import ApiError
from skyferry.rpc.operation import RequestModel
from skyferry.rpc.parameters import pick, read_request
from skyferry.rpc.shapes import shape_of


class Colour(Enum):
    RED = "red"


class Inner(RequestModel):
    key: str
    value: str | None = None
    values: tuple[int, ...] = ()


class Outer(RequestModel):
    name: str
    names: list[str] | None = None
    items: tuple[Inner, ...] = ()
    single: Inner | None = None
    flag: bool | None = None
    count: int | None = None
    colour: Colour | None = None
    choice: Literal["a", "b"] = "a"
    bounded: Annotated[int, Field(ge=3)] | None = None


def read(**parameters: str) -> Outer:
    return read_request(Outer, {"Name": "n", **parameters})


def refusal(**parameters: str) -> str:
    with pytest.raises(ApiError) as caught:
        read(**parameters)
    assert caught.value.kind.status == 400
    return f"{caught.value.kind.code}: {caught.value.text}"


def test_lists_are_sorted_by_number_and_may_have_gaps() -> None:
    assert read(**{"Names.10": "c", "Names.2": "b", "Names.1": "a", "Names.x": "ignored"}).names == ["a", "b", "c"]
    assert read(**{"Names.3": ""}).names == [""]


def test_structures_in_lists_and_lists_in_structures() -> None:
    found = read(
        **{"Items.2.Key": "b", "Items.1.Key": "a", "Items.1.Values.2": "2", "Items.1.Values.1": "1", "Single.Key": "s"}
    )
    assert found.items == (Inner(key="a", values=(1, 2)), Inner(key="b"))
    assert found.single == Inner(key="s")


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("TRUE", True), ("1", True), ("false", False), ("False", False), ("0", False)],
)
def test_booleans(text: str, value: bool) -> None:
    assert read(Flag=text).flag is value


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers(number: int) -> None:
    assert read(Count=str(number)).count == number


@pytest.mark.parametrize("text", ["1.5", "1_000", "0x10", "one", "٣", "9223372036854775808", "9" * 5_000, "1e3", "- 1"])
def test_what_is_no_integer(text: str) -> None:
    assert refusal(Count=text).startswith("InvalidCount: ")


def test_blank_numbers_and_booleans_are_absent_but_blank_texts_are_texts() -> None:
    assert read(Count="", Flag=" ", Name="") == Outer(name="")


def test_letter_case() -> None:
    assert read_request(Outer, {"NAME": "n", "nAmEs.1": "x"}) == Outer(name="n", names=["x"])
    assert read_request(Outer, {"name": "other", "Name": "exact"}).name == "exact"
    with pytest.raises(ApiError, match="Name is given twice"):
        read_request(Outer, {"name": "a", "NAME": "b"})
    found = read(**{"items.1.Key": "other", "Items.1.Key": "exact", "ITEMS.1.value": "v"})
    assert found.items == (Inner(key="exact", value="v"),)


def test_duplicate_indexes() -> None:
    message = refusal(**{"Names.1": "a", "Names.01": "b"})
    assert message == "InvalidParameter: Names.1 and Names.01 are the same entry of the list."


def test_absurd_indexes_and_depths_are_ignored() -> None:
    assert read(**{"Names." + "9" * 10_000: "x", "Names.²": "x", "a" + ".a" * 20_000: "x"}) == Outer(name="n")


def test_a_list_without_index() -> None:
    assert refusal(Names="a").startswith("InvalidNames: ")
    assert read(Names="").names is None


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Items.4.Value": "v", "Items.2.Key": "k"}, "MissingItems.4.Key: Items.4.Key is mandatory for this action."),
        ({"Single.Value": "v"}, "MissingSingle.Key: Single.Key is mandatory for this action."),
        ({"Colour": "blue"}, "InvalidColour: "),
        ({"Choice": "c"}, "InvalidChoice: "),
        ({"Bounded": "2"}, "InvalidBounded: "),
        ({"Items.1.Key": "k", "Items.1.Values.7": "x"}, "InvalidItems.1.Values.7: "),
        ({"Flag": "yes"}, "InvalidFlag: "),
    ],
)
def test_the_code_names_the_parameter_as_it_was_sent(parameters: dict[str, str], code: str) -> None:
    assert refusal(**parameters).startswith(code)


def test_a_missing_parameter() -> None:
    with pytest.raises(ApiError, match=r"MissingName: Name is mandatory for this action\."):
        read_request(Outer, {})


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=8), max_size=10))
def test_whatever_is_sent_is_read_or_refused(parameters: dict[str, str]) -> None:
    with suppress(ApiError):
        read_request(Outer, parameters)


def test_pick() -> None:
    assert pick({"a": "1", "A": "2"}, "A") == "2"
    assert pick({"aB": "1"}, "Ab") == "1"
    assert pick({"b": "1"}, "a") is None
    with pytest.raises(ApiError):
        pick({"aB": "1", "AB": "2"}, "ab")


@pytest.mark.parametrize("annotation", [dict, dict[str, str], int | str, list[dict[str, int]]])
def test_types_that_parameters_cannot_have(annotation: object) -> None:
    with pytest.raises(TypeError):
        shape_of(annotation)

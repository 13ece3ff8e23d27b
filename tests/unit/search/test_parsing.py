"""The search language: what is understood, and how everything else is refused (control-plane reference §9.3, §8.5)."""

import re
from contextlib import suppress

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from skyferry.errors import ApiError
from skyferry.search.parsing import parse_condition, parse_statement
from skyferry.search.syntax import Belonging, Condition, Either, Every, Field, Moment, Operator, Order, Words
from tests.support.search import Vocabulary, written

ALL = "SELECT * FROM device WHERE "
ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
LONGER_TEXT = ANY_TEXT.map(lambda text: "abcd" + text)
ANYTHING = Vocabulary(lambda _: ANY_TEXT, lambda _: LONGER_TEXT, st.integers(0, 4_102_444_800_000 - 1))


def equal(field: Field, value: str) -> Words:
    return Words(field, Operator.EQUAL, (value,))


def tag(name: str | None, value: str | None) -> Belonging:
    return Belonging(
        None if name is None else equal(Field.TAG_NAME, name), None if value is None else equal(Field.TAG_VALUE, value)
    )


@settings(max_examples=150)
@given(ANYTHING.conditions())
def test_what_is_written_is_read_back(condition: Condition) -> None:
    text = written(condition)
    assume(len(text) <= 400)
    assert parse_condition(text) == condition


def refusal(text: str) -> tuple[str, int]:
    """The code with which a sentence is refused, without what all have in common, and the place that it names."""
    with pytest.raises(ApiError) as caught:
        parse_statement(text)
    code = caught.value.kind.code
    assert code.startswith("iot.devicesearch.InvalidSQL")
    place = re.match(r"Character (\d+): ", caught.value.text)
    assert place is not None
    return code.removeprefix("iot.devicesearch.InvalidSQL"), int(place[1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT * FROM device", "Character 21: the text ends where WHERE is expected."),
        ("SELECT * FROM device LIMIT 1", "Character 22: WHERE is expected here, not LIMIT."),
        (ALL + "name = 1", "Character 35: a value in quotes is expected here, not 1."),
        (ALL + "name", "Character 32: the text ends where = or another operator, IN or LIKE is expected."),
        (ALL + "name = 'a' LIMIT 1 )", "Character 47: a comma or the end is expected here, not )."),
    ],
)
def test_a_refusal_says_what_is_expected(text: str, sentence: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_statement(text)
    assert caught.value.text == sentence


def test_what_follows_a_condition_is_too_much() -> None:
    with pytest.raises(ApiError) as caught:
        parse_condition("name = 'a' LIMIT 1")
    assert caught.value.text == "Character 12: AND, OR or the end is expected here, not LIMIT."


PIECES = (
    "SELECT * count ( ) FROM device WHERE AND OR LIKE IN ORDER BY ASC DESC LIMIT , = != < > <= >= name status "
    "active_time group.group_id tag.tag_name tag.tag_value ota_module.version bla 'a' \"ab%\" 'abcd%' 'ONLINE' "
    "'2020-01-01' 1 20 50 51 9999 ; . ' \" % \x00"
)
WORDS = st.sampled_from(PIECES.split())


@settings(max_examples=250)
@given(st.one_of(st.text(max_size=450), st.lists(WORDS, max_size=60).map(" ".join)), st.sampled_from(["", ALL]))
def test_any_text_is_understood_or_refused_as_a_business_error(text: str, before: str) -> None:
    with suppress(ApiError):
        parse_statement(before + text)
    with suppress(ApiError):
        parse_condition(text)


def test_a_statement_says_what_where_in_which_order_and_how_many() -> None:
    found = parse_statement(
        "select name, ota_module.version\nfrom device\twhere name = 'x' "
        "order by active_time desc, gmt_create limit 40,10"
    )
    assert not found.counted
    assert found.fields == {Field.NAME, Field.MODULE_VERSION}
    assert found.where == equal(Field.NAME, "x")
    assert found.order == (Order(Field.ACTIVE_TIME, descending=True), Order(Field.GMT_CREATE, descending=False))
    assert (found.offset, found.limit) == (40, 10)


def test_without_limit_20_devices_are_meant() -> None:
    found = parse_statement(ALL + 'name = "x"')
    assert (found.offset, found.limit, found.order, found.fields) == (0, 20, (), frozenset(Field))


def test_devices_can_be_counted() -> None:
    assert parse_statement("SELECT COUNT(*) FROM device WHERE name = 'x'").counted


def test_and_binds_tighter_than_or() -> None:
    a, b, c = (equal(Field.NAME, name) for name in "abc")
    assert parse_condition("name='a' OR name='b' AND name='c'") == Either((a, Every((b, c))))
    assert parse_condition("(name='a' OR name='b') AND name='c'") == Every((Either((a, b)), c))


def test_parentheses_without_meaning_are_nothing() -> None:
    assert parse_condition("((name='a') AND (name='b' AND (name='c')))") == parse_condition(
        "name='a' AND name='b' AND name='c'"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tag.tag_name='a' AND tag.tag_value='1'", tag("a", "1")),
        ("tag.tag_value='1' AND tag.tag_name='a'", tag("a", "1")),
        (
            "tag.tag_name='a' AND name='x' AND tag.tag_value='1'",
            Every((tag("a", "1"), equal(Field.NAME, "x"))),
        ),
        (
            "tag.tag_name='a' AND tag.tag_value='1' AND tag.tag_name='b' AND tag.tag_value='2'",
            Every((tag("a", "1"), tag("b", "2"))),
        ),
        (
            "tag.tag_name='a' AND tag.tag_value='1' OR tag.tag_name='b' AND tag.tag_value='2'",
            Either((tag("a", "1"), tag("b", "2"))),
        ),
        ("(tag.tag_name='a') AND (tag.tag_value='1')", Every((tag("a", None), tag(None, "1")))),
        ("tag.tag_name='a' OR tag.tag_value='1'", Either((tag("a", None), tag(None, "1")))),
        (
            "tag.tag_name='a' AND ota_module.version='1'",
            Every((tag("a", None), Belonging(None, equal(Field.MODULE_VERSION, "1")))),
        ),
    ],
)
def test_a_name_finds_its_value(text: str, expected: Condition) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize(
    ("written_as", "ms"),
    [
        ("2020-04-04 16:38:18.607", 1_585_989_498_607),
        ("2020-04-04 16:38:18", 1_585_989_498_000),
        ("2020-04-04", 1_585_929_600_000),
    ],
)
def test_times_are_in_utc_8(written_as: str, ms: int) -> None:
    assert parse_condition(f"gmt_create >= '{written_as}'") == Moment(Field.GMT_CREATE, Operator.GREATER_OR_EQUAL, ms)


def test_a_quote_in_a_value_is_doubled() -> None:
    assert parse_condition("nickname = 'it''s \"fine\"'") == equal(Field.NICKNAME, 'it\'s "fine"')
    assert parse_condition('nickname = "say ""yes"" it\'s"') == equal(Field.NICKNAME, 'say "yes" it\'s')


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "Error", 1),
        ("DELETE FROM device", "Error", 1),
        ("SELECT * FROM product WHERE name='a'", "Error", 15),
        ("SELECT * FROM device", "Error", 21),
        (ALL + "name = 'a", "Error", 35),
        (ALL + "name = a", "Error", 35),
        (ALL + "name = 'a' name = 'b'", "Error", 39),
        (ALL + "name IN ()", "Error", 37),
        (ALL + "name = 'a' ; DROP TABLE devices", "Error", 39),
        (ALL + "name = 'a\x00'", "Error", 35),
        (ALL + "name = '" + "a" * 400 + "'", "Error", 401),
        ("SELECT secret FROM device WHERE name='a'", "FieldError", 8),
        (ALL + "secret = 'a'", "FieldError", 28),
        (ALL + "tag.colour = 'a'", "FieldError", 28),
        (ALL + "name = 'a' ORDER BY colour", "FieldError", 48),
        (ALL + " OR ".join(["name = 'a'"] * 6), "ConditionError", 28),
        (ALL + "((((((name = 'a'))))))", "ConditionError", 28),
        (ALL + "name = 'a' ORDER BY name", "OrderError", 48),
        (ALL + "name > 'a'", "OperatorTypeError", 33),
        (ALL + "active_time LIKE '2020%'", "OperatorTypeError", 40),
        (ALL + "active_time IN ('2020-01-01')", "OperatorTypeError", 40),
        (ALL + "status LIKE 'ONLI%'", "OperatorTypeError", 35),
        (ALL + "group.group_id LIKE 'abcd%'", "OperatorTypeError", 43),
        (ALL + "tag.tag_name != 'a'", "OperatorTypeError", 41),
        (ALL + "ota_module.name LIKE 'abcd%'", "OperatorTypeError", 44),
        (ALL + "status = 'online'", "ParamError", 37),
        (ALL + "name LIKE 'tes%'", "ParamError", 38),
        (ALL + "name LIKE 'test'", "ParamError", 38),
        (ALL + "active_time > 'yesterday'", "ParamError", 42),
        (ALL + "active_time > '2020-02-30'", "ParamError", 42),
        (ALL + "name = 'a' LIMIT 51", "OffsetError", 45),
        (ALL + "name = 'a' LIMIT 0", "OffsetError", 45),
        (ALL + "name = 'a' LIMIT 9991,10", "OffsetError", 45),
        (ALL + "name = 'a' LIMIT 0,51", "OffsetError", 45),
    ],
)
def test_each_kind_of_mistake_has_its_own_code_and_names_its_place(text: str, code: str, place: int) -> None:
    assert refusal(text) == (code, place)


@pytest.mark.parametrize(
    "text",
    [
        ALL + " OR ".join(["name = 'a'"] * 5),
        ALL + " AND ".join(["tag.tag_name = 'a' AND tag.tag_value = 'b'"] * 5),
        ALL + "(((((name = 'a')))))",
        ALL + "name = '" + "a" * (400 - len(ALL) - len("name = ''")) + "'",
        ALL + "name = 'a' LIMIT 50",
        ALL + "name = 'a' LIMIT 9950, 50",
        ALL + "name LIKE 'test%'",
    ],
)
def test_the_bounds_themselves_are_allowed(text: str) -> None:
    parse_statement(text)


def test_a_keyword_may_begin_a_field_and_a_value() -> None:
    with pytest.raises(ApiError, match="instance is no field"):
        parse_condition("instance = 'a'")
    assert parse_condition("name = 'and'") == equal(Field.NAME, "and")

"""The table of MQTT statements says what the tests hold."""

from docs.generate.mqtt import held_by
from docs.generate.mqtt_statements import STATEMENTS, Standing

HELD = {each.number for each in STATEMENTS if each.standing is not Standing.NOT_OURS}


def test_what_is_kept_and_what_differs_on_purpose_is_held_by_a_test() -> None:
    assert set(held_by()) == HELD


def test_what_is_not_kept_says_why() -> None:
    assert [each.number for each in STATEMENTS if (each.standing is Standing.KEPT) == bool(each.why)] == []


def test_no_statement_is_listed_twice() -> None:
    assert len({each.number for each in STATEMENTS}) == len(STATEMENTS)

"""What devices may send, and how it is read."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.ddi.bodies import Execution, Finished, read_config_data, read_feedback
from skyferry.ddi.errors import DdiError
from skyferry.fleet.attributes import UpdateMode
from tests.unit.ddi.world import SETTINGS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def feedback(execution: object = "proceeding", finished: object = "none", **more: Any) -> dict[str, Any]:
    result = {"finished": finished} | {name: more.pop(name) for name in ("progress",) if name in more}
    return {"status": {"execution": execution, "result": result, **more}}


@pytest.mark.parametrize("execution", Execution)
@pytest.mark.parametrize("finished", Finished)
def test_each_execution_and_result_in_any_letter_case(execution: Execution, finished: Finished) -> None:
    said = read_feedback(feedback(execution.upper(), finished.upper()), SETTINGS)
    assert (said.execution, said.finished) == (execution, finished)
    assert said.succeeded == (execution == "closed" and finished != "failure")
    assert said.execution.is_end == (execution in {"closed", "canceled", "rejected"})


@pytest.mark.parametrize(
    ("progress", "percent"),
    [
        ({"cnt": 1, "of": 3}, 33),
        ({"cnt": 9, "of": 3}, 100),
        ({"cnt": -1, "of": 3}, 0),
        ({"cnt": 1, "of": 0}, None),
        ({"cnt": True, "of": 1}, None),
        ({"cnt": "1", "of": 2}, None),
        ({"cnt": 1}, None),
        ([], None),
        (None, None),
    ],
)
def test_progress_is_a_share_or_nothing(progress: object, percent: int | None) -> None:
    assert read_feedback(feedback(progress=progress), SETTINGS).percent == percent


def test_details_become_one_line_of_bounded_length() -> None:
    said = read_feedback(feedback(details=[" no\0 space ", "", 7, "\ud800", "x" * 1_000]), SETTINGS)
    assert said.description.startswith("no space | ? | xxx")
    assert len(said.description) == SETTINGS.description_characters


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status is not"),
        ({"status": []}, "status is not"),
        ({"status": {"execution": "closed"}}, "status.result is not"),
        (feedback(None), "status.execution is not a text"),
        (feedback("sleeping"), "status.execution is one of proceeding, "),
        (feedback(finished=1), "status.result.finished is not a text"),
        (feedback(finished="maybe"), "status.result.finished is one of none, "),
        (feedback(details="text"), "status.details is a list"),
    ],
)
def test_what_is_wrong_with_feedback_is_told(body: dict[str, Any], field: str) -> None:
    with pytest.raises(DdiError) as refused:
        read_feedback(body, SETTINGS)
    assert refused.value.status == 400
    assert refused.value.message.startswith(field)


def test_attributes_are_texts_whatever_json_has() -> None:
    told = read_config_data({"mode": "REPLACE", "data": {"a": 1, "b": True, "c": None, "d": "x\0", "e": 1.5}})
    assert told.mode is UpdateMode.REPLACE
    assert dict(told.values) == {"a": "1", "b": "true", "c": "", "d": "x", "e": "1.5"}
    assert read_config_data({"data": {}}).mode is UpdateMode.MERGE


@pytest.mark.parametrize(
    "body", [{}, {"data": []}, {"data": {"a": []}}, {"data": {}, "mode": "x"}, {"data": {"": "x"}}]
)
def test_attributes_that_cannot_be_kept(body: dict[str, Any]) -> None:
    with pytest.raises(DdiError) as refused:
        read_config_data(body)
    assert refused.value.status == 400


@given(JSON, JSON, JSON, JSON)
def test_any_json_is_read_or_refused(first: object, second: object, third: object, fourth: object) -> None:
    status = {"execution": first, "result": {"finished": second, "progress": third}, "details": fourth}
    for body in ({"status": status}, {"status": first}, {"data": {"key": first}, "mode": second}, {"data": third}):
        for read in (lambda document: read_feedback(document, SETTINGS), read_config_data):
            with suppress(DdiError):
                read(body)

"""Identifiers in the shapes that clients know (control-plane reference §1.6)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry import identifiers


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (identifiers.product_key, r"a1[A-Za-z0-9]{9}"),
        (identifiers.device_name, r"[A-Za-z0-9]{20}"),
        (identifiers.device_secret, r"[a-z0-9]{32}"),
        (identifiers.iot_id, r"[A-Za-z0-9]{20}0010[0-9a-f]{6}"),
        (identifiers.firmware_id, r"[A-Za-z0-9]{20}03[0-9]{4}"),
        (identifiers.job_id, r"[A-Za-z0-9]{20}02[0-9]{4}"),
    ],
)
def test_shapes(make: object, shape: str) -> None:
    assert callable(make)
    made = {make() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(shape, item) for item in made)


@given(st.integers(min_value=1, max_value=62**8 - 1))
def test_a_task_id_holds_the_key_of_its_row(key: int) -> None:
    task = identifiers.task_id(identifiers.job_id(), key)
    assert re.fullmatch(r"[A-Za-z0-9]{20}01[0-9]{4}", task)
    assert identifiers.task_key(task) == key


@given(st.text())
def test_any_text_can_be_asked_for_a_task(text: str) -> None:
    key = identifiers.task_key(text)
    assert key is None or len(text) == 26

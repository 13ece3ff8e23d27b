"""Tables as CSV: what a spreadsheet makes of a cell."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyferry.console import export


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_no_cell_becomes_a_formula(cell: str) -> None:
    assert export.safe(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "pump-1", "1.0", "a=b"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert export.safe(cell) == cell


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8")), min_size=2), max_size=4))
def test_a_table_is_read_as_it_was_written(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(export.text_of(rows))))

    assert read == [[export.safe(cell) for cell in row] for row in rows]

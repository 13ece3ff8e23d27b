"""Names of devices as people type them and as tables hold them."""

import pytest

from skyferry.console.pages.registrations import read_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("\n \n", []),
        ("pump-1\npump-2\n", [("pump-1", ""), ("pump-2", "")]),
        (" pump-1 , north \r\n", [("pump-1", "north")]),
        ('DeviceName,Nickname\n"pump-1","north",more', [("pump-1", "north")]),
        ("devicename\npump-1", [("pump-1", "")]),
        (",north\npump-1", [("pump-1", "")]),
    ],
)
def test_a_line_is_a_device(text: str, names: list[tuple[str, str]]) -> None:
    assert read_names(text) == names
